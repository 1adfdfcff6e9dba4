"""Values as texts and TOML write them: each means what the type of its field says."""

import tomllib
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from crossbar import Adc, Comparator, Hardware, ReferenceColumn, Wires
from crossbar.field_values import MAPPINGS, is_none, parsed, types_of, value_of_text
from crossbar.paths import build_hardware, flattened, with_options, with_value
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    IdealWrite,
    NoDrift,
    NoFaults,
    NonlinearPulses,
    NoNoise,
    NoTemperature,
    PowerLawDrift,
    PowerLawNoise,
    ProductNoise,
    ReadNoise,
    StateDependentError,
    StuckCells,
    gate,
    preset,
)
from devices.tables import MODELS, to_table

HARDWARE = Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5))
WITH_PARTS = replace(HARDWARE, adc=Adc(range=1e-6), wires=Wires(1.0, 1.0))

#: Path, VALUE on the command line, TOML value, and what both mean.
FORMS = [
    ("device.levels", "16", "16", 16),
    ("device.levels", "none", '"none"', None),
    ("device.g_max", "1e-4", "1e-4", 1e-4),
    ("device.g_max", ".0001", "0.0001", 1e-4),
    ("compensate_wires", "false", "false", False),
    ("compensate_wires", "true", "true", True),
    ("compensate_wires", "False", '"false"', False),
    ("compensate_wires", "True", '"True"', True),
    ("tile_shape", "32,16", "[32, 16]", (32, 16)),
    ("tile_shape", "[32, 16]", "[32, 16]", (32, 16)),
    ("deterministic_path", "none", '"none"', "none"),
    ("gate_sharing", "cell", '"cell"', "cell"),
    ("gate", "none", '"none"', NoNoise()),
    ("gate", "nsm_gaussian", '"nsm_gaussian"', gate("nsm_gaussian")),
    ("gate", "{kind = 'blank_out', p = 0.3}", '{kind = "blank_out", p = 0.3}', BlankOut(0.3)),
    (
        "gate",
        '{preset = "nsm_bernoulli", p = "0.25"}',
        '{preset = "nsm_bernoulli", p = 0.25}',
        BlankOut(0.25),
    ),
    ("device.read_noise", "none", '"none"', NoNoise()),
    ("device.read_noise", "no_noise", '{kind = "none"}', NoNoise()),
    (
        "device.read_noise",
        '{kind = "gaussian", sigma = 0.1}',
        '{kind = "gaussian_noise", sigma = 0.1}',
        GaussianNoise(0.1),
    ),
    (
        "device.read_noise",
        '{kind = "product", factors = [{kind = "gaussian", sigma = 0.1}, {kind = "blank_out", '
        "p = 0.5}]}",
        '{kind = "product_noise", factors = [{kind = "gaussian_noise", sigma = 0.1}, '
        '{kind = "blank_out", p = 0.5}]}',
        ProductNoise(GaussianNoise(0.1), BlankOut(0.5)),
    ),
    ("device.write", "none", '"none"', IdealWrite()),
    (
        "device.write",
        '{kind = "state_dependent", coefficients = [1e-7]}',
        '{kind = "state_dependent_error", coefficients = [1e-7]}',
        StateDependentError(coefficients=(1e-7,)),
    ),
    ("device.retention", "none", '"none"', NoDrift()),
    ("device.faults", "none", '"none"', NoFaults()),
    ("device.temperature_law", "none", '"none"', NoTemperature()),
    ("device.pulses", "none", '"none"', None),
    ("device", "rram_wu2018", '"rram_wu2018"', preset("rram_wu2018")),
    (
        "device",
        '{preset = "rram_wu2018", levels = 4, read_noise = {kind = "gaussian", sigma = 0.1}}',
        '{preset = "rram_wu2018", levels = 4, read_noise = {kind = "gaussian", sigma = 0.1}}',
        preset("rram_wu2018", levels=4, read_noise=GaussianNoise(0.1)),
    ),
    (
        "device",
        "{g_min = 1e-6, g_max = 1e-5, levels = 'none'}",
        "{g_min = 1e-6, g_max = 1e-5}",
        Device(g_min=1e-6, g_max=1e-5),
    ),
    ("mapping", "reference_column", '{kind = "reference_column"}', ReferenceColumn()),
    ("adc", "{bits = 4}", "{bits = 4}", Adc(bits=4)),
    ("adc", "none", '"none"', None),
    ("adc.range", "none", '"none"', None),
    ("wires", "{r_row = 1, r_col = '2'}", "{r_row = 1, r_col = 2}", Wires(1, 2)),
    ("wires.drivers", "both", '"both"', "both"),
    ("comparator", "{noise = 1e-9}", "{noise = 1e-9}", Comparator(noise=1e-9)),
]


@pytest.mark.parametrize(("path", "text", "toml", "meant"), FORMS)
def test_texts_and_toml_mean_the_same_python_value(path, text, toml, meant):
    expected = with_value(WITH_PARTS, path, meant)
    assert with_value(WITH_PARTS, path, value_of_text(text)) == expected
    assert with_value(WITH_PARTS, path, tomllib.loads(f"v = {toml}")["v"]) == expected
    found = expected
    for name in path.split("."):
        found = getattr(found, name)
    assert found == meant
    assert type(found) is type(meant)


def test_every_field_of_the_hardware_tells_its_type():
    silent = [f.name for f in fields(Hardware) if not types_of(Hardware, f.name)]
    assert silent == []


@pytest.mark.parametrize("name", ["rram_wan2022", "rram_cmo_hfox", "fefet_jerry2017"])
def test_the_table_of_a_preset_is_that_preset(name):
    device = preset(name)
    assert with_value(HARDWARE, "device", to_table(device)).device == device


def test_every_mapping_and_every_read_noise_has_a_kind():
    for kind in MAPPINGS:
        assert type(with_value(HARDWARE, "mapping", {"kind": kind}).mapping) is MAPPINGS[kind]
    noises = [kind for kind, cls in MODELS.items() if issubclass(cls, ReadNoise)]
    assert len(noises) > 10
    for kind in noises:
        with pytest.raises(ValueError, match="unknown field of device.read_noise 'nonsense'"):
            with_value(HARDWARE, "device.read_noise", {"kind": kind, "nonsense": 1})


@pytest.mark.parametrize(
    ("value", "expected"),
    [(np.int64(4), 4), (np.array(4), 4), (np.float32(4), 4), (np.float32(4.5), 4.5)],
)
def test_numbers_of_numpy_are_those_of_python(value, expected):
    found = parsed(Device, "levels", value, "device.levels")
    assert (found, type(found)) == (expected, type(expected))
    assert parsed(Hardware, "compensate_wires", np.bool_(False), "compensate_wires") is False


@dataclass(frozen=True)
class Odd:
    """A part whose annotations name nothing that can be imported."""

    a: "nowhere.Thing"  # noqa: F821


def test_fields_without_a_known_type_take_values_as_they_are():
    assert types_of(Odd, "a") == ()
    assert parsed(Odd, "a", "none", "a") == "none"
    assert parsed(Odd, "a", [1, [2]], "a") == (1, (2,))
    assert parsed(Odd, "a", {"b": 1}, "a") == {"b": 1}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("compensate_wires", "flase", "compensate_wires = 'flase' is not allowed; give true or f"),
        ("compensate_wires", 0, "compensate_wires = 0 is not allowed; give true or false"),
        ("compensate_wires", None, "compensate_wires = None is not allowed; give true or false"),
        ("device.levels", "many", "Device.levels = 'many' is not allowed"),
        ("device.levels", True, "Device.levels = True is not allowed"),
        ("device.g_max", "none", "Device.g_max = 'none' is not a number"),
        (
            "device.read_noise",
            {"kind": "gausian", "sigma": 0.1},
            "unknown kind of device.read_noise 'gausian'; did you mean 'gaussian_noise'",
        ),
        (
            "device.read_noise",
            {"kind": "stuck_cells"},
            "unknown kind of device.read_noise 'stuck_cells'",
        ),
        ("device.read_noise", {"sigma": 0.1}, "{'sigma': 0.1} has no kind; give one, such as"),
        ("device.read_noise", "power_law", "PowerLawNoise. needs coefficient, gamma, g_ref"),
        (
            "device.read_noise",
            {"kind": "gaussian", "sigm": 0.1},
            "unknown field of device.read_noise 'sigm'; did you mean 'sigma'",
        ),
        (
            "device.read_noise",
            {"kind": "gaussian", "sigma": -0.1},
            "GaussianNoise.sigma = -0.1 is not allowed",
        ),
        (
            "device.read_noise",
            {"kind": "product", "factors": [{"kind": "gausian", "sigma": 1}]},
            r"unknown kind of device.read_noise.factors\[0\] 'gausian'; did you mean 'gaussian_",
        ),
        ("gate", "nsm_bernouli", "unknown gate 'nsm_bernouli'; did you mean 'nsm_bernoulli'"),
        (
            "gate",
            {"preset": "nsm_bernoulli", "q": 0.25},
            "unknown field of gate 'q'. Known: p",
        ),
        (
            "device",
            {"preset": "rram_wu2018", "level": 4},
            "unknown field of device 'level'; did you mean 'levels'",
        ),
        ("device", {"g_min": 1e-6}, r"device \(Device\) needs g_max"),
        ("mapping", {"kind": "pair"}, "unknown kind of mapping 'pair'"),
        ("adc", {"bit": 4}, "unknown field of Adc 'bit'; did you mean 'bits'"),
        ("wires", {"r_row": 1}, "wires needs wires.r_col too"),
    ],
)
def test_what_means_nothing_is_refused_by_name_and_value(path, value, message):
    with pytest.raises(ValueError, match=message):
        with_value(HARDWARE, path, value)


def test_a_table_with_a_kind_is_a_value_and_others_are_paths():
    table = tomllib.loads(
        'device.read_noise = {kind = "gaussian", sigma = 0.1}\nadc = {bits = 4}\n'
        'device.g_min = 1e-6\ndevice.g_max = 1e-5\ngate = "none"\ncompensate_wires = false\n'
    )
    assert flattened(table) == {
        "device.read_noise": {"kind": "gaussian", "sigma": 0.1},
        "device.g_min": 1e-6,
        "device.g_max": 1e-5,
        "adc.bits": 4,
        "gate": "none",
        "compensate_wires": False,
    }
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1))
    assert build_hardware(flattened(table)) == Hardware(device=device, adc=Adc(bits=4))


def test_options_change_parts_that_are_there_and_make_those_that_are_not():
    options = {
        "wires.r_row": 2.0,
        "adc.bits": 3,
        "device.faults": {"kind": "stuck", "p_stuck_hrs": 0.1},
    }
    changed = with_options(replace(HARDWARE, wires=Wires(1.0, 1.0)), options)
    faulty = replace(HARDWARE.device, faults=StuckCells(p_stuck_hrs=0.1))
    assert changed == replace(HARDWARE, device=faulty, adc=Adc(bits=3), wires=Wires(2.0, 1.0))
    with pytest.raises(ValueError, match="unknown key of 'head' 'adc.bit'; did you mean 'adc.bits"):
        with_options(replace(HARDWARE, adc=Adc()), {"adc.bit": 3}, "key of 'head'")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("16", 16),
        ("1e-6", 1e-6),
        ("true", True),
        ("pair", "pair"),
        ("32,32", [32, 32]),
        ("a, b", ["a", "b"]),
        ("[1, 2]", [1, 2]),
        ('"16"', "16"),
        ("", ""),
        ("a = 3", "a = 3"),
        ("1\nother = 2", "1\nother = 2"),
        ("mine.toml", "mine.toml"),
    ],
)
def test_a_text_on_the_command_line_is_toml_where_it_can_be(text, value):
    assert value_of_text(text) == value


@pytest.mark.parametrize(
    "text", ['{kind = "gaussian", sigma = 0.1', "[1, 2", '"16', "{kind: 'gaussian'}"]
)
def test_a_text_that_begins_as_toml_and_is_none_is_refused(text):
    with pytest.raises(ValueError, match="is no TOML value .*close its brackets") as refusal:
        value_of_text(text)
    assert str(refusal.value).startswith(text)


def test_whole_floats_are_whole_numbers():
    found = [with_value(HARDWARE, "device.levels", v).device.levels for v in np.linspace(2, 8, 4)]
    assert found == [2, 4, 6, 8]
    assert {type(levels) for levels in found} == {int}
    for given in ([8.0, 4], np.array([8.0, 4.0]), "8.0, 4"):
        shape = value_of_text(given) if isinstance(given, str) else given
        assert repr(with_value(HARDWARE, "tile_shape", shape).tile_shape) == "(8, 4)"
    assert with_value(HARDWARE, "adc", {"bits": 4.0}).adc == Adc(bits=4)
    levels = with_value(HARDWARE, "device.levels", np.array([1e-7, 1e-6])).device.levels
    assert np.array_equal(levels, (1e-7, 1e-6))
    for path, value in (("device.levels", 4.5), ("tile_shape", [8.5, 4]), ("adc", {"bits": 4.5})):
        with pytest.raises(ValueError, match=r"[48]\.5"):
            with_value(HARDWARE, path, value)


def test_a_short_kind_is_that_of_its_slot():
    drift = {"kind": "power_law", "nu_mean": 0.1}
    assert parsed(Device, "retention", drift, "retention") == PowerLawDrift(nu_mean=0.1)
    noise = {"kind": "power_law", "coefficient": 0.1, "gamma": 0.5, "g_ref": 1e-6}
    assert parsed(Device, "read_noise", noise, "noise") == PowerLawNoise(0.1, 0.5, 1e-6)


class NormalWrite(IdealWrite):
    """A model of a user, whose name begins with "No"."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        (NoNoise(), True),
        (IdealWrite(), True),
        (NoDrift(), True),
        (NoFaults(), True),
        (NoTemperature(), True),
        (NormalWrite(), False),
        (NonlinearPulses(pulses=32, g_min=1e-6, g_max=1e-5), False),
        (StateDependentError(coefficients=(1e-7,)), False),
        (0.0, False),
        ("none", False),
    ],
)
def test_none_means_the_models_without_effect_alone(value, expected):
    assert is_none(value) is expected
