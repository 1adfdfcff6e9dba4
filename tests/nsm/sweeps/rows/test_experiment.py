"""Marks of sweeps hold the version of the law of draws."""

import hashlib

import pytest

import devices.seeding
from nsm.sweeps.rows.experiment import difference, way_of_marks
from tests.helpers.packed_reads import numbers_of_vectors

FIRST, SECOND = "canonical-a-b-c", "canonical.2-a-b-c"


@pytest.mark.parametrize(("law", "way"), [(1, "canonical"), (2, "canonical.2")])
def test_the_first_version_is_not_written(law, way, monkeypatch):
    monkeypatch.setattr(devices.seeding, "LAW_OF_DRAWS", law)
    assert way_of_marks() == way


def difference_of(found, experiment):
    return difference(found, ("a", None), "m", experiment, {("a", None): "m"})


def test_rows_of_another_law_are_told():
    assert difference_of(FIRST, FIRST) == difference_of(SECOND, SECOND) == ""
    assert difference_of(FIRST, SECOND).startswith("its rows were drawn by version 1 of the law")
    assert "version 2 of the law of draws, and others by version 1" in difference_of(SECOND, FIRST)
    assert difference_of("repr-a-b-c", FIRST).startswith("its rows are identified in another way")


def test_a_seed_gives_the_numbers_of_this_version_of_the_law():
    """If draws were changed on purpose: raise `LAW_OF_DRAWS`, list it in docs/sampling.md."""
    numbers = [
        int(devices.seeding.stream(devices.seeding.seed_sequence(7), 1, 2).integers(2**63)),
        *numbers_of_vectors()[1],
    ]
    found = hashlib.sha256(repr(numbers).encode()).hexdigest()[:16]
    assert (devices.seeding.LAW_OF_DRAWS, found) == (4, "66009d0974f6a6f4")
