"""Step laws fitted to measured pulse curves."""

import math

import numpy as np
import pytest

from devices import PiecewisePulses, SoftBoundsPulses

RANGE = {"g_min": 1e-6, "g_max": 9e-6}


def test_measured_curves_give_back_the_response_that_made_them():
    made = PiecewisePulses(
        **RANGE, step=0.03, up=(2.0, 1.5, 1.0, 0.5, 0.1), down=(0.1, 0.4, 0.9, 1.4, 2.2)
    )
    up, down = made.curve(150)
    fitted = PiecewisePulses.from_measurements(up, down, nodes=5, g_min=1e-6, g_max=9e-6, c2c=0.3)
    np.testing.assert_allclose(
        np.array(fitted.up) * fitted.step, 0.03 * np.array(made.up), rtol=1e-6
    )
    np.testing.assert_allclose(
        np.array(fitted.down) * fitted.step, 0.03 * np.array(made.down), rtol=1e-6
    )
    # `step` is the mean of all nodes.
    assert math.isclose(np.mean(fitted.up + fitted.down), 1, rel_tol=1e-12)
    assert fitted.c2c == 0.3


def test_noisy_measurements_give_the_curve_beneath(rng):
    made = SoftBoundsPulses(**RANGE, step=0.02)
    up, down = made.curve(400)
    noisy = [g + 3e-7 * rng.standard_normal(g.shape) for g in (up, down)]
    fitted = PiecewisePulses.from_measurements(*noisy, nodes=4, g_min=1e-6, g_max=9e-6)
    # 400 reads with 0.3 µS of noise, 4 % of the range, and 5 numbers fitted: the curve is good to
    # about 0.3 √(5/400) = 0.03 µS on average, and 5 times that at its worst point. The reads
    # themselves err by 0.9 µS and more.
    for measured, curve in zip(fitted.curve(400), (up, down), strict=True):
        assert np.abs(measured - curve).max() < 1.7e-7
    # By default the range is that of the reads.
    assert PiecewisePulses.from_measurements(*noisy).g_max == max(g.max() for g in noisy)


def measured(up, down, nodes=5):
    return lambda: PiecewisePulses.from_measurements(up, down, nodes=nodes)


def piecewise(**fields):
    return lambda: PiecewisePulses(**RANGE, step=0.01, **fields)


BAD = [
    (
        piecewise(up=(1.0,), down=(1.0, 1.0)),
        r"PiecewisePulses\.up = \(1\.0,\); give at least two steps, none",
    ),
    (
        piecewise(up=(1.0, 1.0), down=(1.0, -1.0)),
        r"PiecewisePulses\.down = \(1\.0, -1\.0\); give at least two steps",
    ),
    (
        piecewise(up=("a",), down=(1.0, 1.0)),
        r"PiecewisePulses\.up\[0\] = 'a' is not a number",
    ),
    (
        measured([1e-6] * 9, [1e-6] * 9),
        r"conductances between 1e-06 and 1e-06 S leave no range to fit; give curves that move",
    ),
    (measured([1e-6] * 6, [1e-6] * 9), r"up holds 6 conductances; give at least nodes \+ 2 = 7"),
    (measured([1e-6] * 9, [[1e-6]]), r"down has shape \(1, 1\); give 1 dimensions"),
    (
        measured([1e-6] * 9, [1e-6] * 9, nodes=1),
        r"nodes = 1 is not allowed; give a whole number of at least 2",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_values_and_measurements_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
