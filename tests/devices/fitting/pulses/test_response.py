"""Fits of pulse responses: which one is chosen, noise, devices, measured curves, refusals."""

import os
from pathlib import Path

import numpy as np
import pytest

import devices
from devices import (
    ExpStepPulses,
    LinearPulses,
    NonlinearPulses,
    PiecewisePulses,
    SoftBoundsPulses,
    fit_pulses,
)
from devices.fitting.pulses.curves import walked
from devices.fitting.pulses.shapes import (
    ExpStep,
    Linear,
    Nonlinear,
    Piecewise,
    Range,
    SoftBounds,
    label,
)
from devices.pulses.nonlinear import label_to_a
from tests.helpers.coverage import assert_covered

REAL = Path(os.environ.get("NSM_DATA_DIR", "none")) / "aihwkit-gong" / "gong_et_al.csv"
RANGE = {"g_min": 5e-6, "g_max": 5e-5}
LINEAR = LinearPulses(
    **RANGE, step=0.02, up_down=0.2, decrease_up=0.6, decrease_down=0.3, c2c=0.3, write_noise=0.5
)
KNOWN = [
    LINEAR,
    SoftBoundsPulses(**RANGE, step=0.03, up_down=0.1, c2c=0.1, write_noise=0.3),
    NonlinearPulses(**RANGE, pulses=100, nl_up=3.0, nl_down=-2.0, c2c=5e-4),
    ExpStepPulses(
        **RANGE, step=0.02, a=1.0, b=0.0, a_up=0.25, a_down=0.2, gamma_up=1.3, gamma_down=1.5,
        c2c=0.1, write_noise=0.3,
    ),
    PiecewisePulses(
        **RANGE, step=0.02, up=(1.5, 0.4, 0.4, 1.2, 0.2), down=(0.3, 1.0, 0.4, 0.5, 1.5),
        c2c=0.1, write_noise=0.3,
    ),
]  # fmt: skip


def measured(model, seed, *, pulses=150, shape=(5,)):
    """Return curves up from g_min and down from g_max, as they are read, (*shape, pulses + 1)."""
    rng = np.random.default_rng(seed)
    cells = model.init(shape, rng=rng)
    curves = []
    for start, direction in ((model.g_min, 1), (model.g_max, -1)):
        g, reads = np.full(shape, start), []
        for _ in range(pulses + 1):
            reads.append(model.with_write_noise(g, rng=rng))
            g = model.respond(g, direction, cells, rng=rng)
        curves.append(np.moveaxis(reads, 0, -1))
    return curves


@pytest.mark.parametrize(
    ("shape", "theta"),
    [
        (Linear(), [0.05, 0.01, 0.02, 0.04]),
        (SoftBounds(), [0.05, 0.03, 1.0, -1.0]),
        (Nonlinear(), [40.0, 3.0, 1.5]),
        (ExpStep(), [0.05, 0.2, 1.2, 0.04, -0.3, 0.8]),
        (Piecewise(4), [0.05, 0.02, 0.03, 0.01, 0.01, 0.02, 0.05, 0.04]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_the_curve_of_a_table_is_that_of_the_response(shape, theta):
    theta, range_ = np.array(theta), Range(5e-6, 5e-5, True)
    model = shape.build(theta, range_)
    up, down = model.curve(60)
    found = walked(shape.tables(theta), np.array([-1.0, 1.0]), shape.bounds(theta), (61, 61))
    tolerance = 2e-5 if shape.name == "ExpStepPulses" else 2e-7  # by its table; by labels
    np.testing.assert_allclose(found[0], range_.weight(up), atol=tolerance)
    np.testing.assert_allclose(found[1], range_.weight(down), atol=tolerance)


@pytest.mark.parametrize("value", [-8.5, -2.0, -0.03, 0.03, 0.5, 9.0])
def test_labels_are_those_of_their_curvature(value):
    assert label(float(1 / label_to_a(value))) == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize("model", KNOWN, ids=lambda model: type(model).__name__)
def test_a_known_response_is_found_again(model):
    fit = fit_pulses(*measured(model, 0, shape=(6,)), **RANGE, resamples=0)
    assert type(fit.model) is type(model)
    for found, true in zip((fit.up, fit.down), model.curve(150), strict=True):
        assert np.abs(found - true).max() < 0.03 * 4.5e-5
    assert set(fit.scores) == {type(m).__name__ for m in KNOWN}
    assert fit.counts["values"] == 6 * 2 * 151


def test_numbers_are_found_again_with_honest_errors():
    fits = [
        fit_pulses(
            *measured(LINEAR, seed), **RANGE, responses=(LinearPulses,), resamples=15, rng=seed
        )
        for seed in range(12)
    ]
    names = ("step", "up_down", "decrease_up", "decrease_down", "write_noise")
    assert_covered(fits, {name: getattr(LINEAR, name) for name in names})


@pytest.mark.slow  # a minute
@pytest.mark.parametrize("shape", [(1,), (5,)])
def test_many_intervals_hold_a_step_that_noise_hides(shape):
    hidden = LinearPulses(
        **RANGE, step=0.02, decrease_up=0.6, decrease_down=0.3, c2c=0.3, write_noise=5.0
    )
    fits = [
        fit_pulses(
            *measured(hidden, seed, shape=shape),
            **RANGE,
            responses=(LinearPulses,),
            rng=1000 + seed,  # with one seed for all, the errors of all fits are wrong together
        )
        for seed in range(100)
    ]
    names = ("step", "up_down", "decrease_up", "decrease_down", "c2c", "write_noise")
    for name in names:
        true, found = getattr(hidden, name), [fit.estimates[name] for fit in fits]
        # The step is the larger of two, so that it has a bias; its standard error holds it.
        assert abs(np.mean([e.value for e in found]) - true) < 2 * np.median(
            [e.error for e in found]
        )
        held = np.mean([low <= true <= high for low, high in (e.interval() for e in found)])
        assert held >= 0.9, f"{name}: {held:.2f}"


def test_noise_that_stays_is_told_from_noise_of_reads():
    for c2c, write_noise in ((0.5, 0.0), (0.0, 2.0)):
        model = LinearPulses(**RANGE, step=0.01, decrease_up=0.5, c2c=c2c, write_noise=write_noise)
        fit = fit_pulses(
            *measured(model, 1, pulses=200, shape=(20,)),
            **RANGE,
            responses=(LinearPulses,),
            resamples=0,
        )
        assert fit.model.c2c == pytest.approx(c2c, rel=0.15, abs=0.1)
        assert fit.model.write_noise == pytest.approx(write_noise, rel=0.1, abs=0.1)


def test_the_spread_between_devices_is_told_from_noise():
    alike = LinearPulses(**RANGE, step=0.01, decrease_up=0.3, c2c=0.5)
    different = LinearPulses(**RANGE, step=0.01, decrease_up=0.3, c2c=0.5, d2d_step=0.15)
    options = {**RANGE, "resamples": 4, "responses": (LinearPulses,)}
    same, spread = (
        fit_pulses(*measured(m, 2, pulses=120, shape=(40, 2)), **options)
        for m in (alike, different)
    )
    assert same.model.d2d_step < 0.04
    assert spread.model.d2d_step == pytest.approx(0.15, rel=0.4)


def test_missing_reads_and_few_devices_are_told():
    up, down = measured(LINEAR, 3, shape=(3,))
    up[:, 10:20] = np.nan
    down[1, 5] = np.nan
    fit = fit_pulses(up, down, responses=(LinearPulses,), resamples=0)
    assert fit.counts["missing"] == 31
    assert any("3 devices tell their spread to 50 % at best" in note for note in fit.notes)
    assert (
        "LinearPulses says how a cell learns. A mapped network is written without error"
        in (fit.notes[-1])
    )
    alone = fit_pulses(up[0], down[0], responses=(LinearPulses,), resamples=0)
    assert any("One device does not show how devices differ" in note for note in alone.notes)
    assert np.isnan(alone.estimates["c2c"].error)


UP, DOWN = (curve[0] for curve in measured(LINEAR, 4, pulses=40))


@pytest.mark.parametrize(
    ("up", "down", "options", "message"),
    [
        (DOWN, UP, {}, "up goes from .* to .* S, and should rise"),
        (UP, UP, {}, "down goes from .* and should fall"),
        (UP[:15], DOWN, {}, "up holds 15 reads; give at least 16"),
        (UP * 0 + 1e-5, DOWN, {}, "up goes from 1e-05 to 1e-05 S"),
        (np.tile(UP, (3, 1)), DOWN, {}, r"up has shape \(3, 41\) and down \(41,\)"),
        (np.ones((1, 1, 1, 41)) * UP, DOWN, {}, r"up has shape \(1, 1, 1, 41\)"),
        (UP * 1e6, DOWN, {}, r"up has a median of .* are the values in µS\?"),
        (UP * np.nan, DOWN, {}, "up of shape .* holds no finite value"),
        (UP, DOWN, {"g_min": 1e-3}, "g_min = 0.001 S must be below g_max"),
        (UP, DOWN, {"folds": 1}, "folds = 1 is not allowed"),
        (UP, DOWN, {"responses": ()}, "responses is empty; give classes such as"),
        (UP, DOWN, {"responses": (devices.PowerPulses,)}, "unknown response 'PowerPulses'"),
        (UP, DOWN, {"nodes": 1}, "nodes = 1 is not allowed"),
    ],
)
def test_what_are_no_pulse_curves_is_refused(up, down, options, message):
    with pytest.raises(ValueError, match=message):
        fit_pulses(up, down, **options)


@pytest.mark.skipif(not REAL.is_file(), reason="NSM_DATA_DIR has no aihwkit-gong")
def test_measured_curves_are_described_to_their_noise():
    # Normalized conductances from −1 to 1, of which reads scatter by 0.17; here 10 µS per unit.
    g = (np.genfromtxt(REAL, delimiter=",") + 1.5) * 1e-5
    fit = fit_pulses(g[:, 0], g[:, 1], resamples=5)
    scatter = np.concatenate(fit.residuals).std()
    assert scatter == pytest.approx(1.7e-6, rel=0.05)
    # Soft bounds have the fewest parameters of those that err by no more than this scatter.
    assert isinstance(fit.model, SoftBoundsPulses)
    assert fit.scores["SoftBoundsPulses"] < 1.1 * scatter
    assert fit.scores["SoftBoundsPulses"] < fit.scores["PiecewisePulses"]
    assert fit.scores["NonlinearPulses"] == max(
        s for name, s in fit.scores.items() if name != "PiecewisePulses"
    )
    assert any("The scatter of reads is correlated over about" in note for note in fit.notes)
    assert any("curves tell little about the cycle-to-cycle noise" in note for note in fit.notes)
    devices.Device(g_min=fit.model.g_min, g_max=1e-4, pulses=fit.model)


def test_a_device_without_a_curve_is_left_out_and_counted():
    response = NonlinearPulses(g_min=1e-6, g_max=3e-5, pulses=40, nl_up=2.0, nl_down=-2.0)
    rng = np.random.default_rng(0)
    up, down = (c + rng.normal(0, 1e-7, (3, 41)) for c in response.curve(40))
    options = {"responses": (NonlinearPulses,), "resamples": 0}
    whole = fit_pulses(up[:2], down[:2], **options)
    up[2] = np.nan
    fit = fit_pulses(up, down, **options)
    assert fit.model == whole.model
    assert fit.counts["devices without a curve"] == 1
    with pytest.raises(ValueError, match="no device has reads both up and down"):
        fit_pulses(np.vstack([up[:1], up[2:]]), np.vstack([up[2:], down[:1]]), **options)
