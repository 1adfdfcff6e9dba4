"""Stochastic selectors in arrays: spread, leaks, switches in series, fast reads."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from crossbar import ReferenceColumn, Wires
from crossbar.arrays import precision
from crossbar.reads.processor import FORM
from devices import (
    BlankOut,
    GaussianNoise,
    MetallicTemperature,
    NoNoise,
    PowerLawDrift,
    StochasticSelector,
    TelegraphNoise,
)
from tests.helpers.noise_with_memory import DEVICE, ROW, TRAPS, X, array_of, neurons_of
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance
from tests.helpers.unbounded_error import UnboundedError

sharings = pytest.mark.parametrize("sharing", ["pair", "cell", "word_line"])
READS = 20_000
SPREAD = {
    "plain": {},
    "levels": {"device": replace(DEVICE, levels=10)},
    "reference": {"mapping": ReferenceColumn()},
}


@sharings
@pytest.mark.parametrize("case", SPREAD)
def test_moments_are_those_of_the_chip_with_its_own_thresholds(case, sharing):
    w = np.array([[1.0, -0.6, 0.25, 0.8], [-0.3, 0.9, 0.0, 0.5]])
    x = np.array([1.0, -1, 1, 1])
    options = SPREAD[case] | {
        "gate": StochasticSelector(spread=1.0, leak=0.1),
        "gate_sharing": sharing,
    }
    chips = [array_of(w, rng=seed, noise=None, **options) for seed in (0, 1)]
    for chip in chips:
        mean, variance = chip.moments(x[None])
        for sampling in ("exact", "moments"):
            u = chip.read(np.tile(x, (READS, 1)), rng=1, sampling=sampling)
            assert_mean(u, mean[0])
            assert_variance(u, variance[0], mean[0])
    # Chips differ by far more than these reads could tell: half a threshold is ± 0.3 in p.
    assert (np.abs(chips[0].moments(x[None])[0] - chips[1].moments(x[None])[0]) > 0.01).all()


def test_chips_with_spread_have_the_moments_of_the_selector_on_average():
    gate = StochasticSelector(z=0.4, spread=1.0, leak=0.1)
    mean, variance = array_of(np.tile(ROW, (4000, 1)), gate=gate).moments(X[None])
    m, v = (float(moment) for moment in gate.moments(np.array(1e-6)))
    assert_mean(mean[0], m * ROW @ X)
    assert_mean(variance[0], v * (ROW**2).sum())


def test_moments_of_noise_with_memory_are_those_of_reads_far_apart():
    gate = StochasticSelector(correlation=0.5, spread=1.0)
    # A read period much longer than any time constant makes reads independent.
    chip = array_of(np.tile(ROW, (3, 1)), noise=TRAPS, gate=gate, read_period=1.0)
    u = chip.read(np.tile(X, (4000, 1)), rng=1)
    mean, variance = chip.moments(X[None])
    assert_mean(u, mean[0])
    assert_variance(u, variance[0], mean[0])


class CellByCell(StochasticSelector):
    """The same switch without `bernoulli`, so that it is read cell by cell."""

    bernoulli = None


FIVE = np.array([1.0, -0.61, 0.27, 0.13, -0.42])  # all sums of some of them differ


@pytest.mark.parametrize("selector", [StochasticSelector, CellByCell])
@pytest.mark.parametrize("leak", [0.0, 0.2])
def test_reads_of_a_leaky_selector_have_their_exact_law(selector, leak):
    gate = selector.with_p(0.375, leak=leak)
    chip = array_of(FIVE[None], gate=gate)
    assert chip.reader.describe() == (
        "cell by cell" if selector is CellByCell else f"packed bits ({FORM}), 3 digits, off grid"
    )
    u = chip.read(np.ones((READS, 5)), rng=1)[:, 0]
    # ξ = leak + (1 − leak) m: each set of n closed switches has its own sum, with
    # probability p^n (1 − p)^(5 − n).
    masks = np.array(np.meshgrid(*[[0, 1]] * 5)).reshape(5, -1)
    sums = FIVE @ (leak + (1 - leak) * masks)
    p = 0.375 ** masks.sum(axis=0) * 0.625 ** (5 - masks.sum(axis=0))
    off = np.abs(u[:, None] - sums)
    assert off.min(axis=1).max() < 1e-5  # weights off the grid are rounded to 4e-6 of the largest
    for hits, share in zip(np.bincount(off.argmin(axis=1), minlength=32), p, strict=True):
        assert_frequency(hits, READS, share)


@pytest.mark.parametrize("sharing", ["pair", "cell"])
@pytest.mark.parametrize("noise", [NoNoise(), GaussianNoise(0.8)])
def test_packed_reads_of_a_leaky_selector_equal_those_cell_by_cell(noise, sharing):
    x = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], 5)
    options = {"noise": noise, "gate_sharing": sharing, "device": replace(DEVICE, levels=10)}
    fast, slow = (
        array_of(FIVE[None], gate=s(z=0.3, leak=0.2), **options)
        for s in (StochasticSelector, CellByCell)
    )
    assert fast.reader.describe().startswith("packed bits")
    assert slow.reader.describe() == "cell by cell"
    np.testing.assert_allclose(fast.moments(x[None]), slow.moments(x[None]), rtol=1e-12)
    mean, variance = (m[0] for m in fast.moments(x[None]))
    reads = [chip.read(np.tile(x, (READS, 1)), rng=1) for chip in (fast, slow)]
    for u in reads:
        assert_mean(u, mean)
        assert_variance(u, variance, mean)
    assert ks_2samp(*(u[:, 0].round(6) for u in reads)).pvalue > 1e-3


def test_a_selector_without_spread_or_leak_reads_bit_for_bit_like_blank_out():
    x = np.random.default_rng(2).choice([-1.0, 1.0], (50, 5))
    one, other = (
        array_of(FIVE[None], gate=gate)
        for gate in (StochasticSelector.with_p(0.375), BlankOut(0.375))
    )
    assert one.reader.describe() == other.reader.describe()
    np.testing.assert_array_equal(one.read(x, rng=1), other.read(x, rng=1))


def test_a_closed_switch_in_series_lowers_the_conductance():
    gate = StochasticSelector(leak=0.2, on_conductance=2e-5)
    neurons = neurons_of(FIVE[None], gate=gate, a=np.array([0.5]))
    main = neurons.main
    k = neurons.siemens_per_weight
    pos, neg = 1e-6 + k * np.maximum(FIVE, 0), 1e-6 + k * np.maximum(-FIVE, 0)
    # 1/G' = 1/G + 1/G_on, in the gated array; the deterministic path has no switch.
    weights = (1 / (1 / pos + 1 / 2e-5) - 1 / (1 / neg + 1 / 2e-5)) / k
    np.testing.assert_allclose(main.weights[0], weights, rtol=1e-9)
    np.testing.assert_allclose(neurons.deterministic_path.weights[0], FIVE, rtol=1e-9)
    assert main.reader.describe().startswith("packed bits")
    u = neurons.read(np.ones((1, 5)), rng=1, reads_per_input=READS)
    # E ξ = ½ + ½ leak, Var ξ = ¼ (1 − leak)².
    assert_mean(u, 0.6 * weights.sum() + 0.5 * FIVE.sum())
    assert_variance(u, 0.25 * 0.64 * (weights**2).sum())


SEEN = {
    "plain": {},
    "behind a switch": {"gate": StochasticSelector(on_conductance=2e-5)},
    "hot": {"temperature": 400.0},
    "behind wires": {"wires": Wires(r_row=5.0, r_col=5.0)},
    "drifted": {"retention": PowerLawDrift(nu_mean=0.1, nu_std=0.0)},
    "read through traps": {"read_noise": TelegraphNoise(0.5, 1e-3, 2e-3)},
    "one reference": {"mapping": ReferenceColumn(), "levels": 64},
}


@pytest.mark.parametrize("case", SEEN)
def test_static_to_noise_ratio_counts_the_programming_error_as_reads_see_it(case):
    error = UnboundedError(coefficients=(2e-7,))
    law = MetallicTemperature(alpha=0.01)
    slots = {"write": error, "temperature_law": law}
    slots |= {k: v for k, v in SEEN[case].items() if k in ("retention", "read_noise", "levels")}
    options = {"gate": BlankOut(0.5)} | {k: v for k, v in SEEN[case].items() if k not in slots}
    w = np.tile(np.tile(0.45 * FIVE, 10), (200, 1))
    ones = np.ones((1, 50))
    chips = [
        neurons_of(w, rng=seed, device=replace(DEVICE, **slots), **options) for seed in range(20)
    ]
    for chip in chips:
        chip.age(1e5)
    u = np.array([chip.moments(ones)[0][0] for chip in chips])
    off = (u - u.mean(axis=0)) * np.sqrt(20 / 19)  # behind wires, outputs differ
    # The ratio is the variance over chips by that over reads; to first order in the IR
    # drop, which is 1 % here.
    noise = chips[0].moments(ones)[1][0]
    assert_variance(
        off.ravel(), (precision.static_to_noise_ratio(chips[0]) * noise).mean(), mean=0.0
    )
