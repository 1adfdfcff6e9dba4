"""What is computed of some bit lines at a time equals what is computed of all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import BalancedPair, Hardware, ReferenceColumn, TiledArray
from crossbar.reads.digits import (
    DRAWN_DIGITS,
    SUMMED_DIGITS,
    column_sums,
    digit_tables,
    drawn_digits,
)
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices import BlankOut, Device, GaussianNoise, NoNoise, StochasticSelector

CELL = Device(g_min=1e-7, g_max=1e-6, levels=32)
NOISY = Device(g_min=1e-7, g_max=1e-6, read_noise=GaussianNoise(0.2))
HARDWARE = {
    "gate": Hardware(device=CELL, gate=BlankOut(0.5)),
    "gates of cells": Hardware(
        device=CELL, gate=BlankOut(0.5), gate_sharing="cell", mapping=BalancedPair()
    ),
    "cells": Hardware(device=NOISY, gate=BlankOut(0.3), gate_sharing="word_line"),
    "reference": Hardware(device=NOISY, gate=NoNoise(), mapping=ReferenceColumn()),
    "no noise": Hardware(device=CELL),
}


def array_of(hardware, rng, outputs=150, inputs=40):
    """Return an array of more bit lines than a block has."""
    k = hardware.mapping.siemens_per_weight(1.0, hardware.device)
    w = rng.uniform(-1, 1, (outputs, inputs))
    return TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)


@pytest.mark.parametrize("name", HARDWARE)
def test_moments_in_blocks_are_those_of_the_matrices(name, rng):
    array = array_of(HARDWARE[name], rng)
    moments = array.reader.moments
    blocks = list(moments.blocks())
    of_signs = moments.variance_of_signs
    for part in ("mean", "own"):
        together = np.concatenate([getattr(m, part) for _, m in blocks], axis=1)
        np.testing.assert_array_equal(together, getattr(moments.matrices, part))
    np.testing.assert_array_equal(of_signs, array.moments(np.ones((1, 40)))[1][0])
    signs = rng.choice([-1.0, 1.0], (1, 40))
    np.testing.assert_array_equal(of_signs, array.moments(signs)[1][0])


@settings(deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 70),
    st.sampled_from(["continuous", "signed", "zero", "constant", "rounded"]),
    st.integers(0, 99),
)
def test_column_sums_are_those_of_the_tables(inputs, columns, kind, seed):
    values = np.random.default_rng(seed).uniform(
        -1 if kind == "signed" else 0, 1, (inputs, columns)
    )
    values = {"zero": 0 * values, "constant": 0 * values + 0.3, "rounded": values.round(1)}.get(
        kind, values
    )
    table = digit_tables([values], 0.0, SUMMED_DIGITS)[0]
    ones = Inputs(np.ones((1, inputs), dtype=bool)).packed
    np.testing.assert_array_equal(column_sums(values), gated_sums(table, ones, Span(0, 1))[0])
    np.testing.assert_allclose(column_sums(values), values.sum(axis=0), rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(st.sampled_from([0.0, 0.25]), st.booleans(), st.integers(1, 3), st.integers(0, 99))
def test_digits_are_counted_without_tables(spacing, on_grid, matrices, seed):
    rng = np.random.default_rng(seed)
    values = [
        rng.integers(-9, 9, (4, 5)) * 0.25 + 0.1 if on_grid else rng.standard_normal((4, 5))
        for _ in range(matrices)
    ]
    tables = digit_tables(values, spacing, DRAWN_DIGITS)
    expected = max(t.digits for t in tables), all(t.exact for t in tables)
    assert drawn_digits(iter(values), spacing) == expected
    assert drawn_digits([np.full((3, 2), 0.7)], 0.0) == (1, True)


def test_gates_that_differ_are_not_cut_into_blocks(rng):
    array = array_of(
        Hardware(device=CELL, gate=StochasticSelector(spread=0.1)),
        rng,
    )
    blocks = list(array.reader.moments.blocks())
    assert [lines for lines, _ in blocks] == [slice(0, 150)]
    np.testing.assert_array_equal(blocks[0][1].own, array.reader.moments.matrices.own)
