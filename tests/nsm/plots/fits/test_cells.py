"""Figures of fits of cells and pulses show what was measured and what was fitted."""

import numpy as np
import pytest

from devices import Estimate, Fit
from nsm.plots.fits import cells, pulses
from tests.helpers import fits


def test_errors_are_drawn_over_their_targets():
    target, got = fits.programmed()
    ax = cells.plot_programming_fit(fits.programming())
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, target * 1e6)
    np.testing.assert_allclose(y, (got - target) * 1e6, rtol=1e-6)


def test_levels_stand_over_their_targets():
    fit = fits.levels()
    ax = cells.plot_levels_fit(fit)
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose(x, np.sort(fit.targets) * 1e6)
    np.testing.assert_allclose(y, np.array(fit.levels) * 1e6)


def test_more_levels_can_be_told_apart_if_more_errors_are_allowed():
    fit = fits.levels()
    counts = cells.plot_distinguishable_levels(fit).lines[0].get_ydata()
    assert (np.diff(counts) >= 0).all()
    assert counts[-1] == len(fit.distinguishable(error=cells.LEVEL_ERRORS[-1]))


def test_relaxation_is_drawn_with_its_spread():
    start, later, times = fits.relaxed()
    ax = cells.plot_relaxation_fit(fits.relaxation(), start, later, times)
    spread, model = ax.lines[2], ax.lines[3]
    np.testing.assert_allclose(spread.get_ydata(), (later - start).std(axis=1) * 1e6)
    assert model.get_ydata()[-1] == pytest.approx(spread.get_ydata()[-1], rel=0.1)


def test_conductances_follow_the_law_of_temperature():
    g, kelvin = fits.heated()
    ax = cells.plot_temperature_fit(fits.temperature(), g, kelvin)
    measured, law = ax.lines[0], ax.lines[1]
    np.testing.assert_allclose(measured.get_ydata(), g[:, 0] / g[0, 0])
    at_end = np.interp(kelvin[-1], *law.get_data())
    assert at_end == pytest.approx(g[-1, 0] / g[0, 0], rel=0.1)


def test_energies_of_bakes_are_drawn_with_their_intervals():
    energies = {
        "activation_energy_ev": 0.1,
        "energy at 350 K": 0.09,
        "energy at 400 K for 9 s": 0.11,
    }
    estimates = {n: Estimate(value=e, error=0.01, unit="eV") for n, e in energies.items()}
    ax = cells.plot_bakes_fit(Fit(model=None, estimates=estimates))
    (bars,) = ax.containers
    points, _, (segments,) = bars
    np.testing.assert_allclose(points.get_xydata(), [[350, 0.09], [400, 0.11]])
    low, high = estimates["energy at 350 K"].interval()
    np.testing.assert_allclose(segments.get_segments()[0], [[350, low], [350, high]])
    assert list(ax.lines[0].get_ydata()) == [0.1, 0.1]


def test_pulse_curves_are_drawn_with_every_pulse():
    fit = fits.pulses()
    ax = pulses.plot_pulse_fit(fit)
    points, curve = ax.lines[0], ax.lines[1]
    np.testing.assert_allclose(
        points.get_ydata(), (fit.up[: len(fit.residuals[0])] + fit.residuals[0]) * 1e6
    )
    np.testing.assert_allclose(curve.get_ydata(), fit.up * 1e6)


def test_the_response_that_was_taken_has_its_own_color():
    fit = fits.pulses()
    ax = pulses.plot_response_scores(fit)
    names = [t.get_text() for t in ax.get_yticklabels()]
    colors = {n: b.get_facecolor() for n, b in zip(names, ax.patches, strict=True)}
    taken = colors.pop(type(fit.model).__name__)
    assert taken not in colors.values()
    assert [b.get_width() for b in ax.patches] == sorted(
        (s * 1e6 for s in fit.scores.values()), reverse=True
    )
