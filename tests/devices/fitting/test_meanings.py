"""Every number of a fit has a meaning in words."""

import pytest

from devices.fitting.meanings import meaning_of
from tests.helpers import fits

EVERY = ("telegraph", "read_noise", "programming", "levels", "pulses", "relaxation", "temperature")


@pytest.mark.parametrize("kind", EVERY)
def test_every_number_of_a_fit_has_a_meaning(kind):
    assert [name for name in getattr(fits, kind)().estimates if not meaning_of(name)] == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("tau_capture_2", "empty trap"),
        ("mean at 10000 s", "change"),
        ("mean at 1.5e-05 S", "target"),
        ("std of level 3", "within a level"),
        ("error between levels 1 and 2", "one level for the other"),
        ("level_0", "highest first"),
        ("up[3]", "up step"),
        ("energy at 373.15 K for 4500 s", "this bake"),
        ("of another fit", ""),
    ],
)
def test_numbers_in_names_do_not_matter(name, part):
    assert part in meaning_of(name)
    assert bool(part) == bool(meaning_of(name))
