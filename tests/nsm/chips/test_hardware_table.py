"""Hardware by layer: which entry decides for which layer, and what a table must not hold."""

import pickle
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import Hardware
from devices import Device
from nsm.chips.hardware_table import HardwareTable, as_table

A, B, C = (Hardware(device=Device(g_min=1e-6, g_max=n * 1e-5)) for n in (1, 2, 3))
LAYERS = ("stem.0", "blocks.0.conv", "blocks.1.conv", "head")


def test_every_layer_has_the_hardware_of_its_entry():
    table = HardwareTable({"stem": A, "blocks.*": B, "head": None})
    assert [table.of(layer) for layer in LAYERS] == [A, B, B, None]
    table.check(LAYERS)


def test_one_hardware_is_a_table_of_all_layers():
    table = as_table(A)
    assert table == HardwareTable({"*": A})
    assert [table.of(layer) for layer in (*LAYERS, "")] == [A] * 5
    assert as_table(table) is table
    assert as_table({"*": A}) == table


def test_the_longest_name_decides_before_any_pattern():
    table = HardwareTable({"*": A, "blocks.1*": None, "blocks": B, "blocks.0.conv": C})
    assert [table.of(layer) for layer in LAYERS] == [A, C, B, A]


def test_patterns_decide_in_their_order_and_cover_what_is_below():
    table = HardwareTable({"blocks.[0]": C, "b*": B, "*": A})
    assert [table.of(layer) for layer in LAYERS] == [A, C, B, A]
    assert HardwareTable({"b*": B, "blocks.[0]": C, "*": A}).of("blocks.0.conv") == B


def test_a_name_covers_no_module_that_merely_starts_like_it():
    with pytest.raises(ValueError, match="no entry for layer 'stem2'"):
        HardwareTable({"stem": A}).of("stem2")


names = st.text("ab.*?[]", min_size=1, max_size=5)


@given(st.lists(names, min_size=1, max_size=4, unique=True), st.text("ab.", min_size=1, max_size=5))
def test_a_slow_twin_finds_the_same_entry(keys, layer):
    above = [layer[:n] for n in range(len(layer) + 1) if n == len(layer) or layer[n] == "."]
    plain = [k for k in keys if not set(k) & set("*?[") and k in above]
    patterns = [k for k in keys if set(k) & set("*?[") and any(fnmatchcase(a, k) for a in above)]
    expected = [*sorted(plain, key=len, reverse=True), *patterns]
    table = HardwareTable(dict.fromkeys(keys, A))
    if expected:
        assert table.key_of(layer) == expected[0]
    else:
        with pytest.raises(ValueError, match="the hardware table has no entry for layer"):
            table.key_of(layer)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"stem": A, "blocks": A}, r"no entry for layer 'head', only 'stem', 'blocks'; add \"head"),
        ({"*": A, "hed": None}, "unknown layer in the hardware table 'hed'; did you mean 'head'"),
        ({"*": A, "block.*": B}, r"unknown layer in the hardware table 'block.\*'; did you mean"),
        (
            {"*": A, "blocks.*": B},
            r"entry 'blocks.\*' of the hardware table has no effect: '\*' dec",
        ),
        (
            {"*": A, "blocks": C, "blocks.0": None, "blocks.1": None},
            "entry 'blocks' of the hardware table has no effect: 'blocks.0', 'blocks.1' decides",
        ),
    ],
)
def test_a_table_that_does_not_fit_the_layers_is_refused(entries, message):
    with pytest.raises(ValueError, match=message):
        HardwareTable(entries).check(LAYERS)


def test_all_others_may_be_none():
    HardwareTable({"stem": A, "blocks": B, "head": None, "*": C}).check(LAYERS)


@pytest.mark.parametrize(
    ("hardware", "message"),
    [
        (3, "hardware = 3 is not a crossbar.Hardware; give one, or a mapping"),
        (None, "hardware = None is not a crossbar.Hardware"),
        ({}, "the hardware table is empty"),
        ({"": A}, "'' is not a layer's name"),
        ({0: A}, "0 is not a layer's name"),
        ({"a:b": A}, "'a:b' is not a layer's name"),
        ({"stem": "digital"}, "hardware of 'stem' = 'digital' is not a crossbar.Hardware; give"),
    ],
)
def test_what_is_no_table_is_refused(hardware, message):
    with pytest.raises(ValueError, match=message):
        as_table(hardware)


def test_a_table_does_not_change_and_survives_a_pickle():
    entries = {"b*": A, "*": None}
    table = HardwareTable(entries)
    entries["b*"] = B
    assert dict(table) == {"b*": A, "*": None}
    assert pickle.loads(pickle.dumps(table)) == table
    assert hash(table) == hash(HardwareTable({"b*": A, "*": None}))
    assert table != HardwareTable({"*": None, "b*": A})  # the order decides between patterns
    with pytest.raises(TypeError, match="item assignment"):
        table["b*"] = B
