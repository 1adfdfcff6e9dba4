"""The JSON schema of sweep files: it takes what the parser takes, and refuses unknown keys."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from crossbar import Adc, Hardware, Wires
from crossbar.paths import known_paths
from devices import Device, GaussianNoise
from nsm.sweeps.spec.schema import schema_text, sweep_schema
from nsm.sweeps.spec.sweep_file import KEYS, SAMPLE
from tests.helpers.command import SWEEP

jsonschema = pytest.importorskip("jsonschema")
BASE = 'network = "small.safetensors"\n[hardware]\ndevice = "fefet_jerry2017"\n'
DOCS = Path(__file__).parents[4] / "docs"


@pytest.fixture(scope="module")
def schema():
    return sweep_schema()


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def problems(validator, text):
    """Return the messages of all errors in a text of TOML."""
    return [error.message for error in validator.iter_errors(tomllib.loads(text))]


def examples():
    """Return every sweep file in the documentation."""
    blocks = [
        block
        for path in sorted(DOCS.glob("*.md"))
        for block in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    ]
    return [block for block in blocks if "network" in block]


def test_the_schema_takes_the_sample_and_the_examples(validator):
    shown = "\n".join(line.removeprefix("# ") for line in SAMPLE.splitlines()[1:])
    found = examples()
    assert len(found) >= 2
    for text in (SAMPLE, shown, SWEEP, BASE, *found):
        assert problems(validator, text) == []


def test_it_has_every_key_and_every_path(schema):
    assert [*schema["properties"]] == [*KEYS]
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1))
    hardware = Hardware(device=device, adc=Adc(), wires=Wires(1.0, 1.0))
    for section in ("hardware", "axes"):
        assert {*known_paths(hardware)} <= {*schema["definitions"][section]["properties"]}
    of_adc = schema["definitions"]["Adc"]["properties"]
    assert {*of_adc} == {each.name for each in fields(Adc) if each.init}
    assert of_adc["bits"]["description"] == "Resolution, default 8."


@pytest.mark.parametrize(
    "text",
    [
        "[axes.device]\nlevels = [2, 4]\n",
        'adc = {bits = 4}\n"device.read_noise" = {kind = "gaussian", sigma = 0.1}\n',
        "[hardware.wires]\nr_row = 1.0\nr_col = 2.0\n",
        '[hardware.layers]\n"3" = "digital"\n"*" = {gate_sharing = "cell"}\n',
        '[hardware.layers.head]\nlayer = "tiles"\nadc = {bits = 6}\n',
        '[axes]\n"device.read_noise" = ["none", {name = "a", kind = "blank_out", p = 0.2}]\n',
        '[axes]\n"head:layer" = ["tiles", "digital"]\n"blocks.*:adc.bits" = [4, 6]\n',
        '[axes]\ndevice = ["rram_wu2018", "mine.toml", {preset = "rram_wu2018", levels = 4}]\n',
        '[axes]\ncompensation = ["none", "layer"]\nseconds = {start = 0, stop = 9, num = 4}\n',
        "[[zip]]\ngain = [1, 2]\nseconds = [0, 1]\n",
        '[hardwares.A]\n[hardwares.B]\ndevice = "rram_wu2018"\nwires = {r_row = 1.0, r_col = 1}\n',
        '[calibrate]\nimages = 20\nmethod = "least_squares"\n',
        "[until]\nerrors = 100\n",
        'weight_range = 99.9\nmapping = {kind = "bit_sliced", bits = 4}\n',
    ],
)
def test_it_takes_what_sweep_files_hold(text, validator):
    assert problems(validator, BASE + text) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("chip = 3\n" + BASE, "'chip'"),
        (BASE + '"device.level" = 3\n', "'device.level'"),
        (BASE + "[hardware.wires]\nr_rows = 3\n", "r_rows"),
        (BASE + "adc = {bit = 3}\n", "bit"),
        (BASE + "[axes]\ngian = [1.0]\n", "gian"),
        (BASE + "[axes]\ngain = 1.0\n", "1.0"),
        (BASE + "[axes]\ngain = []\n", "[]"),
        (BASE + "[axes]\ngain = {start = 1, stop = 2}\n", "'stop': 2"),
        (BASE + '[axes]\n"head:device.level" = [3]\n', "head:device.level"),
        (BASE + '[axes]\n"head:layer" = ["tile"]\n', "tile"),
        (BASE + '[hardware.layers]\nhead = "digitl"\n', "digitl"),
        (BASE + '"device.read_noise" = {kind = "gausian", sigma = 0.1}\n', "gausian"),
        (BASE + '"device.read_noise" = {kind = "gaussian", sigm = 0.1}\n', "sigm"),
        (BASE + '[hardwares.A]\ngate_sharing = "pairs"\n', "pairs"),
        (BASE + "[[zip]]\ngian = [1]\n", "gian"),
        (BASE + "[until]\nerror = 3\n", "'error'"),
        (BASE + "[calibrate]\nmethod = 'max'\n", "'images'"),
        ("samples = 0\n" + BASE, "0"),
        ('sampling = "moment"\n' + BASE, "moment"),
        (BASE.replace("fefet_jerry2017", "fefet_jery2017"), "fefet_jery2017"),
        ("[hardware]\ndevice = 'rram_wu2018'\n", "hardware"),
    ],
)
def test_it_refuses_what_the_parser_refuses(text, named, validator):
    found = problems(validator, text)
    assert found
    assert named in " ".join(found)


def test_the_text_is_json_and_small_enough_for_an_editor():
    import json

    text = schema_text()
    assert json.loads(text) == sweep_schema()
    assert len(text) < 600_000
