"""Parameters in words, and against the published device and the defaults."""

from dataclasses import replace

import pytest

from crossbar import Adc, Hardware
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    IdealWrite,
    LognormalNoise,
    TelegraphNoise,
    preset,
)
from nsm.chips.hardware_table import HardwareTable
from nsm.report.parameters import (
    difference_tables,
    hardware_facts,
    parameters,
    siemens,
    words,
)
from tests.nsm.report.made_rows import BASE


def cells_of(table):
    """The cells of a table by label, without their additions."""
    return {label: [text for text, _ in cells] for label, cells in table.rows}


def test_only_what_differs_from_the_preset_is_shown():
    device = preset("fefet_jerry2017", levels=4, read_noise=GaussianNoise(0.1))
    device = replace(device, write=replace(device.write, error_factor=3.0))
    (of_device, of_circuit), texts = difference_tables(replace(BASE, device=device))
    assert texts == []
    assert of_device.columns == ["fefet_jerry2017", "here"]
    assert cells_of(of_device) == {
        "conductance levels per cell": ["32", "4"],
        "programming error [× published]": ["1", "3"],
        "device.read_noise": ["none", "gaussian noise, sigma 0.1"],
    }
    assert "Jerry et al. IEDM 2017" in of_device.note
    assert cells_of(of_circuit) == {
        "gate": ["none", "blank-out, conducts with probability 0.5"],
        "tile (word lines, bit lines)": ["128, 128", "64, 64"],
    }


def test_what_does_not_differ_is_said():
    tables, texts = difference_tables(Hardware(device=preset("rram_wan2022")))
    assert tables == []
    assert texts == [
        "The device is the preset rram_wan2022, unchanged.",
        "All fields of the circuit have their defaults.",
    ]


def test_noises_without_effect_do_not_differ():
    device = preset("fefet_jerry2017", read_noise=LognormalNoise(0.0))
    tables, texts = difference_tables(Hardware(device=device))
    assert tables == []
    assert "The device is the preset fefet_jerry2017, unchanged." in texts


def test_a_device_of_ones_own_is_compared_with_an_ideal_one():
    device = Device(g_min=1e-7, g_max=2e-6, levels=5)
    (table, _), _ = difference_tables(replace(BASE, device=device))
    assert table.columns == ["ideal", "here"]
    assert cells_of(table) == {"conductance levels per cell": ["continuous", "5"]}


def test_layers_have_tables_of_their_own():
    table = HardwareTable({"stem": None, "*": replace(BASE, adc=Adc(bits=6))})
    tables, texts = parameters(table)
    assert "Layers stem are digital." in texts
    assert [t.caption for t in tables] == ["The circuit, layers * against the defaults"]
    assert cells_of(tables[0])["adc"] == ["none", "adc, bits 6"]


def test_facts_are_words():
    facts = hardware_facts(BASE)
    assert facts["Device"]["conductance range"] == "39.7 nS to 1.79 µS, on/off ratio 45"
    assert facts["Device"]["programming error"] == (
        "root mean square 35 nS at the largest conductance (2 % of the range)"
    )
    assert facts["Device"]["read noise"] == "none"
    assert facts["Circuit"]["gate of the stochastic layers"] == (
        "blank-out, conducts with probability 0.5, one per pair"
    )
    assert facts["Circuit"]["tile"] == "64 word lines × 64 bit lines"
    # A device with another way of programming does not claim that of its preset.
    ideal = replace(BASE, device=preset("fefet_jerry2017", write=IdealWrite()))
    assert hardware_facts(ideal)["Device"]["programming"] == "exact"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (0.123456, "0.1235"),
        ((64, 32), "64, 32"),
        (BlankOut(0.25), "blank-out, conducts with probability 0.25"),
        (
            TelegraphNoise(0.15, 0.02, 0.03),
            "telegraph noise, amplitude 0.15, tau capture 0.02 s, tau emission 0.03 s",
        ),
        (tuple(range(400)), "0, 1, 2"),
    ],
)
def test_values_are_words(part, text):
    assert words(part).startswith(text)
    assert len(words(part)) < 200


@pytest.mark.parametrize(("value", "text"), [(3.97e-8, "39.7 nS"), (1e-5, "10 µS"), (2e-3, "2 mS")])
def test_conductances_have_the_unit_that_suits_them(value, text):
    assert siemens(value) == text
