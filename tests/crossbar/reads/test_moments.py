"""The distance of `sampling="moments"` from `"exact"`: laws of sums of integers, tails, firing."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, kstest, norm

from crossbar import Hardware, Tile
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    NoNoise,
    PowerLawNoise,
    ProductNoise,
)
from nsm import theory
from tests.helpers.statistics import assert_frequency, assert_mean

FAN_INS = (16, 64, 256, 1024)
COLUMNS = 128
REPEATS = 4000
READS = COLUMNS * REPEATS  # of one row of weights: every column draws its own gates
# P(sup |F_n − F| > 2.9/√n) = 2 exp(−2 · 2.9²) = 1e-7 (Dvoretzky, Kiefer, Wolfowitz, Massart).
DKW = 2.9 / np.sqrt(READS)
LEVELS = 513  # weights are integers from −512 to 512


def integer_weights(fan_in):
    """Return normal weights cut at 3 σ in integer levels; the largest fills the range."""
    w = np.clip(np.random.default_rng(fan_in).standard_normal(fan_in), -3, 3)
    return np.rint(w / np.abs(w).max() * (LEVELS - 1)).astype(np.int64)


def law(k, p):
    """Return support and probabilities of Σ m_j k_j, m_j ~ Bernoulli(p), one gate at a time."""
    low, high = int(np.minimum(k, 0).sum()), int(np.maximum(k, 0).sum())
    f = np.zeros(high - low + 1)
    f[-low] = 1.0
    for step in k:
        f = (1 - p) * f + p * np.roll(f, step)
    return np.arange(low, high + 1), f


def distance(support, f, p, k):
    """Return the Kolmogorov-Smirnov distance of that law from the normal one.

    It is taken halfway between the steps of the lattice.
    """
    mean, sd = p * k.sum(), np.sqrt(p * (1 - p) * (k @ k))
    return np.abs(np.cumsum(f) - norm.cdf((support + 0.5 - mean) / sd)).max()


def reads(k, p, sampling="exact", repeats=REPEATS, **options):
    """Return reads of the weights k with all inputs +1, in units of one level, and the tile."""
    device = options.pop("device", Device(g_min=0.0, g_max=(LEVELS - 1) * 1e-8, levels=LEVELS))
    hardware = Hardware(
        device=device, tile_shape=(2048, COLUMNS), **{"gate": BlankOut(p), **options}
    )
    tile = Tile.program(
        np.tile(k.astype(float), (COLUMNS, 1)), hardware, siemens_per_weight=1e-8, rng=0
    )
    return tile.read(np.ones((repeats, len(k))), rng=1, sampling=sampling).ravel(), tile


def aligned(fan_in, p):
    """Return weights times inputs: of random signs at p = ½, all positive at p = ¼.

    The skewness is largest if all products are positive; at p = ½ it is zero anyway.
    """
    k = integer_weights(fan_in)
    return k if p == 0.5 else np.abs(k)


def edgeworth(k, p):
    """Return the leading terms of the distance from a normal law (Edgeworth).

    They are skewness/6 · max |He₂ φ| + |excess kurtosis|/24 · max |He₃ φ|, with .3989 and .5506.
    """
    w = k.astype(float)[None]
    z = np.ones(len(k))
    skewness = theory.blank_out_skewness(w, z, p)[0]
    kurtosis = (1 - 6 * p * (1 - p)) / (p * (1 - p)) * (w**4).sum() / (w**2).sum() ** 2
    return 0.3989 / 6 * abs(skewness) + 0.5506 / 24 * abs(kurtosis)


def berry_esseen(k, p):
    """Return the bound sup |F − Φ| ≤ 0.56 Σ E|X_j|³/(Σ Var X_j)^{3/2} of Shevtsova (2010)."""
    third = p * (1 - p) * ((1 - p) ** 2 + p**2) * (np.abs(k.astype(float)) ** 3).sum()
    return 0.56 * third / (p * (1 - p) * (k @ k)) ** 1.5


cases = pytest.mark.parametrize(("fan_in", "p"), [(n, p) for p in (0.5, 0.25) for n in FAN_INS])


@cases
def test_exact_reads_follow_the_exact_law(fan_in, p):
    k = aligned(fan_in, p)
    u, tile = reads(k, p)
    assert tile.reader.describe().startswith("packed bits")
    assert "off grid" not in tile.reader.describe()
    support, f = law(k, p)
    levels = np.rint(u).astype(np.int64)
    measured = np.bincount(levels - support[0], minlength=len(f)) / READS
    assert np.abs(np.cumsum(measured) - np.cumsum(f)).max() <= DKW
    # The distance from the normal law, measured: |sup a − sup b| ≤ sup |a − b|.
    assert abs(distance(support, measured, p, k) - distance(support, f, p, k)) <= DKW


@pytest.mark.parametrize("p", [0.5, 0.25])
def test_the_distance_from_one_normal_shrinks_with_fan_in_as_edgeworth_says(p):
    weights = [aligned(n, p) for n in FAN_INS]
    d = np.array([distance(*law(k, p), p, k) for k in weights])
    leading = np.array([edgeworth(k, p) for k in weights])
    assert (np.diff(d) < 0).all()
    assert (d <= [berry_esseen(k, p) for k in weights]).all()
    # The two terms have their maxima at different places, so that their sum is a bound up to the
    # next order in 1/N.
    assert (d <= leading * (1 + 8 / np.array(FAN_INS))).all()
    assert (d >= leading / 2).all()
    # At p = ½ there is no skewness and the distance falls as 1/N (0.0086 at 16 inputs, at worst
    # 0.014); otherwise it falls as 1/√N.
    slope = np.polyfit(np.log(FAN_INS[1:]), np.log(d[1:]), 1)[0]
    expected = -1.0 if p == 0.5 else -0.5
    assert abs(slope - expected) < 0.15


@pytest.mark.parametrize("fan_in", FAN_INS)
def test_the_skewness_is_the_closed_form_for_exact_and_zero_for_moments(fan_in):
    k = aligned(fan_in, 0.25)
    skewness = theory.blank_out_skewness(k.astype(float)[None], np.ones(fan_in), 0.25)[0]
    for sampling, expected in (("exact", skewness), ("moments", 0.0)):
        u, tile = reads(k, 0.25, sampling)
        mean, variance = (m[0, 0] for m in tile.moments(np.ones((1, fan_in))))
        assert_mean(((u - mean) / np.sqrt(variance)) ** 3, expected)
    assert skewness > 5 * np.sqrt(15 / READS)  # large enough for the test above to tell them apart


@cases
def test_reads_by_moments_are_normal(fan_in, p):
    u, tile = reads(aligned(fan_in, p), p, "moments")
    mean, variance = (m[0, 0] for m in tile.moments(np.ones((1, fan_in))))
    assert kstest((u - mean) / np.sqrt(variance), "norm").pvalue > 1e-3


@pytest.mark.parametrize("fan_in", FAN_INS)
@pytest.mark.parametrize("p", [0.5, 0.25])
def test_tails_are_those_of_the_exact_law(fan_in, p):
    k = aligned(fan_in, p)
    u, tile = reads(k, p)
    mean, variance = (m[0, 0] for m in tile.moments(np.ones((1, fan_in))))
    support, f = law(k, p)
    # The last term is a step of the lattice.
    bound = edgeworth(k, p) * (1 + 8 / fan_in) + 1 / np.sqrt(2 * np.pi * variance)
    for t in (-3, -2, 2, 3):
        beyond = (np.sign(t) * (support - mean) >= abs(t) * np.sqrt(variance)) @ f
        hits = (np.sign(t) * (np.rint(u) - mean) >= abs(t) * np.sqrt(variance)).sum()
        # Bonferroni correction over all tails.
        assert binomtest(hits, READS, beyond).pvalue > 1e-3 / (4 * 2 * len(FAN_INS))
        assert abs(beyond - norm.sf(abs(t))) <= bound  # the error of `moments`


@pytest.mark.parametrize("fan_in", [300, 1024])
@pytest.mark.parametrize("margin", [-1.5, -0.7, 0.7, 1.5])
def test_firing_probabilities_differ_by_less_than_half_a_percent_from_300_inputs_on(fan_in, margin):
    # Max |MC − eq. 4| = .0015 at N = 300, p = ½; a tolerance of .005 is safe.
    k = integer_weights(fan_in)
    p = 0.5
    support, f = law(k, p)
    # The comparator's threshold is `margin` standard deviations below E u.
    threshold = p * k.sum() - margin * np.sqrt(p * (1 - p) * (k @ k))
    exact = f[support > threshold].sum()
    assert abs(exact - norm.cdf(margin)) < 0.005
    for sampling, expected in (("exact", exact), ("moments", norm.cdf(margin))):
        u, _ = reads(k, p, sampling, repeats=1000)
        assert_frequency((np.round(u, 6) > threshold).sum(), len(u), expected)


CELL = Device(g_min=0.0, g_max=(LEVELS - 1) * 1e-8, levels=LEVELS)
NORMAL = {
    "a normal gate": {"gate": GaussianNoise(0.5)},
    "normal cells": {"gate": NoNoise(), "device": replace(CELL, read_noise=GaussianNoise(0.5))},
    "cells of γ = ½": {
        "gate": NoNoise(),
        "device": replace(CELL, read_noise=PowerLawNoise(0.3, 0.5, 2e-6)),
    },
    "drawn cell by cell": {
        "gate": NoNoise(),
        "device": replace(CELL, read_noise=ProductNoise(GaussianNoise(0.5))),
    },
}


@pytest.mark.parametrize("noise", NORMAL)
@pytest.mark.parametrize("fan_in", [16, 64])
def test_normal_noise_is_normal_at_any_fan_in(noise, fan_in):
    exact, tile = reads(integer_weights(fan_in), 0.5, repeats=300, **NORMAL[noise])
    by_cell = noise == "drawn cell by cell"
    assert tile.reader.describe() == ("cell by cell" if by_cell else "one normal per output")
    mean, variance = (m[0, 0] for m in tile.moments(np.ones((1, fan_in))))
    assert kstest((exact - mean) / np.sqrt(variance), "norm").pvalue > 1e-3
    moments, _ = reads(integer_weights(fan_in), 0.5, "moments", repeats=300, **NORMAL[noise])
    assert (
        np.array_equal(exact, moments) is not by_cell
    )  # both take the same path unless cells are drawn


def test_lognormal_cells_approach_the_normal_law_as_their_skewness_predicts():
    device = replace(CELL, read_noise=LognormalNoise(0.5))
    far = []
    for fan_in in (16, 256):
        k = np.abs(integer_weights(fan_in))
        u, tile = reads(k, 0.5, repeats=100, gate=NoNoise(), device=device)
        mean, variance = (m[0, 0] for m in tile.moments(np.ones((1, fan_in))))
        far.append(kstest((u - mean) / np.sqrt(variance), "norm").statistic)
        # Skewness of ξ: (e^{s²} + 2) √(e^{s²} − 1) = (σ² + 3) σ = 1.625 at σ = ½. The bound
        # allows a quarter for higher orders.
        leading = 0.3989 / 6 * 1.625 * (k**3).sum() / (k @ k) ** 1.5
        assert abs(far[-1] - leading) <= leading / 4 + 2.9 / np.sqrt(len(u))
    assert far[1] < far[0]
