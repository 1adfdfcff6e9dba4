"""Arguments of another kind are refused by their names, in one sentence."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware
from devices import Device, GaussianNoise
from devices.validation import number
from nsm.sweeps.tasks import Task

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-4))
IMAGES, LABELS = np.zeros((4, 3)), np.zeros(4, dtype=int)


@pytest.mark.parametrize("model", [1.5, "mnist_mlp", None, nn.Linear])
@pytest.mark.parametrize(
    "call",
    [
        lambda model, folder: nsm.predict_proba(model, IMAGES, 1),
        lambda model, folder: nsm.error_rate(model, IMAGES, LABELS, 1),
        lambda model, folder: nsm.fit(model, IMAGES, LABELS, epochs=1, rng=0),
        lambda model, folder: nsm.quantize_weights(model, 4),
        lambda model, folder: nsm.scale_weights(model, 2.0),
        lambda model, folder: nsm.save_weights(model, folder / "a.safetensors"),
        lambda model, folder: nsm.load_weights(model, folder / "a.safetensors"),
        lambda model, folder: Task(network="a", model=model, hardware=HARDWARE, base=HARDWARE),
    ],
)
def test_what_is_no_network(call, model, tmp_path):
    with pytest.raises(ValueError, match=r"model = .* is not a Module"):
        call(model, tmp_path)


def test_learning_takes_chips():
    with pytest.raises(ValueError, match="chip = .* is not a MappedNetwork; give what nsm.map_to"):
        nsm.learn(nn.Linear(3, 2), IMAGES, LABELS, epochs=1, rng=0)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"network": 3}, "Task.network = 3"), ({"hardware": "x"}, "Task.hardware = 'x'"),
        ({"base": None}, "Task.base = None"), ({"gain": "a"}, "Task.gain = 'a'"),
        ({"gain": 0}, "Task.gain = 0"), ({"seconds": -1}, "Task.seconds = -1"),
    ],
)  # fmt: skip
def test_tasks_are_checked_by_field(changes, name):
    fields = {"network": "a", "model": nn.Linear(3, 2), "hardware": HARDWARE, "base": HARDWARE}
    with pytest.raises(ValueError, match=name):
        Task(**fields | changes)


@pytest.mark.parametrize("shape", [{64, 128}, b"ab", {64: 1, 128: 2}, 64, "64"])
def test_tiles_have_an_order_of_lines(shape):
    with pytest.raises(ValueError, match="Hardware.tile_shape = .*; give \\(word lines, bit lines"):
        Hardware(device=Device(g_min=1e-6, g_max=1e-4), tile_shape=shape)


@pytest.mark.parametrize("save", [nsm.save, nsm.save_weights])
def test_names_that_are_too_long_are_refused_before_writing(save, tmp_path):
    with pytest.raises(ValueError, match="too long for the file system; give a shorter one"):
        save(nsm.relu_mlp((3, 4, 2)), tmp_path / ("a" * 300))


@pytest.mark.parametrize("value", [np.True_, np.array(0.1), torch.tensor(0.1), "0.1", True, 1j])
def test_what_is_no_number(value):
    with pytest.raises(ValueError, match=r"x = .* is not a number"):
        number("x", value)
    with pytest.raises(ValueError, match=r"GaussianNoise.sigma = .* is not a number"):
        GaussianNoise(value)


@pytest.mark.parametrize("value", [1, 0.1, np.float32(0.1), np.int64(1)])
def test_numbers_of_all_precisions_are_numbers(value):
    assert number("x", value) == float(value)


def test_images_beyond_the_precision_of_the_network_are_refused():
    with pytest.raises(ValueError, match=r"x holds values up to 1e\+06, beyond torch.float16"):
        nsm.predict_proba(nn.Linear(3, 2).half(), np.full((2, 3), 1e6), 1)
    with pytest.raises(ValueError, match=r"x holds values up to 1e\+300; give numbers of at most"):
        nsm.predict_proba(nn.Linear(3, 2), np.full((2, 3), 1e300), 1)


def test_variances_below_0_are_refused_where_a_network_is_read_or_written(tmp_path):
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    network[1].running_var[0] = -1
    with pytest.raises(ValueError, match="the network holds variances below 0, in 1.running_var"):
        nsm.error_rate(network, IMAGES, LABELS, 1)
    with pytest.raises(ValueError, match="holds variances below 0, in 1.running_var"):
        nsm.save_weights(network, tmp_path / "a.safetensors")


@pytest.mark.parametrize("change", [nsm.quantize_weights, nsm.scale_weights])
def test_changes_of_weights_check_the_network_and_their_flags(change):
    network = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="biases = 'no' is not allowed; give True or False"):
        change(network, 4, biases="no")
    network.weight.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match="holds NaN or infinite weights, in weight"):
        change(network, 4)
