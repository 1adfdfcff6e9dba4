"""Arrays whose noise has memory: the autocovariance of reads, and states carried between calls."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import devices
from crossbar import Hardware, ReferenceColumn
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import READS_PER_STREAM, Span
from nsm import map_to_crossbar, nsm_mlp
from tests.helpers.noise_with_memory import (
    DEVICE,
    LAGS,
    PERIOD,
    ROW,
    SELECTOR,
    TRAP,
    TRAPS,
    X,
    array_of,
    both,
    rows_of,
    sharings,
)
from tests.helpers.statistics import assert_mean


def selector_covariance(k):
    """Return the covariance of two reads k cycles apart: P(both conduct) − ¼ = arcsin(ρ^k)/2π."""
    return np.arcsin(0.9**k) / (2 * np.pi)


def trap_covariance(k):
    """Return the covariance of one trap k reads apart: δ² π₁ π₀ e^{−λ k T}."""
    return 0.4**2 * 0.6 * 0.4 * np.exp(-k * PERIOD * (1 / 4e-6 + 1 / 6e-6))


def covariance(w, x, sharing, k, *, gate=None, noise=None, on_off=10, mapping="pair"):
    """Return the autocovariance at lag k of one output with weights w, in weight units squared.

    `gate` and `noise` are (mean, covariance at lag k) of the gate and of the cells' noise.
    """
    m_gate, c_gate = gate or (1.0, 0.0)
    m, c = noise or (1.0, 0.0)
    g_min = 1 / (on_off - 1)  # in units of the largest weight
    pos, neg = (
        (g_min + np.maximum(w, 0), g_min + np.maximum(-w, 0)) if mapping == "pair" else (0, 0)
    )
    if mapping == "column":  # a weight of one takes half of the range
        pos, neg = 2 * g_min + 1 + w, np.full(w.shape, 2 * g_min + 1)
    second = c_gate + m_gate**2
    if sharing == "cell":
        return ((second * c + c_gate * m**2) * (pos**2 + neg**2) * x**2).sum()
    return ((second * c * (pos**2 + neg**2) + c_gate * (m * (pos - neg)) ** 2) * x**2).sum()


def of_gate(k):
    """Return mean and covariance at lag k of the selector."""
    return 0.5, selector_covariance(k)


def of_cells(k):
    """Return mean and covariance at lag k of the trap."""
    return 0.76, trap_covariance(k)


#: Gate, noise of the cells, and functions of k for (mean, covariance) of each; None without memory.
CASES = {
    "gate": (SELECTOR, None, of_gate, lambda k: None),
    "cells": (devices.NoNoise(), TRAP, lambda k: None, of_cells),
    "both": (SELECTOR, TRAP, of_gate, of_cells),
    "gate with memory, cells without": (
        SELECTOR,
        devices.LognormalNoise(0.5),
        of_gate,
        lambda k: None,
    ),
    "products": (
        devices.ProductNoise(SELECTOR, devices.BlankOut(0.5)),
        devices.ProductNoise(TRAP, devices.GaussianNoise(0.2)),
        lambda k: (0.25, 0.25 * selector_covariance(k)),
        of_cells,
    ),
}


def of_case(case, k):
    """Return the arguments of `covariance` for a case."""
    return {"gate": CASES[case][2](k), "noise": CASES[case][3](k)}


@both
@sharings
@pytest.mark.parametrize("case", CASES)
def test_consecutive_reads_have_the_autocovariance_of_theory(case, sharing, maker):
    gate, noise, *_ = CASES[case]
    n = 400 if sharing == "word_line" else 1500
    w, x = rows_of(sharing, n)
    array = array_of(w, noise=noise, gate=gate, gate_sharing=sharing, maker=maker)
    u = array.read(np.tile(x, (20, 1)), rng=1)
    mean, variance = (m[0] for m in array.moments(x[None]))
    off = u - mean
    assert_mean(off.mean(axis=0), 0)
    assert_mean((off**2).mean(axis=0), variance[0])
    for k in LAGS:
        expected = covariance(w[0], x, sharing, k, **of_case(case, k))
        np.testing.assert_allclose(array.reader.moments.covariance(k * PERIOD), expected, rtol=1e-9)
        assert_mean((off[k:] * off[:-k]).mean(axis=0), expected)


@pytest.mark.parametrize("sharing", ["pair", "cell"])
def test_autocovariance_with_a_reference_column(sharing):
    hardware = {
        "mapping": ReferenceColumn(),
        "gate": SELECTOR,
        "gate_sharing": sharing,
        "tile_shape": (8, 1),
    }
    # Every output has its own tile, and so its own reference column.
    array = array_of(np.tile(ROW, (300, 1)), noise=TRAP, **hardware)
    off = array.read(np.tile(X, (20, 1)), rng=1) - array.moments(X[None])[0]
    for k in LAGS:
        expected = covariance(ROW, X, sharing, k, mapping="column", **of_case("both", k))
        np.testing.assert_allclose(array.reader.moments.covariance(k * PERIOD), expected, rtol=1e-9)
        assert_mean((off[k:] * off[:-k]).mean(axis=0), expected)


def test_reads_further_apart_are_less_correlated():
    # Twice the period is two cycles of the selector, and e^{−2λT} of the trap.
    array = array_of(np.tile(ROW, (1500, 1)), noise=TRAP, gate=SELECTOR, read_period=2 * PERIOD)
    off = array.read(np.tile(X, (20, 1)), rng=1) - array.moments(X[None])[0]
    assert_mean(
        (off[1:] * off[:-1]).mean(axis=0), covariance(ROW, X, "pair", 2, **of_case("both", 2))
    )


def test_consecutive_reads_of_different_inputs_share_the_noise_of_common_word_lines():
    # Cov(u(x), u'(y)) = Σ x_j y_j Cov_j, which is 0 for inputs without a common word line.
    array = array_of(np.tile(ROW, (3000, 1)), gate=SELECTOR)
    x, y, z = np.array([1.0, 0.5, 0]), np.array([-1.0, 1, 0]), np.array([0, 0, 1.0])
    rows = np.stack([x, y, z])
    off = array.read(rows, rng=1) - array.moments(rows)[0]
    expected = (x * y * ROW**2).sum() * selector_covariance(1)
    assert expected != 0
    assert_mean(off[0] * off[1], expected)
    assert_mean(off[1] * off[2], 0)


@both
@sharings
def test_the_noise_state_is_carried_from_one_call_to_the_next(maker, sharing):
    w, x = rows_of(sharing, 400 if sharing == "word_line" else 1500)
    array = array_of(w, noise=TRAP, gate=SELECTOR, gate_sharing=sharing, maker=maker)
    first, second = (array.read(np.tile(x, (3, 1)), rng=seed) for seed in (1, 2))
    mean = array.moments(x[None])[0]
    for k in (1, 3):
        expected = covariance(w[0], x, sharing, k, **of_case("both", k))
        assert_mean((first[-1] - mean[0]) * (second[k - 1] - mean[0]), expected)


def test_the_state_survives_ageing_and_a_common_gain():
    array = array_of(
        np.tile(ROW, (1500, 1)),
        gate=SELECTOR,
        device=replace(DEVICE, retention=devices.LogTimeDrift(mean=0, std=0, std_rate=0)),
    )
    # The last of 12 reads, long after the state that was drawn with the chip.
    before = array.read(np.tile(X, (12, 1)), rng=1)[-1]
    array.age(2 * PERIOD)  # and a period to the next read
    array.scale_conductances(0.5)
    after = array.read(X[None], rng=2)[0]
    mean = 0.5 * ROW @ X
    expected = covariance(ROW, X, "pair", 3, **of_case("gate", 3))
    assert_mean((before - mean) * (after - mean / 2), expected / 2)


MEMORIES = {
    "selector per pair": {"gate": SELECTOR},
    "selector per cell": {"gate": SELECTOR, "gate_sharing": "cell"},
    "selector per word line": {"gate": SELECTOR, "gate_sharing": "word_line"},
    "selector with spread": {
        "gate": devices.StochasticSelector(correlation=0.9, spread=1.0, leak=0.1)
    },
    "spread alone": {"gate": devices.StochasticSelector(spread=1.0)},
    "traps": {"noise": TRAP},
    "traps averaged": {"noise": devices.TelegraphNoise(0.4, 4e-6, 6e-6, 2, window=5e-7)},
    "ensemble, word lines": {
        "noise": TRAPS,
        "gate": devices.BlankOut(0.5),
        "gate_sharing": "word_line",
    },
    "ensemble": {"noise": TRAPS, "gate": devices.BlankOut(0.5)},
    "flicker": {"noise": devices.FlickerNoise(q=0.1, f_low=1e2, f_high=1e6)},
    "products": {
        "noise": devices.ProductNoise(TRAP, devices.LognormalNoise(0.2)),
        "gate": devices.ProductNoise(devices.BlankOut(0.5), SELECTOR),
    },
    "reference column": {
        "noise": TRAP,
        "gate": SELECTOR,
        "mapping": ReferenceColumn(),
        "gate_sharing": "cell",
    },
}
memories = pytest.mark.parametrize("memory", MEMORIES)


def some(memory, rng=0):
    """Return an array of four tiles with that noise."""
    w = np.random.default_rng(5).uniform(-0.5, 0.5, (4, 9))
    return array_of(w, rng=rng, tile_shape=(5, 3), **MEMORIES[memory])


def span_of(array, x, span, seed):
    """Return the reads of a span from the rows of x that it needs."""
    rows = x[span.first // span.repeats : (span.last - 1) // span.repeats + 1]
    return array.read_span(Inputs(rows), span, seed, sampling="exact")


@memories
@pytest.mark.parametrize(
    "cuts",
    [
        [1, 2, 3],
        [50],
        [READS_PER_STREAM - 1, READS_PER_STREAM],
        [READS_PER_STREAM, READS_PER_STREAM + 7, 2 * READS_PER_STREAM],
    ],
)
def test_no_read_depends_on_how_a_run_is_split_over_calls(memory, cuts):
    reads = 2 * READS_PER_STREAM + 20
    repeats = 4
    seed = np.random.SeedSequence(7)
    x = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], (reads // repeats, 9))
    # One row with values other than −1, 0 and 1. Word-line gates would multiply it as floats, whose
    # rounding depends on the batch.
    x[10] *= 0.5 if "word line" not in memory else 1
    undivided, parts = some(memory), some(memory)
    u = span_of(undivided, x, Span(0, reads, repeats), seed)
    spans = [Span(a, b, repeats) for a, b in zip([0, *cuts], [*cuts, reads], strict=True)]
    np.testing.assert_array_equal(np.concatenate([span_of(parts, x, s, seed) for s in spans]), u)
    # Both end in the same noise state, so the next run is the same too.
    np.testing.assert_array_equal(parts.read(x[:5], rng=3), undivided.read(x[:5], rng=3))


@memories
def test_no_read_depends_on_how_many_cells_are_drawn_at_once(memory, monkeypatch):
    x = np.random.default_rng(1).choice([-1.0, 1.0], (300, 9))
    expected = some(memory).read(x, rng=1)
    blocks = some(memory)
    monkeypatch.setattr("crossbar.reads.cell_by_cell._CELLS_AT_ONCE", 36 * 7)
    np.testing.assert_array_equal(blocks.read(x, rng=1), expected)


@memories
def test_same_seed_same_chip_and_same_reads(memory):
    x = np.random.default_rng(1).choice([-1.0, 1.0], (6, 9))
    one, same, other = some(memory, rng=1), some(memory, rng=1), some(memory, rng=2)
    np.testing.assert_array_equal(one.moments(x), same.moments(x))
    first = one.read(x, rng=3)
    np.testing.assert_array_equal(first, same.read(x, rng=3))
    assert not np.array_equal(first, other.read(x, rng=3))  # what is drawn once per chip differs
    again = one.read(x, rng=3)
    assert np.array_equal(again, first) != one.has_memory  # the same draws, from another state


@pytest.mark.parametrize(
    "memory", ["selector per pair", "selector per word line", "traps", "ensemble", "products"]
)
def test_the_passes_of_a_chip_do_not_depend_on_reads_at_once(memory):
    options = dict(MEMORIES[memory])
    device = replace(DEVICE, read_noise=options.pop("noise", devices.NoNoise()))
    hardware = Hardware(device=device, **({"gate": devices.BlankOut(0.5)} | options))
    torch.manual_seed(1)
    model = nsm_mlp((6, 5, 4, 3))
    x = np.random.default_rng(2).random((4, 6))

    def chip():
        return map_to_crossbar(model, hardware, rng=0)

    expected = chip().sample(x, 40, rng=1)
    for at_once in (7, 41, 90):
        np.testing.assert_array_equal(chip().sample(x, 40, rng=1, reads_at_once=at_once), expected)
    probabilities = chip().predict_proba(x, 40, rng=1)
    np.testing.assert_allclose(
        chip().predict_proba(x, 40, rng=1, reads_at_once=50), probabilities, rtol=1e-12
    )
