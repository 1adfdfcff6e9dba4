"""Sweep files: what they describe, and the message for every mistake in them."""

import tomllib
from dataclasses import replace

import pytest
import torch

from crossbar import Adc, BalancedPair, Comparator, Hardware
from crossbar.paths import build_hardware, flattened
from devices import BlankOut, GaussianNoise, preset
from nsm import nsm_mlp, relu_mlp, save
from nsm.sweeps.sweep_file import KEYS, SAMPLE, parse, read_sweep

BASE = 'network = "small.safetensors"\n[hardware]\ndevice = "fefet_jerry2017"\n'


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    save(nsm_mlp((8, 6, 5, 3)), tmp_path / "small.safetensors")
    save(relu_mlp((8, 6, 5, 3)), tmp_path / "relu.safetensors")
    return tmp_path


def test_the_sample_file_is_read_as_its_comments_say(folder):
    sweep = parse(SAMPLE.replace('"mnist_mlp"', '"small.safetensors"'), folder=folder)
    assert (sweep.data, sweep.samples, sweep.chips, sweep.seed, sweep.images) == (
        "mnist",
        20,
        3,
        0,
        1000,
    )
    assert (sweep.sampling, list(sweep.networks)) == ("moments", ["small"])
    assert sweep.hardware == Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5))
    assert sweep.axes == {"device.levels": [2, 4, 8, 16, 32], "gain": [0.1, 1.0]}
    assert len(sweep.tasks()) == 10


def test_the_sample_shows_every_key_except_networks():
    assert {*tomllib.loads(SAMPLE)} == {*KEYS} - {"networks"}


def test_defaults_are_the_documented_ones(folder):
    sweep = parse(BASE, folder=folder)
    assert (sweep.data, sweep.samples, sweep.chips, sweep.seed) == ("digits", 20, 3, 0)
    assert (sweep.images, sweep.sampling, sweep.axes) == (None, "exact", {})
    assert len(sweep.tasks()) == 1


def test_several_networks_have_names(folder):
    text = (
        '[networks]\nNSM = "small.safetensors"\nReLU = "relu.safetensors"\n'
        '[hardware]\ndevice = "rram_wu2018"\n'
    )
    sweep = parse(text + "[axes]\ngain = [1, 2]\n", folder=folder)
    assert [t.network for t in sweep.tasks()] == ["NSM", "NSM", "ReLU", "ReLU"]
    assert type(sweep.networks["ReLU"][0]).__name__ == "Linear"


def test_a_file_is_read_from_beside_itself(folder, tmp_path_factory, monkeypatch):
    (folder / "levels.toml").write_text(BASE)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert list(read_sweep(folder / "levels.toml").networks) == ["small"]


def test_tables_and_quoted_keys_are_the_same_paths(folder):
    quoted = BASE + '"device.write.error_factor" = 2.0\n[axes]\n"device.levels" = [2, 4]\n'
    assert flattened({"a": {"b": {"c": 1}}, "d.e": 2}) == {"a.b.c": 1, "d.e": 2}
    with_tables = BASE.replace("[hardware]", "[axes.device]\nlevels = [2, 4]\n[hardware]")
    one = parse(quoted, folder=folder)
    other = parse(with_tables + '"device.write.error_factor" = 2.0\n', folder=folder)
    assert (one.hardware, one.axes) == (other.hardware, other.axes)


def test_hardware_is_built_from_paths():
    options = {
        "device": "rram_wu2018",
        "gate": "nsm_gaussian",
        "gate.sigma": 0.5,
        "mapping": "balanced_pair",
        "tile_shape": [32, 16],
        "device.on_off_ratio": 20,
        "comparator.noise": 1e-9,
        "adc.bits": 6,
        "deterministic_path": "ideal",
    }
    device = preset("rram_wu2018")
    assert build_hardware(options) == Hardware(
        device=replace(device, g_min=device.g_max / 20),
        gate=GaussianNoise(0.5),
        mapping=BalancedPair(),
        tile_shape=(32, 16),
        comparator=Comparator(noise=1e-9),
        adc=Adc(bits=6),
        deterministic_path="ideal",
    )
    assert build_hardware({"device": "rram_wu2018"}).gate == BlankOut(0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            'the hardware needs a device: device = "fefet_jerry2017", or another of `nsm presets`',
        ),
        (
            {"device": "fefet_jery2017"},
            "unknown device preset 'fefet_jery2017'; did you mean 'fefet_jerry2017'",
        ),
        ({"device": 3}, "Hardware.device = 3 is not a Device"),
        ({"gate": "bernoulli"}, "unknown gate 'bernoulli'"),
        ({"device.level": 3}, "unknown hardware key 'device.level'; did you mean 'device.levels'"),
        ({"tile_shap": [3, 3]}, "unknown hardware key 'tile_shap'; did you mean 'tile_shape'"),
        ({"adc.bit": 3}, "unknown field of Adc 'bit'; did you mean 'bits'"),
        ({"adc.bits": 0}, "Adc.bits = 0 is not allowed"),
        ({"comparator.nois": 1e-9}, "unknown hardware key .* did you mean 'comparator.noise'"),
        ({"device.levels": "many"}, "Device.levels = 'many' is not allowed"),
        ({"mapping": "pair"}, "unknown mapping 'pair'"),
        ({"gate.p": 2}, "BlankOut.p = 2 is not allowed"),
    ],
)
def test_bad_hardware_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_hardware(
            options
            if not options or "device" in options
            else {"device": "fefet_jerry2017", **options}
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('network = "small.safetensors"\nchips = = 3\n', r"levels.toml is not TOML: .*line 2"),
        (
            "chips = 3\n[hardware]\n",
            r'levels.toml needs either network = "file" or a table \[networks\]',
        ),
        ('network = "a"\n[networks]\nb = "b"\n', "needs either network"),
        (
            'networks = "small.safetensors"\n',
            r"networks in levels.toml must be a table: \[networks\]",
        ),
        (
            'hardware = 3\nnetwork = "small.safetensors"\n',
            r"hardware in levels.toml must be a table",
        ),
        ('axes = [3]\nnetwork = "small.safetensors"\n', r"axes in levels.toml must be a table"),
        ('network = "small.safetensors"\n', "the hardware needs a device"),
        ("chip = 3\n" + BASE, "unknown key in levels.toml 'chip'; did you mean 'chips'"),
        ("chips = 0\n" + BASE, "chips = 0 is not allowed; give a whole number of at least 1"),
        ("samples = 1.5\n" + BASE, "samples = 1.5 is not allowed"),
        ("images = 0\n" + BASE, "images = 0 is not allowed"),
        ("seed = -1\n" + BASE, "seed = -1 is not allowed; give a whole number of at least 0"),
        ('data = "minst"\n' + BASE, "unknown data in levels.toml 'minst'; did you mean 'mnist'"),
        ('sampling = "moment"\n' + BASE, "unknown sampling 'moment'; did you mean 'moments'"),
    ],
)
def test_bad_sweep_files_are_refused(text, message, folder):
    (folder / "levels.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        parse(text, folder=folder, name="levels.toml")
    with pytest.raises(ValueError, match=message.replace("levels.toml", ".*levels.toml")):
        read_sweep(folder / "levels.toml")


def test_missing_files_are_named(folder):
    with pytest.raises(
        FileNotFoundError, match=r"no sweep file .*levels.toml; `nsm sweep --example` prints one"
    ):
        read_sweep(folder / "levels.toml")
    with pytest.raises(
        FileNotFoundError,
        match="no network 'smal.safetensors': no such file, and the shipped ones are",
    ):
        parse(BASE.replace("small", "smal"), folder=folder)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ('"device.level" = [2]', "unknown axis 'device.level'; did you mean 'device.levels'"),
        ('"device.levels" = []', "axis 'device.levels' has no values"),
        ("gain = 1.0", r"axis 'gain' has no values \(1.0\)"),
        ('"device.levels" = [2, 0]', "Device.levels = 0 is not allowed"),
    ],
)
def test_bad_axes_are_refused_before_any_work(axes, message, folder):
    with pytest.raises(ValueError, match=message):
        parse(f"{BASE}[axes]\n{axes}\n", folder=folder).tasks()
