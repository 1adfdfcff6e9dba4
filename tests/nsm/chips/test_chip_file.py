"""Chips in files: after loading, a chip reads what the saved one reads, bit for bit."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import crossbar.hardware
import devices
import nsm
from devices import NoNoise, ReadNoise
from nsm.chips.chip_file import FORMAT
from nsm.chips.structures import leaves
from nsm.nn.files.tensor_file import read_tensors
from tests.helpers.user_networks import Forgetful, Net, Residual
from tests.helpers.zoo import ZOO

#: Noise makes currents larger than the range that mapping chose; that is not what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:the ADC of .* clips:UserWarning")

WIDTHS = (6, 5, 3)
TRAPS = devices.Device(
    g_min=1e-6,
    g_max=5e-5,
    write=devices.StateDependentError(coefficients=(1e-6,)),
    read_noise=devices.TelegraphNoise(amplitude=0.2, tau_capture=3e-6, tau_emission=5e-6),
    retention=devices.LogTimeDrift(mean=-1e-7, std=2e-7, std_rate=1e-7),
)
HARDWARE = crossbar.Hardware(
    device=TRAPS, gate=devices.BlankOut(p=0.5), tile_shape=(4, 3), adc=crossbar.Adc(bits=6)
)


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chip.safetensors"


def images(rng, shape=(3, 6)):
    return rng.uniform(-1, 1, shape).astype(np.float32)


def life(chip, x):
    """What a chip answers while it is read, waits, and is scaled."""
    out = [chip.sample(x, 2, rng=1)]
    chip.age(10.0)
    out.append(chip.sample(x, 2, rng=2))
    chip.scale_conductances(0.5)
    out.append(chip.sample(x, 2, rng=3))
    return np.concatenate(out)


def same_life(chip, other, x):
    return np.array_equal(life(chip, x), life(other, x))


@pytest.mark.parametrize("preset", sorted(devices.PRESETS))
def test_chips_of_every_device_read_the_same_after_loading(preset, path, rng):
    hardware = replace(HARDWARE, device=devices.preset(preset))
    chip = nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS), hardware, rng=1)
    x = images(rng)
    chip.age(100.0)
    chip.sample(x, 2, rng=0)  # states of noise with memory move
    chip.save(path)
    assert same_life(chip, nsm.load_chip(path), x)


@pytest.mark.parametrize("sharing", crossbar.hardware.GATE_SHARINGS)
@pytest.mark.parametrize("gate", sorted(devices.GATES))
def test_chips_with_every_gate_and_read_out_read_the_same(gate, sharing, path, rng):
    hardware = replace(
        HARDWARE,
        gate=devices.gate(gate),
        gate_sharing=sharing,
        mapping=crossbar.ReferenceColumn(),
        wires=crossbar.Wires(r_row=1.0, r_col=2.0),
        comparator=crossbar.Comparator(offset=1e-7, noise=1e-7),
        weight_scale="row",
    )
    draws = np.random.default_rng(3)
    chip = nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS), hardware, rng=draws, reprogrammed_scale=0.5)
    chip.scale_conductances(2.0)
    chip.save(path)
    assert same_life(chip, nsm.load_chip(path), images(rng))


NETWORKS = {
    "sigmoid": (lambda: nsm.stnn_mlp(WIDTHS), (3, 6)),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)),
        (2, 1, 6, 6),
    ),
    "of a user": (lambda: nn.Sequential(nn.Linear(6, 3), Residual(nn.Linear(3, 3))), (3, 6)),
    "without arguments": (lambda: Forgetful(2, 4), (3, 3)),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_chips_of_other_networks_read_the_same(kind, path, rng):
    make, shape = NETWORKS[kind]
    chip = nsm.map_to_crossbar(make(), HARDWARE, rng=2)
    chip.save(path)
    loaded = nsm.load_chip(path, classes=[Residual, Forgetful])
    assert repr(loaded) == repr(chip)
    assert loaded.report().equals(chip.report())
    assert same_life(chip, loaded, images(rng, shape))


#: Models of the zoo with several inputs, shared layers, groups, states, or weights made by hooks.
OF_THE_ZOO = (
    "groups",
    "conv_transpose2d",
    "lstm_classifier",
    "gru_cell",
    "self_attention",
    "transformer",
    "unet",
    "two_inputs",
    "same_module_twice",
    "pruned",
    "forward_hook",
    "bfloat16",
)


#: Networks whose architecture no file holds.
GIVEN_AGAIN = ("pruned", "forward_hook")
without_architecture = pytest.mark.filterwarnings("ignore:.*without its architecture:UserWarning")


@without_architecture
@pytest.mark.parametrize("name", OF_THE_ZOO)
def test_chips_of_the_zoo_read_the_same(name, path):
    model, inputs = ZOO[name]()
    chip = nsm.map_to_crossbar(model, replace(HARDWARE, adc=None), rng=3, example=inputs)
    chip.age(10.0)
    chip.save(path)
    classes = {type(m) for m in model.modules() if not type(m).__module__.startswith("torch.")}
    given = ZOO[name]()[0] if name in GIVEN_AGAIN else None
    loaded = nsm.load_chip(path, classes=classes, model=given)
    for _ in range(2):  # traps remember the first pass
        outputs = []
        for each in (chip, loaded):
            torch.manual_seed(1)
            outputs.append(leaves(each(*inputs)))
        assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))


def test_hardware_by_layer_is_kept(path, rng):
    table = {"0": HARDWARE, "2": None}
    chip = nsm.map_to_crossbar(nsm.relu_mlp(WIDTHS), table, rng=2)
    chip.save(path)
    loaded = nsm.load_chip(path)
    assert loaded.origin.hardware == table
    assert same_life(chip, loaded, images(rng))


def test_measured_levels_and_faults_are_kept(path, rng):
    stuck = np.where(rng.random((4, 3)) < 0.3, 3e-6, np.nan)
    faults = devices.FaultMap({(0, 0): stuck}, {(1, 0): stuck[:2]})
    cell = replace(TRAPS, levels=[1e-6, 4e-6, 2e-5, 5e-5], faults=faults)
    hardware = replace(HARDWARE, device=cell)
    chip = nsm.map_to_crossbar(nn.Sequential(nn.Linear(6, 5, bias=False)), hardware, rng=2)
    chip.save(path)
    loaded = nsm.load_chip(path)
    assert repr(loaded.origin.hardware) == repr(hardware)
    assert same_life(chip, loaded, images(rng))


def test_a_loaded_chip_reports_what_the_saved_one_did(path, rng, monkeypatch):
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3)
    )
    chip = nsm.map_to_crossbar(model, HARDWARE, rng=2, example=np.zeros((1, 1, 8, 8), np.float32))
    chip.sample(images(rng, (2, 1, 12, 12)), 1, rng=0)
    assert chip.cost().reads.tolist() == [100, 1, 101]
    chip.save(path)
    # A later version maps otherwise; what it finds is replaced.
    monkeypatch.setattr("nsm.chips.mapping_report._rms", lambda x: 7.0)
    monkeypatch.setattr("nsm.chips.mapping_report._rms_error", lambda *of: 7.0)
    loaded = nsm.load_chip(path)
    pd.testing.assert_frame_equal(loaded.report(), chip.report())
    pd.testing.assert_frame_equal(loaded.cost(), chip.cost())
    pd.testing.assert_frame_equal(loaded.effective_samples(9), chip.effective_samples(9))
    for layer, saved in zip(loaded.layers, chip.layers, strict=True):
        np.testing.assert_array_equal(layer.weight_error, saved.weight_error)


@pytest.mark.parametrize("per", ["output", "tile"])
def test_ranges_of_converters_and_their_counts_are_kept(per, path, rng):
    hardware = replace(
        HARDWARE,
        dac=crossbar.Dac(bits=4, serial=True),
        gate=NoNoise(),
        mapping=crossbar.BitSliced(bits=4),
        adc=crossbar.Adc(bits=5, noise=1e-7, offset=1e-7, per=per),
    )
    chip = nsm.map_to_crossbar(nsm.relu_mlp(WIDTHS), hardware, rng=2)
    x = images(rng)
    chip.calibrate(x, method="percentile", percentile=80, per="column", rng=0)
    chip.sample(x, 2, rng=0)
    chip.save(path)
    loaded = nsm.load_chip(path)
    shares = [layer.readout.clipped for layer in chip.layers]
    assert [layer.readout.clipped for layer in loaded.layers] == shares
    assert all(share > 0 for share in shares)
    assert same_life(chip, loaded, x)


def test_a_file_outlives_its_chip(path, rng):
    """What was drawn comes from the file: a loaded chip does not share its state with the file."""
    chip = nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS), HARDWARE, rng=1)
    chip.save(path, note="first chip")
    x = images(rng)
    first = life(nsm.load_chip(path), x)
    assert np.array_equal(first, life(nsm.load_chip(path), x))
    assert read_tensors(path, (FORMAT,))[1]["note"] == "first chip"
    nsm.load_chip(path).save(path)
    assert np.array_equal(first, life(nsm.load_chip(path), x))


def test_the_stored_conductances_count_not_what_programming_draws(path, rng):
    """A later version may draw other errors from a seed; chips in files keep theirs."""
    chip = nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS), HARDWARE, rng=1)
    chip.save(path)
    content = json.loads(read_tensors(path, (FORMAT,))[1]["chip"])
    content["seed"]["seed"] = 999
    tensors = load_file(path)
    save_file(tensors, path, {"format": FORMAT, "chip": json.dumps(content)})
    assert same_life(chip, nsm.load_chip(path), images(rng))


def test_a_network_without_an_architecture_in_the_file_is_given_again(path, rng):
    def build(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))

    model = build(0)
    model[1].register_forward_hook(lambda module, given, out: 2 * out)
    chip = nsm.map_to_crossbar(model, HARDWARE, rng=1)
    with pytest.warns(UserWarning, match=r"without its architecture \(.*nsm.load_chip.*model="):
        chip.save(path)
    with pytest.raises(ValueError, match=r"nsm.load_chip\('.*', model=network\)"):
        nsm.load_chip(path)
    other = build(1)
    other[1].register_forward_hook(lambda module, given, out: 2 * out)
    before = other[0].weight.clone()
    assert same_life(chip, nsm.load_chip(path, model=other), images(rng))
    assert torch.equal(other[0].weight, before)
    with pytest.raises(ValueError, match="shapes differ: 0.weight"):
        nsm.load_chip(path, model=nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3)))


@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
@without_architecture
def test_weights_that_hooks_compute_are_those_of_the_file(path, rng):
    def build():
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(6, 3)))

    chip = nsm.map_to_crossbar(build(), HARDWARE, rng=1)
    chip.save(path)
    loaded = nsm.load_chip(path, model=build())
    assert torch.equal(loaded.model[0].weight, chip.model[0].weight)
    assert same_life(chip, loaded, images(rng))


@dataclass(frozen=True)
class Mine(ReadNoise):
    """A read noise of a user."""

    sigma: float = 0.1

    def moments(self, g):
        return np.ones(np.shape(g)), np.full(np.shape(g), self.sigma**2)

    def sample(self, g, state, n_reads, *, rng, period=None):
        draws = np.random.default_rng(rng).standard_normal((n_reads, *np.shape(g)))
        return 1 + self.sigma * draws, state


class Secretive(Mine):
    """A read noise that keeps something that is no field."""

    def __init__(self):
        super().__init__()
        object.__setattr__(self, "hidden", 3)


def test_noise_of_a_user_is_given_by_its_class(path, rng):
    hardware = replace(HARDWARE, device=replace(TRAPS, read_noise=Mine(0.2)))
    chip = nsm.map_to_crossbar(nsm.relu_mlp(WIDTHS), hardware, rng=1)
    chip.save(path)
    with pytest.raises(ValueError, match=r"hardware of .*\.Mine, .*classes=\[Mine\]\)"):
        nsm.load_chip(path)
    assert same_life(chip, nsm.load_chip(path, classes=[Mine]), images(rng))


def test_classes_of_network_and_hardware_are_named(path):
    chip = nsm.map_to_crossbar(Net(6), HARDWARE, rng=1)
    chip.save(path)
    with pytest.raises(ValueError, match=r"Net, and .* nsm.load_chip\('.*', classes=\[Net\]\)"):
        nsm.load_chip(path)
    with pytest.raises(ValueError, match="was not written by nsm.save .* it holds a chip; nsm.lo"):
        nsm.load(path)
    with pytest.raises(ValueError, match=r"give the network that was mapped, or chip.save\(path\)"):
        nsm.save(chip, path)


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.999])
def test_truncated_files_and_files_of_other_kinds_are_refused(keep, path):
    model = nsm.relu_mlp(WIDTHS)
    nsm.map_to_crossbar(model, HARDWARE, rng=1).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match="is truncated or not a safetensors file"):
        nsm.load_chip(path)
    nsm.save(model, path)
    with pytest.raises(ValueError, match=r"not written by chip.save .*it holds a network; "):
        nsm.load_chip(path)
    save_file({}, path, {"format": "nsm-crossbar chip 2"})
    with pytest.raises(ValueError, match="version 2 of the format needs a newer version"):
        nsm.load_chip(path)


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    chip = nsm.map_to_crossbar(nsm.relu_mlp(WIDTHS), HARDWARE, rng=1)
    chip.save(path)
    before = path.read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nsm.nn.files.tensor_file, "save_file", fail)
    with pytest.raises(OSError, match="could not write"):
        chip.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_noiseless_hardware_is_kept(path, rng):
    hardware = crossbar.Hardware(device=devices.Device(g_min=1e-6, g_max=5e-5), gate=NoNoise())
    chip = nsm.map_to_crossbar(nsm.relu_mlp(WIDTHS), hardware, rng=None)
    chip.save(path)
    loaded = nsm.load_chip(path)
    assert loaded.origin.hardware == hardware
    assert same_life(chip, loaded, images(rng))


class Activated(nn.Module):
    """A network with an activation that no file can tell."""

    def __init__(self, activation):
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.activation = activation

    def forward(self, x):
        return self.activation(self.layer(x))


@without_architecture
def test_another_network_with_the_same_weights_is_refused(path, rng):
    chip = nsm.map_to_crossbar(Activated(lambda x: 2 * x), HARDWARE, rng=1)
    chip.save(path)
    x = images(rng)
    again = nsm.load_chip(path, model=Activated(lambda x: x + x))
    assert same_life(chip, again, x)
    message = "does not fit the network: for the chip's example its output 0 differs by .*another"
    with pytest.raises(ValueError, match=message):
        nsm.load_chip(path, model=Activated(torch.tanh))
    with pytest.raises(ValueError, match=r"have the shapes \[\(\d+,\)\], and had"):
        nsm.load_chip(path, model=Activated(lambda x: x.sum(1)))
    with pytest.raises(ValueError, match=r"cannot run on the chip's example \(.*; it is another"):
        nsm.load_chip(path, model=Activated(lambda x: x @ torch.ones(7)))


@without_architecture
def test_a_network_given_without_its_hook_is_refused(path):
    model = nn.Sequential(nn.Linear(6, 3))
    model[0].register_forward_hook(lambda module, given, out: 3 * out)
    nsm.map_to_crossbar(model, HARDWARE, rng=1).save(path)
    nsm.load_chip(path, model=model)
    with pytest.raises(ValueError, match="activations, hooks and options"):
        nsm.load_chip(path, model=nn.Sequential(nn.Linear(6, 3)))


def test_files_without_outputs_are_read(path, rng):
    chip = nsm.map_to_crossbar(nsm.nsm_mlp(WIDTHS), HARDWARE, rng=1)
    chip.save(path)
    content = json.loads(read_tensors(path, (FORMAT,))[1]["chip"])
    del content["outputs"]
    save_file(load_file(path), path, {"format": FORMAT, "chip": json.dumps(content)})
    assert same_life(chip, nsm.load_chip(path), images(rng))
