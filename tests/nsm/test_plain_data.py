"""Values as plain data and back: what is read is what was written, of known classes only."""

import enum
import json
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import devices
from nsm.plain_data import CannotStore, Catalog, decode, encode
from nsm.same import same


class Pair(NamedTuple):
    """A named tuple."""

    left: Any
    right: Any


class Color(enum.Enum):
    """An enumeration."""

    RED = 1


@dataclass(frozen=True)
class Box:
    """A dataclass."""

    content: Any
    count: int = 3


CATALOG = Catalog([Pair, Color, Box], packages=("devices",))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ARRAYS = st.builds(
    lambda shape, dtype, order: np.asarray(
        np.arange(math.prod(shape)).reshape(shape), dtype, order
    ),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.sampled_from([bool, np.int8, np.int64, np.uint64, np.float32, np.float64]),
    st.sampled_from(["C", "F"]),
)
VALUES = st.recursive(
    SCALARS | ARRAYS | st.just(Color.RED) | st.slices(9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.builds(Pair, inner, inner)
        | st.builds(Box, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_a_product_of_noises_is_read_as_it_was_written():
    noise = devices.ProductNoise(devices.GaussianNoise(0.1), devices.ThermalShotNoise(shot=0.2))
    plain = json.loads(json.dumps(encode(noise, "v", arrays={})))
    assert decode(plain, CATALOG, arrays={}) == noise


@given(VALUES)
@example(Box(math.nan))
def test_what_is_read_is_what_was_written(value):
    arrays = {}
    plain = json.loads(json.dumps(encode(value, "v", arrays=arrays), allow_nan=False))
    again = decode(plain, CATALOG, arrays=arrays)
    assert same(value, again)
    assert CATALOG.missing(plain) == []


@pytest.mark.parametrize("name", sorted(devices.PRESETS))
def test_devices_have_a_plain_form(name):
    device = devices.preset(name)
    arrays = {}
    plain = json.loads(json.dumps(encode(device, "device", arrays=arrays)))
    assert plain["object"] == "devices.Device"
    assert same(device, decode(plain, CATALOG, arrays=arrays))


def test_the_order_of_an_array_in_memory_is_kept():
    arrays = {}
    value = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    again = decode(encode(value, "v", arrays=arrays), CATALOG, arrays=arrays)
    assert again.flags.f_contiguous
    assert not again.flags.c_contiguous


def test_values_without_a_plain_form_are_named():
    with pytest.raises(CannotStore, match=r"v.content.0 is <object object.*no plain form"):
        encode(Box([object()]), "v")
    with pytest.raises(CannotStore, match="v is array.*no plain form"):
        encode(np.ones(2), "v")

    @dataclass
    class Local:
        """No other program can import it."""

    with pytest.raises(CannotStore, match="the class of v is .*Local, which no other program can"):
        encode(Local(), "v")


@pytest.mark.parametrize(
    "path",
    ["subprocess.Popen", "devices.preset", "devices.seeding.np", "devices.nowhere.X", "builtins"],
)
def test_only_known_descriptions_are_built(path):
    assert Catalog(packages=("devices",)).missing({"object": path, "fields": {}}) == [path]
    with pytest.raises(ValueError, match=f"the file names {path}, which is not among the known"):
        decode({"object": path, "fields": {}}, Catalog(packages=("devices",)))


def test_a_class_that_has_moved_is_found_by_its_name():
    plain = encode(Box(1), "v")
    plain["object"] = "old_module.Box"
    assert decode(plain, CATALOG) == Box(1)


def test_unknown_forms_are_refused():
    with pytest.raises(ValueError, match="unknown form 'code'"):
        decode({"code": "1 + 1"}, CATALOG)


def test_a_class_of_another_version_is_named():
    plain = encode(Box(1), "v")
    plain["fields"]["color"] = "red"
    with pytest.raises(ValueError, match=r"holds a .*Box of another version .*color"):
        decode(plain, CATALOG)
