"""How much noise the pedestals of a differential pair add, if its two cells fluctuate apart."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import crossbar
import devices

LARGEST = 3.0  # the largest weight, in standard deviations


def clipped_moment(power):
    """E |w|^power of normal weights clipped at ±3 standard deviations, by quadrature."""
    inner, _ = quad(lambda w: w**power * norm.pdf(w), 0, LARGEST)
    return 2 * (inner + LARGEST**power * norm.sf(LARGEST))


def factor(on_off):
    """R = 1 + 2 (N g_min² + g_min k ‖w‖₁)/(k² ‖w‖²) per weight, with k w_max = g_max − g_min."""
    pedestal = LARGEST / (on_off - 1)  # g_min/k
    return 1 + 2 * (pedestal**2 + pedestal * clipped_moment(1)) / clipped_moment(2)


@pytest.mark.parametrize(
    ("on_off", "stated"), [(2, 23.9), (4.5, 3.85), (10, 1.76), (45, 1.12), (100, 1.05)]
)
def test_factor_of_the_documentation(on_off, stated):
    assert factor(on_off) == pytest.approx(stated, rel=3e-3)


@pytest.mark.parametrize("on_off", [2, 10, 100])
def test_factor_is_that_of_an_array_with_a_gate_in_every_cell(on_off):
    rows, lines = 40, 2000
    w = np.random.default_rng(0).standard_normal((rows, lines)).clip(-LARGEST, LARGEST)
    cell = devices.Device(g_min=1e-6, g_max=on_off * 1e-6)
    variance = {}
    for sharing in ("pair", "cell"):
        hardware = crossbar.Hardware(
            device=cell, gate=devices.BlankOut(0.5), gate_sharing=sharing, tile_shape=(lines, rows)
        )
        siemens = (cell.g_max - cell.g_min) / LARGEST
        tile = crossbar.Tile.program(w, hardware, siemens_per_weight=siemens, rng=0)
        variance[sharing] = tile.moments(np.ones((1, lines)))[1].mean()
    # Sums of 80,000 independent weights: a bound of five standard errors stays below 2 %.
    assert variance["cell"] / variance["pair"] == pytest.approx(factor(on_off), rel=0.02)
