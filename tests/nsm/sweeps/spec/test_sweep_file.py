"""Sweep files: what they describe, and the message for every mistake in them."""

import tomllib
from dataclasses import replace

import pytest
import torch

from crossbar import Adc, BalancedPair, Comparator, Hardware, Wires
from crossbar.paths import build_hardware, flattened
from devices import BlankOut, Device, GaussianNoise, NoNoise, preset, with_on_off_ratio
from nsm import Hardwares, Range, grid, nsm_mlp, relu_mlp, save
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.spec.sweep_file import KEYS, SAMPLE, parse, read_sweep

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
    shown = "\n".join(line.removeprefix("# ") for line in SAMPLE.splitlines()[1:])
    assert {*tomllib.loads(shown)} == {*KEYS} - {"networks"}


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
        device=with_on_off_ratio(device, 20),
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
        ('data = "minst"\n' + BASE, "unknown data set 'minst'; did you mean 'mnist'"),
        ("data = 3\n" + BASE, "data = 3 is no data set; give a text, such as data = .mnist"),
        ("zip = 3\n" + BASE, r"zip must be a list of tables: \[\[zip\]\]"),
        ("hardwares = 3\n" + BASE, r"hardwares in levels.toml must be a table"),
        (BASE + "[hardwares]\n", r"\[hardwares\] is empty; give a table \[hardwares.NAME\]"),
        (BASE + "[hardwares]\na = 3\n", r"hardwares must hold tables: \[hardwares.NAME\]"),
        (
            BASE + "[hardwares.A]\nlayers = 3\n",
            r"layers in \[hardwares.A\] must be a table: \[hardwares.A.layers\]",
        ),
        (
            BASE + '[hardwares.A]\n"device.level" = 3\n',
            "hardware 'A': unknown hardware key 'device.level'; did you mean 'device.levels'",
        ),
        (
            'network = "small.safetensors"\n[hardwares.A]\nadc = {bits = 3}\n',
            "hardware 'A': the hardware needs a device",
        ),
        (
            BASE + "layers = 3\n",
            r"layers in \[hardware\] must be a table: \[hardware.layers\]",
        ),
        (
            BASE + '[hardware.layers]\nhead = "digitl"\n',
            "unknown hardware of layer 'head' 'digitl'; did you mean 'digital'",
        ),
        (
            BASE + "[hardware.layers]\nhead = 3\n",
            "hardware of layer 'head' = 3; give \"digital\", or a table of what differs",
        ),
        (
            BASE + '[hardware.layers."b.*"]\n"device.level" = 3\n',
            r"unknown hardware key of layer 'b.\*' 'device.level'; did you mean 'device.levels'",
        ),
        (
            BASE + '[hardware.layers.head]\nlayer = "digital"\nread_voltage = 0.2\n',
            "layer 'head' is digital, so that read_voltage would have no effect",
        ),
        (
            BASE + '[hardware.layers.head]\nlayer = "analog"\n',
            "unknown layer of 'head' 'analog'. Known: tiles, digital",
        ),
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


def test_tables_of_models_are_hardware_and_axes(folder):
    text = (
        BASE
        + 'gate = "none"\ncompensate_wires = false\nwires = {r_row = 1.0, r_col = 1.0}\n'
        + '"device.read_noise" = {kind = "gaussian", sigma = 0.2}\n[axes]\n'
        + '"device.read_noise" = ["none", {kind = "gaussian", sigma = 0.1}, '
        + '{name = "blank", kind = "blank_out", p = 0.25}]\n'
        + 'compensate_wires = [false, true]\n"device.levels" = [4, "none"]\n'
    ).replace("small", "relu")
    sweep = parse(text, folder=folder)
    device = preset("fefet_jerry2017", read_noise=GaussianNoise(0.2))
    assert sweep.hardware == Hardware(device=device, wires=Wires(r_row=1.0, r_col=1.0))
    tasks = sweep.tasks()
    noises = [NoNoise(), GaussianNoise(0.1), BlankOut(0.25)]
    assert [t.hardware.device.read_noise for t in tasks[::4]] == noises
    labels = [t.parameters["device.read_noise"] for t in tasks[::4]]
    assert labels == ["none", "GaussianNoise(sigma=0.1)", "blank"]
    assert [t.hardware.compensate_wires for t in tasks[:4]] == [False, False, True, True]
    assert [t.parameters["device.levels"] for t in tasks[:2]] == [4, None]


def test_layers_differ_from_the_hardware_of_all(folder):
    text = (
        BASE
        + '[hardware.layers]\n"3" = "digital"\n"*" = {gate_sharing = "cell"}\n'
        + '[hardware.layers."1"]\n"device.levels" = 4\nadc = {bits = 3}\n'
        + '[axes]\n"1:device.levels" = [4, 8]\ntile_shape = [[64, 64], [32, 32]]\n'
    )
    sweep = parse(text, folder=folder)
    base = Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5))
    first = replace(base, device=replace(base.device, levels=4), adc=Adc(bits=3))
    rest = replace(base, gate_sharing="cell")
    assert sweep.hardware == HardwareTable({"3": None, "1": first, "*": rest})
    last = sweep.tasks()[-1].hardware
    assert (last["1"].device.levels, last["1"].tile_shape, last["3"]) == (8, (32, 32), None)
    assert last["*"] == replace(rest, tile_shape=(32, 32))


def test_layers_without_an_entry_have_the_hardware_of_all(folder):
    sweep = parse(BASE + '[hardware.layers]\n"3" = "digital"\n', folder=folder)
    base = Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5))
    assert sweep.hardware == HardwareTable({"3": None, "*": base})


def test_device_files_in_tables_are_found_beside_the_sweep_file(folder):
    (folder / "mine.toml").write_text("g_min = 1e-6\ng_max = 1e-5\n")
    text = BASE.replace('"fefet_jerry2017"', '{preset = "mine.toml", levels = 4}')
    text += '[hardware.layers]\n"1" = {device = "mine.toml"}\n'
    sweep = parse(text + '[axes]\n"*:device" = ["mine.toml", "rram_wu2018"]\n', folder=folder)
    mine = Device(g_min=1e-6, g_max=1e-5)
    assert sweep.hardware["*"].device == replace(mine, levels=4)
    assert sweep.hardware["1"].device == mine
    labels = [t.parameters["*:device"] for t in sweep.tasks()]
    assert labels == ["mine.toml", "rram_wu2018"]


def test_data_of_ones_own_is_found_beside_the_sweep_file(folder):
    (folder / "mine.npz").write_bytes(b"")
    sweep = parse(BASE.replace("network", 'data = "mine.npz"\nnetwork', 1), folder=folder)
    assert sweep.data == str(folder / "mine.npz")


def test_an_axis_of_a_layer_makes_its_entry(folder):
    axes = '[axes]\n"2:layer" = ["tiles", "digital"]\n"1:device.levels" = [4, 8]\n'
    base = Hardware(device=preset("fefet_jerry2017"), gate=BlankOut(0.5))
    sweep = parse(BASE + axes, folder=folder)
    assert sweep.hardware == HardwareTable({"2": base, "1": base, "*": base})
    hardware = [task.hardware for task in sweep.tasks()]
    assert [h["2"] is None for h in hardware] == [False, False, True, True]
    assert [h["1"].device.levels for h in hardware] == [4, 8, 4, 8]
    # The entry is that of the layers without the axis.
    layers = '[hardware.layers]\n"blocks.*" = {read_voltage = 0.3}\n'
    sweep = parse(BASE + layers + '[axes]\n"blocks.0:device.levels" = [4]\n', folder=folder)
    assert sweep.hardware["blocks.0"].read_voltage == 0.3
    assert sweep.tasks()[0].hardware["blocks.0"].device.levels == 4
    sweep = parse(BASE + '[axes]\n"blocks.*:device.levels" = [4]\n', folder=folder)
    assert [*sweep.hardware] == ["blocks.*", "*"]
    # The order of two patterns is for the file to say.
    with pytest.raises(ValueError, match="unknown entry of the hardware table in axis 'b"):
        parse(BASE + layers + '[axes]\n"b*:device.levels" = [4]\n', folder=folder)


def test_data_options_and_calibration_are_read(folder):
    (folder / "mine.npz").write_bytes(b"")
    text = 'data = "mine.npz"\n' + BASE + "[data_options]\nwhite = 16\nimage_shape = [1, 2, 4]\n"
    sweep = parse(text + '[calibrate]\nimages = 20\nmethod = "least_squares"\n', folder=folder)
    assert sweep.data_options == {"white": 16, "image_shape": [1, 2, 4]}
    assert sweep.calibrate == {
        "images": 20,
        "method": "least_squares",
        "percentile": None,
        "per": "layer",
    }
    plain = parse(BASE, folder=folder)
    assert (plain.data_options, plain.calibrate) == ({}, None)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "[data_options]\nwhit = 3\n",
            r"unknown key in \[data_options\] 'whit'; did you mean 'white'",
        ),
        (
            "[data_options]\ntest_fraction = 0.1\n",
            r"unknown key in \[data_options\] 'test_fraction'",
        ),
        (
            "[data_options]\nwhite = 16\n",
            "white = 16 in .data_options. is for data of your own, but d",
        ),
        ("[calibrate]\n", r"\[calibrate\] has no images; say on how many"),
        ("[calibrate]\nimages = 0\n", r"images in \[calibrate\] = 0 is not allowed"),
        ('[calibrate]\nimages = 2\nmethod = "mx"\n', "unknown method 'mx'; did you mean 'max'"),
        ("[calibrate]\nimages = 2\nmetho = 3\n", r"unknown key in \[calibrate\] 'metho'"),
    ],
)
def test_wrong_data_options_and_calibrations_are_refused(section, message, folder):
    with pytest.raises(ValueError, match=message):
        parse(BASE + section, folder=folder)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ('"device.level" = [2]', "unknown axis 'device.level'; did you mean 'device.levels'"),
        ('"device.levels" = []', "axis 'device.levels' has no values"),
        ("gain = 1.0", r"axis 'gain' has no values \(1.0\)"),
        ('"device.levels" = [2, 0]', "Device.levels = 0 is not allowed"),
        (
            '"device.read_noise" = {kind = "gaussian", sigma = 0.1}',
            "axis 'device.read_noise' has no values .*give a list of them",
        ),
        (
            '"device.read_noise" = [{kind = "gausian", sigma = 0.1}]',
            "unknown kind of device.read_noise 'gausian'; did you mean 'gaussian_noise'",
        ),
    ],
)
def test_bad_axes_are_refused_before_any_work(axes, message, folder):
    with pytest.raises(ValueError, match=message):
        parse(f"{BASE}[axes]\n{axes}\n", folder=folder).tasks()


def test_zips_and_ranges_are_those_of_python(folder):
    text = (
        BASE
        + "wires = {r_row = 1.0, r_col = 1.0}\n[axes]\n"
        + 'gain = {start = 0.01, stop = 1.0, num = 3, scale = "log"}\n'
        + "[axes.device]\nlevels = {start = 4, stop = 16, num = 4}\n"
        + '[[zip]]\n"wires.r_row" = [1, 2]\n"wires.r_col" = {start = 1.0, stop = 3.0, num = 2}\n'
        + '[[zip]]\nseconds = [0, 10]\n"device.retention" = ["none", '
        + '{name = "slow", kind = "power_law", nu_mean = 0.01, nu_std = 0.001}]\n'
    )
    sweep = parse(text, folder=folder)
    assert sweep.axes == {
        "gain": Range(start=0.01, stop=1.0, num=3, scale="log"),
        "device.levels": Range(start=4, stop=16, num=4),
    }
    tasks = sweep.tasks()
    assert len(tasks) == 3 * 4 * 2 * 2
    in_python = grid(
        sweep.networks,
        sweep.hardware,
        {"gain": [0.01, 0.1, 1.0], "device.levels": [4, 8, 12, 16]},
        zipped=[
            {"wires.r_row": [1, 2], "wires.r_col": [1.0, 3.0]},
            {
                "seconds": [0, 10],
                "device.retention": {
                    "none": "none",
                    "slow": {"kind": "power_law", "nu_mean": 0.01, "nu_std": 0.001},
                },
            },
        ],
    )
    assert [t.id for t in tasks] == [t.id for t in in_python]
    assert [dict(t.parameters) for t in tasks] == [dict(t.parameters) for t in in_python]


def test_hardwares_have_what_they_share_and_what_differs(folder):
    (folder / "mine.toml").write_text("g_min = 1e-6\ng_max = 1e-5\n")
    text = (
        BASE
        + "tile_shape = [64, 64]\nwires = {r_row = 1.0, r_col = 1.0}\nadc = {bits = 6}\n"
        + '[hardware.layers]\n"3" = "digital"\n'
        + "[hardwares.FeFET]\n"
        + '[hardwares.mine]\ndevice = "mine.toml"\nwires = "none"\n"adc.bits" = 4\n'
        + '[hardwares.mine.layers]\n"1" = {"device.levels" = 4}\n'
        + "[axes]\ngain = [1.0, 0.5]\n"
    )
    sweep = parse(text, folder=folder)
    assert isinstance(sweep.hardware, Hardwares)
    shared = {"gate": BlankOut(0.5), "tile_shape": (64, 64)}
    wires = Wires(r_row=1.0, r_col=1.0)
    fefet = Hardware(device=preset("fefet_jerry2017"), wires=wires, adc=Adc(6), **shared)
    mine = Hardware(device=Device(g_min=1e-6, g_max=1e-5), adc=Adc(4), **shared)
    of_first = replace(mine, device=replace(mine.device, levels=4))
    assert dict(sweep.hardware) == {
        "FeFET": HardwareTable({"3": None, "*": fefet}),
        "mine": HardwareTable({"3": None, "1": of_first, "*": mine}),
    }
    assert [(t.parameters["hardware"], t.gain) for t in sweep.tasks()] == [
        (name, gain) for name in ("FeFET", "mine") for gain in (1.0, 0.5)
    ]


def test_hardwares_need_nothing_in_common(folder):
    text = (
        'network = "small.safetensors"\n[hardwares.A]\ndevice = "fefet_jerry2017"\n'
        '[hardwares.B]\ndevice = "rram_wu2018"\n[axes]\n"1:device.levels" = [4, 8]\n'
    )
    sweep = parse(text, folder=folder)
    devices = [t.hardware["*"].device for t in sweep.tasks()]
    assert devices == [preset(n) for n in ("fefet_jerry2017", "rram_wu2018") for _ in range(2)]
    assert [t.hardware["1"].device.levels for t in sweep.tasks()] == [4, 8, 4, 8]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("[axes]\ngain = {start = 1, stop = 2}\n", "the range of axis 'gain' lacks num"),
        (
            '[axes]\ngain = {start = 1, stop = 2, num = 3, scale = "lg"}\n',
            "axis 'gain': unknown scale of a range 'lg'",
        ),
        ("[[zip]]\ngain = [1, 2]\n", "zip 1 has 'gain'; axes move together if there are two"),
        ("[[zip]]\ngain = [1, 2]\nseconds = 3\n", r"axis 'seconds' has no values \(3\)"),
        (
            '[[zip]]\ngain = [1, 2]\n"device.levels" = [2]\n',
            "zipped axes need as many values each, but 'gain' has 2, 'device.levels' has 1",
        ),
        (
            '[axes]\ngain = [1]\n[[zip]]\ngain = [1, 2]\n"device.levels" = [2, 4]\n',
            "axis 'gain' is given twice",
        ),
    ],
)
def test_wrong_ranges_and_zips_are_refused(section, message, folder):
    with pytest.raises(ValueError, match=message):
        parse(BASE + section, folder=folder)
