"""Networks by name: files, shipped ones, and callables of the current folder."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from nsm import relu_mlp, save, save_weights
from nsm.datasets.files import Data
from nsm.sweeps.hashing.fingerprint import fingerprint
from nsm.sweeps.networks import check_network, images_for, load_network, network_name

MODULE = """
import torch
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3))

class Net(nn.Linear):
    def __init__(self):
        super().__init__(16, 3)

ready = Net()
number = 3

def needs(width):
    return nn.Linear(width, 3)

def nothing():
    return [1]

def broken():
    return nn.Linear("4", 3)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "my_networks.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("my_networks", None)


def test_a_callable_makes_the_same_network_every_time(folder):
    before = torch.random.get_rng_state()
    one, other = load_network("my_networks:small"), load_network("my_networks:small")
    assert isinstance(one[0], nn.Conv2d)
    assert fingerprint(one) == fingerprint(other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_class_and_a_network_are_callables_too(folder):
    assert type(load_network("my_networks:Net")).__name__ == "Net"
    assert load_network("my_networks:ready") is sys.modules["my_networks"].ready


def test_a_file_wins_and_is_looked_for_in_the_folder_first(folder):
    (folder / "nets").mkdir()
    for place in (folder, folder / "nets"):
        save(relu_mlp((4, len(place.name), 2)), place / "a.safetensors")
    assert check_network("a.safetensors") == "a.safetensors"
    found = check_network("a.safetensors", folder / "nets")
    assert load_network(found)[0].out_features == len("nets")
    assert check_network("my_networks:small", folder) == "my_networks:small"
    assert check_network("mnist_mlp").endswith("mnist_mlp.safetensors")


def test_networks_have_short_names():
    sources = ("a/b.safetensors", "mnist_mlp", "my.networks:small")
    assert list(map(network_name, sources)) == ["b", "mnist_mlp", "small"]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("a.safetensors", FileNotFoundError, "no network 'a.safetensors'.*; or give module:call"),
        ("other:small", ValueError, "no module 'other' for 'other:small'"),
        ("my_networks:smal", ValueError, "module 'my_networks' has no 'smal'"),
        ("my_networks:number", ValueError, "my_networks:number is a int; name a callable that ret"),
        ("my_networks:nothing", ValueError, "my_networks:nothing returns a list; return a torch"),
        (
            "my_networks:needs",
            ValueError,
            "my_networks:needs could not be called without .*'width'",
        ),
    ],
)
def test_what_makes_no_network_is_refused_by_name(source, error, message, folder):
    with pytest.raises(error, match=message):
        load_network(check_network(source))


def test_an_error_inside_the_callable_keeps_its_traceback(folder):
    with pytest.raises(TypeError) as caught:
        load_network("my_networks:broken")
    assert any(entry.name == "broken" for entry in caught.traceback)


def test_files_that_need_python_name_the_callable_that_is_to_be_written(folder):
    made = load_network("my_networks:Net")
    save(made, "own.safetensors")
    torch.save(made.state_dict(), "own.pt")
    save_weights(made, "weights.safetensors")
    give = "; give module:callable: a function in a Python file .* returns the network"
    call = r"call nsm.load\('own.safetensors', classes=\[Net\]\)\)$"
    with pytest.raises(ValueError, match=f"holds a network of my_networks.Net.*{give}.*{call}"):
        load_network(check_network("own.safetensors"))
    build = r"\(in it, build the network and call nsm.load_weights\(model, path\)"
    for name in ("own.pt", "weights.safetensors"):
        with pytest.raises(ValueError, match=f"{name} .*{give} {build}"):
            load_network(check_network(name))


def data():
    x = np.random.default_rng(0).random((5, 16), dtype=np.float32)
    y = np.zeros(5, int)
    return Data(x, y, x, y, image_shape=(1, 4, 4))


def test_images_have_the_form_that_all_networks_take(folder):
    conv, flat = load_network("my_networks:small"), nn.Linear(16, 3)
    both = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    assert images_for({"a": flat, "b": both}, data(), "mine").shape == (5, 16)
    assert images_for({"a": conv, "b": both}, data(), "mine").shape == (5, 1, 4, 4)
    with pytest.raises(
        ValueError,
        match=r"a takes the images of mine neither as 16 values nor in the shape \(1, 4, 4\); "
        "choose --data .a Linear cannot take images of shape",
    ):
        images_for({"a": nn.Linear(9, 3)}, data(), "mine")
    with pytest.raises(ValueError, match="flat takes .*, which 'conv' takes; choose --data"):
        images_for({"conv": conv, "flat": flat}, data(), "mine")
