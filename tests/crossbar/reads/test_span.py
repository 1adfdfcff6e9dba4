"""Numbered reads: their inputs, and that no read depends on how a run is split."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from crossbar import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.packed import Packed
from crossbar.reads.span import READS_PER_STREAM, Span, draws
from crossbar.threads import run_each, threads
from devices import BlankOut, GaussianNoise, LognormalNoise, NoNoise, ProductNoise
from nsm import map_to_crossbar, nsm_mlp
from tests.helpers.packed_reads import CONTINUOUS, GRID, SEED, array_of
from tests.helpers.statistics import assert_covariance, assert_mean, assert_variance

spans = st.builds(
    lambda first, reads, repeats: Span(first, first + reads, repeats),
    st.integers(0, 3000),
    st.integers(1, 2000),
    st.integers(1, 50),
)


def read_rows(array, x, span, seed, sampling="exact"):
    """Return the reads of a span from the rows of x that it needs."""
    return array.read_span(Inputs(x), span, seed, sampling=sampling)


@given(spans, st.integers(1, 20))
def test_every_location_of_an_input_is_a_separate_read(span, locations):
    # Read r is location r % L of the input that read r // L of the undivided span sees.
    at_all = span.at(locations)
    assert at_all.reads == span.reads * locations
    expected = [row * locations + at for row in span.rows for at in range(locations)]
    assert at_all.rows.tolist() == expected


def test_rows_count_from_the_first_input_needed():
    # Three reads of each input: reads 4 … 10 are the last two of input 1, all of input 2, the first
    # two of input 3.
    assert Span(4, 11, 3).rows.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert Span(4, 11, 3).reads == 7
    assert Span(4, 7).rows.tolist() == [0, 1, 2]


@given(spans)
def test_every_read_sees_its_own_input(span):
    expected = [
        r // span.repeats - span.first // span.repeats for r in range(span.first, span.last)
    ]
    assert span.rows.tolist() == expected
    assert span.each().rows.tolist() == list(range(span.reads))


@given(spans, st.integers(1, 9), st.sampled_from([1, 64, 256]))
def test_a_split_covers_the_span_once_in_order(span, parts, multiple):
    pieces = span.split(parts, multiple)
    assert 1 <= len(pieces) <= parts
    assert (pieces[0].first, pieces[-1].last) == (span.first, span.last)
    for a, b in pairwise(pieces):
        assert a.last == b.first
        assert b.first % multiple == 0
    assert all(piece.reads > 0 and piece.repeats == span.repeats for piece in pieces)


@given(spans, st.integers(1, 9))
def test_the_parts_of_a_split_are_about_the_same_size(span, parts):
    sizes = [piece.reads for piece in span.split(parts, 1)]
    if span.reads >= parts:
        assert len(sizes) == parts
        assert max(sizes) - min(sizes) <= 2


@given(spans)
def test_groups_cover_every_read_once(span):
    numbers = np.arange(span.first, span.last)
    seen = []
    for group, here, inside in span.groups():
        np.testing.assert_array_equal(
            numbers[here], group * READS_PER_STREAM + np.arange(inside.start, inside.stop)
        )
        seen += numbers[here].tolist()
        assert 0 <= inside.start < inside.stop <= READS_PER_STREAM
    assert seen == numbers.tolist()


@settings(deadline=None)
@given(
    spans,
    st.integers(1, 6),
    st.sampled_from([1, 7, 256]),
    st.sampled_from(["standard_normal", "logistic"]),
)
def test_draws_do_not_depend_on_the_split(span, parts, multiple, name):
    law = getattr(np.random.Generator, name)
    expected = draws(span, 3, SEED, law)
    np.testing.assert_array_equal(
        np.concatenate([draws(s, 3, SEED, law) for s in span.split(parts, multiple)]), expected
    )


def test_draws_of_a_read_do_not_depend_on_how_often_inputs_repeat():
    np.testing.assert_array_equal(
        draws(Span(100, 700), 2, SEED), draws(Span(100, 700, 13), 2, SEED)
    )


def test_draws_are_independent_normals():
    n = draws(Span(0, 100_000), 3, SEED)
    assert_mean(n, 0.0)
    assert_variance(n, 1.0)
    # Consecutive reads, columns, and the ends of groups of reads that share a stream.
    assert_covariance(n[1:], n[:-1], 0.0)
    assert_covariance(n[:, 0], n[:, 1], 0.0)
    assert_covariance(
        n[READS_PER_STREAM - 1 :: READS_PER_STREAM][:390],
        n[READS_PER_STREAM::READS_PER_STREAM][:390],
        0.0,
    )
    assert kstest(n.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("law", [np.random.Generator.logistic, np.random.Generator.exponential])
def test_draws_follow_the_law_asked_for(law):
    u = draws(Span(5, 20_000), 2, SEED, law).ravel()
    assert kstest(u, "logistic" if law is np.random.Generator.logistic else "expon").pvalue > 1e-3


def test_another_seed_gives_other_draws():
    a, b = (draws(Span(0, 50_000), 1, np.random.SeedSequence(s))[:, 0] for s in (0, 1))
    assert_covariance(a, b, 0.0)


def many(path, rng):
    """Return an array whose reads take one path, with 150 inputs, and 90 rows for it."""
    noisy = replace(GRID, read_noise=GaussianNoise(0.3))
    options = {
        "packed": {"device": GRID},
        "packed, off grid": {
            "device": replace(CONTINUOUS, read_noise=GaussianNoise(0.3)),
            "gate_sharing": "cell",
        },
        "Gaussian": {"device": noisy, "gate": NoNoise()},
        "Gaussian, no zeros": {"device": noisy, "gate": NoNoise()},
        "no noise": {"device": CONTINUOUS, "gate": NoNoise()},
        "word lines": {"device": GRID, "gate_sharing": "word_line"},
        "word lines, noisy cells": {"device": noisy, "gate_sharing": "word_line"},
        "every cell": {"device": replace(GRID, read_noise=LognormalNoise(0.3))},
        "cell by cell": {
            "device": replace(GRID, read_noise=ProductNoise(*[LognormalNoise(0.2)] * 2))
        },
    }[path]
    states = [-1.0, 1.0] if path == "Gaussian, no zeros" else [-1.0, 0.0, 1.0]
    return array_of(rng.uniform(-1, 1, (5, 150)), **options), rng.choice(states, (90, 150))


ROUNDED = ["Gaussian", "word lines, noisy cells"]
PATHS = [
    "packed",
    "packed, off grid",
    "Gaussian, no zeros",
    "no noise",
    "word lines",
    "every cell",
    "cell by cell",
]


def check_splits(array, x, compare):
    """Compare reads of a batch with the same reads of its parts, wherever it is cut."""
    undivided = {n: read_rows(array, x, Span(0, 90 * n, n), SEED) for n in (1, 4)}

    @settings(max_examples=12, deadline=None)
    @given(repeats=st.sampled_from([1, 4]), cuts=st.sets(st.integers(1, 359), max_size=5))
    def check(repeats, cuts):
        edges = [0, *sorted(c for c in cuts if c < 90 * repeats), 90 * repeats]
        spans = [Span(a, b, repeats) for a, b in pairwise(edges)]
        parts = [
            read_rows(array, x[s.first // repeats : (s.last - 1) // repeats + 1], s, SEED)
            for s in spans
        ]
        compare(np.concatenate(parts), undivided[repeats])

    check()


@pytest.mark.parametrize("path", [*PATHS, *ROUNDED])
def test_no_read_depends_on_how_the_batch_is_split(path):
    check_splits(*many(path, np.random.default_rng(0)), np.testing.assert_array_equal)


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("path", [*PATHS, *ROUNDED])
def test_no_read_depends_on_the_split_by_more_than_rounding(path, others):
    array, x = many(path, np.random.default_rng(0))
    if others:
        # One row and half of the next are floats, whose products add in an order that depends on
        # their rows.
        x[40] *= 0.5
        x[41, :75] = np.sqrt(2)
    size = np.abs(array.weights).sum()
    check_splits(
        array, x, lambda u, other: np.testing.assert_allclose(u, other, rtol=0, atol=1e-14 * size)
    )


@pytest.mark.parametrize("path", ["packed", "packed, off grid", "cell by cell"])
def test_no_read_depends_on_the_inputs_of_its_neighbors(path, rng):
    array, x = many(path, rng)
    plain = read_rows(array, x, Span(0, 360, 4), SEED)
    x[40] *= 0.5  # cannot be packed
    changed = read_rows(array, x, Span(0, 360, 4), SEED)
    others = np.arange(360) // 4 != 40
    np.testing.assert_array_equal(changed[others], plain[others])
    np.testing.assert_array_equal(
        changed[~others], read_rows(array, x[40:41], Span(160, 164, 4), SEED)
    )
    assert (changed[~others] != plain[~others]).any()


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("path", [*PATHS, *ROUNDED])
def test_no_read_depends_on_the_form_of_its_inputs(path, zeros):
    array, x = many(path, np.random.default_rng(0))
    if not zeros:
        x[x == 0] = 1.0
    span = Span(0, 270, 3)
    u = read_rows(array, x, span, SEED)
    forms = [x.astype(np.int8), np.asfortranarray(x), Packed.of(x)[0]]
    if not (x == 0).any():
        forms.append(x > 0)  # truth values: True for +1, False for -1
    for form in forms:
        np.testing.assert_array_equal(read_rows(array, form, span, SEED), u)
    for form in (
        x.tolist(),
        x.astype(np.float32),
        x.astype(np.int64),
        x.astype(np.int8),
        x.astype(">f8"),
    ):
        np.testing.assert_array_equal(array.read(form, rng=SEED, reads_per_input=3), u)


def test_inputs_of_every_form_have_the_same_values(rng):
    x = rng.choice([-1.0, 1.0], (5, 13))
    for has_zeros in (False, True):
        for form in (x, x.astype(np.int8), Packed.of(x)[0], *([] if has_zeros else [x > 0])):
            inputs = Inputs(form)
            assert (inputs.shape, len(inputs), inputs.all_signs) == ((5, 13), 5, not has_zeros)
            assert (inputs.is_ternary.all(), inputs.signs.dtype, inputs.floats.dtype) == (
                True,
                np.int8,
                np.float64,
            )
            for values in (inputs.signs, inputs.floats, inputs.packed.signs()):
                np.testing.assert_array_equal(values, x)
        x[3, 4] = 0.0
    x[2, 2] = 0.5
    inputs = Inputs(x)
    assert inputs.is_ternary.tolist() == [True, True, False, True, True]
    assert not inputs.all_signs
    np.testing.assert_array_equal(inputs.floats, x)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            [[1.0, np.nan, 1.0]],
            "x holds 1 values that are NaN or infinite",
        ),
        ([[1, 1, -1], [np.inf, -np.inf, 0]], "x holds 2 values that are NaN or infinite"),
        (np.array([[1, np.inf, 1]], np.float32), "x holds 1 values that are NaN or infinite"),
        ([[1.0, 1.0]], r"x has shape \(1, 2\); give \(any, 3\)"),
        ([1.0, 1.0, 1.0], r"x has shape \(3,\); give \(any, 3\)"),
        (np.ones((2, 1, 3), np.int8), r"x has shape \(2, 1, 3\); give \(any, 3\)"),
        ([["1", "1", "1"]], r"x is not an array of real numbers \(got list\)"),
        ([[1, 1, 1], [1, 1]], r"x is not an array of real numbers \(got list\)"),
        (np.ones((1, 3), complex), r"x is not an array of real numbers \(got ndarray\)"),
        (None, r"x is not an array of real numbers \(got NoneType\)"),
    ],
)
def test_inputs_that_no_array_can_read_are_refused(x, message, rng):
    with pytest.raises(ValueError, match=message):
        Inputs.checked("x", x, 3)
    array = array_of(rng.uniform(-1, 1, (2, 3)))
    for read in (lambda: array.read(x, rng=0), lambda: array.moments(x)):
        with pytest.raises(ValueError, match=message):
            read()


def test_inputs_of_another_width_than_the_cells_are_refused():
    array, x = many("packed", np.random.default_rng(0))
    for form in (x[:, :149], Packed.of(x[:, :149])[0]):
        with pytest.raises(ValueError, match=r"x has shape \(90, 149\); give \(any, 150\)"):
            read_rows(array, form, Span(0, 90), SEED)


@pytest.mark.parametrize("path", [*PATHS, *ROUNDED])
def test_no_rows_give_no_reads(path):
    array, x = many(path, np.random.default_rng(0))
    for empty in (x[:0], x[:0].astype(np.int8), x[:0] > 0):
        assert array.read(empty, rng=0, reads_per_input=3).shape == (0, 5)


@pytest.mark.parametrize("path", ["packed", "packed, off grid"])
def test_no_read_depends_on_the_number_of_threads(path, rng, monkeypatch):
    monkeypatch.setattr("crossbar.reads.packed._WORTH_A_THREAD", 0)
    array, x = many(path, rng)
    with threads(1):
        one = array.read(x, rng=1, reads_per_input=7)
    for n in (2, 3, 64):
        with threads(n):
            np.testing.assert_array_equal(array.read(x, rng=1, reads_per_input=7), one)


@pytest.mark.parametrize(
    ("device", "sharing"),
    [
        (CONTINUOUS, "pair"),
        (CONTINUOUS, "word_line"),
        (replace(CONTINUOUS, read_noise=GaussianNoise(0.1)), "cell"),
        (replace(CONTINUOUS, read_noise=LognormalNoise(0.1)), "pair"),
        (GRID, "pair"),
    ],
)
def test_the_passes_of_a_chip_do_not_depend_on_reads_at_once(device, sharing, rng):
    torch.manual_seed(1)
    hardware = Hardware(device=device, gate=BlankOut(0.5), gate_sharing=sharing)
    chip = map_to_crossbar(nsm_mlp((70, 60, 40, 3)), hardware, rng=0)
    x = rng.random((9, 70))
    expected = chip.sample(x, 30, rng=1)
    for at_once in (31, 64, 100):
        np.testing.assert_array_equal(chip.sample(x, 30, rng=1, reads_at_once=at_once), expected)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_run_each_does_everything_once(n, workers):
    done = []
    with threads(workers):
        run_each(done.append, n)
    assert sorted(done) == list(range(n))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_work_of_run_each_may_call_it(workers):
    done = []

    def work(i):
        run_each(lambda k: done.append((i, k)), 4)

    with threads(workers):
        run_each(work, 3)
        run_each(lambda k: done.append((3, k)), 4)
    assert sorted(done) == [(i, k) for i in range(4) for k in range(4)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_run_each_raises_the_error_of_a_worker(workers):
    def work(i):
        if i == 1:
            raise ValueError("failed at 1")

    with threads(workers), pytest.raises(ValueError, match="failed at 1"):
        run_each(work, 5)
