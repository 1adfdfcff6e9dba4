"""Figures of fitted noise show what was measured and what was fitted."""

import numpy as np
import pytest

from nsm.plots.fits import noise
from tests.helpers import fits


def test_a_spectrum_is_drawn_beside_its_model():
    fit = fits.read_noise()
    ax = noise.plot_noise_spectra(fit)
    curves = [line for line in ax.lines if len(line.get_xdata()) == len(fit.frequencies)]
    assert len(curves) == 2 * len(fit.cells)
    np.testing.assert_allclose(curves[0].get_ydata(), fit.density[0] * 1e12)
    np.testing.assert_allclose(curves[1].get_ydata(), fit.model_density[0] * 1e12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("frequency [Hz]", "density [µS²/Hz]")


def test_cells_that_are_drawn_span_the_conductances():
    fit = fits.read_noise()
    assert noise.shown_cells(fit) == [0, 1, 2, 3]


def test_residuals_of_a_spectrum_scatter_around_one():
    ax = noise.plot_spectrum_residuals(fits.read_noise())
    of_first = ax.lines[0].get_ydata()
    assert np.median(of_first) == pytest.approx(1, abs=0.2)


def test_quantiles_of_normal_residuals_lie_on_the_line():
    measured, normal = noise.residual_quantiles(np.random.default_rng(0).normal(3, 2, 20_000))
    assert np.abs(measured - normal).max() < 0.1
    ax = noise.plot_quantiles(measured, normal, ["a cell"])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a cell", "normal"]


def test_the_window_with_most_transitions_is_drawn():
    fit = fits.telegraph()
    window = noise.busiest_window(fit, reads=500)
    changes = np.diff(fit.states) != 0
    most = max(changes[k : k + 499].sum() for k in range(len(fit.states) - 499))
    assert changes[window.start : window.stop - 1].sum() == most
    ax = noise.plot_decoded_trace(fit)
    decoded = ax.lines[1].get_ydata() / 1e6
    assert set(np.unique(decoded.round(12))) == set((fit.levels + fit.wander[0]).round(12))


def test_dwell_times_fall_as_their_law():
    fit = fits.telegraph()
    ax = noise.plot_dwell_times(fit)
    steps, law = ax.lines[0], ax.lines[1]
    assert len(steps.get_xdata()) == fit.dwells[0].size
    t, share = law.get_data()
    np.testing.assert_allclose(share, np.exp(fit.rates[0, 0] * t))
    assert ax.get_yscale() == "log"
