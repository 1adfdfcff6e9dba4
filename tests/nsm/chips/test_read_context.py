"""The context in which layers of a chip are called: which reads they make."""

import numpy as np
import pytest

from crossbar.reads.span import Span
from nsm import map_to_crossbar
from nsm.chips.layers.read_context import Reads, current_reads, reading
from tests.helpers.mapped_layers import IDEAL, one_layer, signs

SEED = np.random.SeedSequence(0)


def reads(first=0, last=6, repeats=3):
    """Return reads number first … last − 1 of images that are read `repeats` times."""
    return Reads(Span(first, last, repeats), "exact", SEED)


def test_a_layer_called_outside_its_chip_says_to_call_the_chip(rng):
    chip = map_to_crossbar(one_layer(rng), IDEAL, rng=0)
    with pytest.raises(RuntimeError, match=r"outside a read of its chip.*chip\(x\).*chip\.sample"):
        chip.network[0](signs(rng))


def test_outside_a_context_there_are_no_reads():
    with pytest.raises(RuntimeError, match="outside a read of its chip"):
        current_reads()


def test_the_reads_are_those_of_the_innermost_context():
    outer, inner = reads(), reads(6, 12)
    with reading(outer):
        assert current_reads() is outer
        with reading(inner):
            assert current_reads() is inner
        assert current_reads() is outer
    with pytest.raises(RuntimeError, match="outside a read of its chip"):
        current_reads()


def test_an_error_inside_a_context_ends_it():
    with pytest.raises(ZeroDivisionError), reading(reads()):
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="outside a read of its chip"):
        current_reads()


def test_a_layer_whose_input_has_a_row_for_every_read_reads_each_row_once():
    span = reads(first=4, last=11).span_for(7)
    assert (span.first, span.last) == (4, 11)
    np.testing.assert_array_equal(span.rows, np.arange(7))


def test_a_layer_whose_input_has_a_row_for_every_image_repeats_its_rows():
    # Reads 4 to 10 of images that are read three times belong to the images 1, 2 and 3.
    span = reads(first=4, last=11).span_for(3)
    assert span == Span(4, 11, 3)
    np.testing.assert_array_equal(span.rows, [0, 0, 1, 1, 1, 2, 2])
