"""Adaptive sweeps: unbiased error rates from a varying number of images."""

from math import comb

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal

from crossbar import Hardware
from devices import Device, GaussianNoise, TelegraphNoise
from nsm import Until, collect, grid, map_to_crossbar, relu_mlp
from nsm.sweeps.until import order_of_images

torch.manual_seed(0)
NET = relu_mlp((6, 5, 3))
WHITE = GaussianNoise(0.1)
RATES = [0.02, 0.1, 0.5, 0.9]


def mean_estimate(rule, p, images):
    """Return the exact mean of errors/images over all sequences of errors of probability p.

    It walks over (images read, errors) with the probability of being there without a stop.
    """
    reading, total = {0: 1.0}, 0.0
    for n in range(1, images + 1):
        moved = {}
        for k, weight in reading.items():
            for wrong, q in ((True, p), (False, 1 - p)):
                now = k + wrong
                if stops(rule, now, n):
                    total += weight * q * (k / (n - 1) if n > 1 else 0.0)
                else:
                    moved[now] = moved.get(now, 0.0) + weight * q
        reading = moved
    return total + sum(weight * k / images for k, weight in reading.items())


def stops(rule, k, n):
    """The rule as its docstring says it, for one number of errors and images."""
    if rule.errors is not None and k > rule.errors:
        return True
    return bool(
        rule.precision is not None and n >= 30 and k and np.sqrt((1 - k / n) / k) <= rule.precision
    )


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("errors", [1, 5, 20])
def test_stopping_at_a_number_of_errors_is_unbiased(p, errors):
    # Haldane 1945: (r − 1)/(n − 1) at the r-th error; here r = errors + 1.
    assert mean_estimate(Until(errors=errors), p, 120) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize("p", RATES)
def test_stopping_at_a_precision_is_nearly_unbiased(p):
    rule = Until(precision=0.3)
    assert mean_estimate(rule, p, 300) == pytest.approx(p, rel=rule.precision**2)


def test_counting_the_image_that_ends_the_reading_would_be_biased():
    # What the docstring warns of: r/n at the r-th error, r = 5, summed over n.
    p, r = 0.1, 5
    biased = sum(comb(n - 1, r - 1) * p**r * (1 - p) ** (n - r) * r / n for n in range(r, 2000))
    assert biased / p - 1 == pytest.approx((1 - p) / r, rel=0.3)


@pytest.mark.parametrize(
    "rule", [Until(errors=3), Until(precision=0.4), Until(errors=9, precision=0.35)]
)
def test_counts_are_those_of_the_first_image_that_stops(rule):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        wrong = rng.random(80) < rng.choice(RATES)
        k = n = 0
        while n < len(wrong) and not stops(rule, k + wrong[n], n + 1):
            k, n = k + int(wrong[n]), n + 1
        assert rule.counted(wrong) == (None if n == len(wrong) else (k, n))


def test_a_sweep_stops_each_chip_at_its_errors_whatever_the_batches(monkeypatch):
    images, rows = swept(Until(errors=20))
    assert (rows.errors == 20).all()
    assert rows.images.nunique() > 1
    assert (rows.images < len(images)).all()
    monkeypatch.setattr("nsm.sweeps.workers.work._IMAGES_AT_ONCE", 7)
    assert_frame_equal(
        swept(Until(errors=20))[1].drop(columns="elapsed"), rows.drop(columns="elapsed")
    )


def swept(until, n=400, noise=WHITE, **options):
    rng = np.random.default_rng(3)
    x, y = rng.random((n, 6)), rng.integers(0, 3, n)
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=noise)
    tasks = grid(NET, Hardware(device=device), {"gain": [0.1, 1.0]})
    settings = {"chips": 2, "samples": 2, "rng": 4, "progress": False, "until": until}
    return x, collect(tasks, x, y, **(settings | options))


@pytest.mark.parametrize("noise", [WHITE, TelegraphNoise(0.4, 1e-6, 1e-6)])
def test_rows_count_the_first_images_of_one_shuffled_order(noise):
    x, rows = swept(Until(errors=15), noise=noise)
    order = order_of_images(np.random.SeedSequence(4), len(x))
    assert sorted(order) == [*range(len(x))]
    y = np.random.default_rng(3)
    y.random(x.shape)
    labels = y.integers(0, 3, len(x))
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=noise)
    for row in rows.itertuples():
        seed = int(row.seed)
        chip = map_to_crossbar(NET, Hardware(device=device), rng=seed)
        chip.scale_conductances(row.gain)
        wrong = chip.wrong(x[order], labels[order], 2, rng=seed)
        assert (int(wrong[: row.images].sum()), bool(wrong[row.images])) == (15, True)


def test_all_images_are_read_if_the_rule_is_not_met():
    x, rows = swept(Until(precision=0.01), n=60)
    assert (rows.images == len(x)).all()


def test_the_rule_is_part_of_the_experiment(tmp_path):
    path = tmp_path / "rows.csv"
    _, rows = swept(Until(errors=5), save_to=path)
    assert swept(Until(errors=5), save_to=path)[1].equals(rows)
    for other in (None, Until(errors=6), Until(errors=5, precision=0.5)):
        with pytest.raises(ValueError, match="rows.csv holds another experiment"):
            swept(other, save_to=path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Until(), r"Until\(\) never stops: give errors, such as Until\(errors=100\)"),
        (lambda: Until(errors=0), "Until.errors = 0 is not allowed"),
        (lambda: Until(errors=1.5), "Until.errors = 1.5"),
        (lambda: Until(precision=0.6), "Until.precision = 0.6 is not allowed"),
        (lambda: Until(precision=0.0), "Until.precision = 0.0 is not allowed"),
        (lambda: swept(100), r"until = 100 is not allowed; give nsm.Until\(errors=100\)"),
        (lambda: swept(Until(errors=400)), "until: errors = 400 cannot be exceeded by 400 images"),
        (lambda: swept(Until(errors=4), block=10), "block = 10 is not allowed with until"),
    ],
)
def test_rules_without_effect_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
