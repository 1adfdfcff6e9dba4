"""Numbered reads: which inputs they see, how a run of them is cut, and that the cutting changes no draw."""

from itertools import pairwise

import numpy as np
import pytest
from conftest import assert_covariance, assert_mean, assert_variance
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from crossbar.inputs import Inputs
from crossbar.span import GROUP, Span, draws

SEED = np.random.SeedSequence(20240607)
spans = st.builds(
    lambda first, reads, repeats: Span(first, first + reads, repeats),
    st.integers(0, 3000),
    st.integers(1, 2000),
    st.integers(1, 50),
)


def read_rows(array, x, span, seed, sampling="exact"):
    """The reads of a span from the rows of x that it needs."""
    return array.read_span(Inputs(x), span, seed=seed, sampling=sampling)


def test_rows_count_from_the_first_input_needed():
    # Three reads of each input: reads 4 … 10 are the last two of input 1, all of input 2, the first two of input 3.
    assert Span(4, 11, 3).rows.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert Span(4, 11, 3).reads == 7
    assert Span(4, 7).rows.tolist() == [0, 1, 2]


@given(spans)
def test_every_read_sees_its_own_input(span):
    expected = [r // span.repeats - span.first // span.repeats for r in range(span.first, span.last)]
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
        np.testing.assert_array_equal(numbers[here], group * GROUP + np.arange(inside.start, inside.stop))
        seen += numbers[here].tolist()
        assert 0 <= inside.start < inside.stop <= GROUP
    assert seen == numbers.tolist()


@settings(deadline=None)
@given(spans, st.integers(1, 6), st.sampled_from([1, 7, 256]), st.sampled_from(["standard_normal", "logistic"]))
def test_draws_do_not_depend_on_the_split(span, parts, multiple, name):
    law = getattr(np.random.Generator, name)
    whole = draws(span, 3, SEED, law)
    np.testing.assert_array_equal(np.concatenate([draws(s, 3, SEED, law) for s in span.split(parts, multiple)]), whole)


def test_draws_of_a_read_do_not_depend_on_how_often_inputs_repeat():
    np.testing.assert_array_equal(draws(Span(100, 700), 2, SEED), draws(Span(100, 700, 13), 2, SEED))


def test_draws_are_independent_normals():
    n = draws(Span(0, 100_000), 3, SEED)
    assert_mean(n, 0.0)
    assert_variance(n, 1.0)
    # From read to read, from column to column, and from the last of a group to the first of the next.
    assert_covariance(n[1:], n[:-1], 0.0)
    assert_covariance(n[:, 0], n[:, 1], 0.0)
    assert_covariance(n[GROUP - 1 :: GROUP][:390], n[GROUP::GROUP][:390], 0.0)
    assert kstest(n.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("law", [np.random.Generator.logistic, np.random.Generator.exponential])
def test_draws_follow_the_law_asked_for(law):
    u = draws(Span(5, 20_000), 2, SEED, law).ravel()
    assert kstest(u, "logistic" if law is np.random.Generator.logistic else "expon").pvalue > 1e-3


def test_another_seed_gives_other_draws():
    a, b = (draws(Span(0, 50_000), 1, np.random.SeedSequence(s))[:, 0] for s in (0, 1))
    assert_covariance(a, b, 0.0)
