"""Reads that stand alone: they hide no levels, and levels are none of them."""

import numpy as np
import pytest

from devices import fit_telegraph
from devices.fitting.telegraph.lone_reads import are_lone

PERIOD = 1e-3


def trace(rng, reads=20_000, dwell=100, step=0.02):
    """Reads of a cell of 10 µS with one trap and 0.3 % of white noise."""
    empty = np.cumsum(rng.random(reads) < 1 / dwell) % 2
    return 10e-6 * (1 - step * empty) + 3e-8 * rng.standard_normal(reads)


@pytest.mark.parametrize("glitches", [{500: 50e-6}, {500: 50e-6, 9000: 0.0, 9001: 1e-6}])
def test_glitches_change_the_fit_as_missing_reads_do(rng, glitches):
    g = trace(rng)
    places, values = list(glitches), list(glitches.values())
    missing, g_bad = g.copy(), g.copy()
    missing[places], g_bad[places] = np.nan, values
    want, found = fit_telegraph(missing, PERIOD), fit_telegraph(g_bad, PERIOD)
    assert found.kind == want.kind == "2 levels"
    for name, estimate in want.estimates.items():
        assert found.estimates[name].value == pytest.approx(estimate.value, rel=1e-12)
    assert found.counts["far off"] == len(glitches)
    assert found.counts["missing"] == 0
    assert any(f"{len(glitches)} read" in note and "5e-05 S" in note for note in found.notes)
    assert np.isfinite(found.residuals).all()


def test_one_level_is_not_widened_by_a_glitch(rng):
    g = 10e-6 + 3e-8 * rng.standard_normal(5_000)
    g[77] = 1e-6
    fit = fit_telegraph(g, PERIOD)
    assert fit.kind == "1 level"
    assert fit.sigma == pytest.approx(3e-8, rel=4 / np.sqrt(2 * len(g)))
    assert fit.residuals[77] == pytest.approx(-9e-6, rel=1e-3)


def test_short_dwells_of_a_trap_are_no_glitches(rng):
    g = 10e-6 + 1e-8 * rng.standard_normal(2_000)
    g[[300, 1_200]] -= 5e-6  # entered twice
    assert not are_lone(g).any()
    g[1_200] += 5e-6
    g[301] -= 5e-6  # entered once, for two reads
    assert are_lone(g).sum() == 2


def test_few_are_taken_away_and_none_of_equal_reads(rng):
    g = 10e-6 + 1e-8 * rng.standard_normal(1_000)
    g[:900:9] *= np.geomspace(1.1, 50, 100)  # a tail, of which each read is far from the next
    assert are_lone(g).sum() <= 2
    assert not are_lone(np.where(np.arange(1_000) == 5, 2e-6, 1e-6)).any()
