"""Files of networks: a flipped bit is refused, and so is what was never a network."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from nsm.nn.files.checksum import CHECKSUM, checksum_of
from nsm.nn.files.tensor_file import FORMAT, read_safetensors, write_tensors
from nsm.shipped import locate


@pytest.fixture
def path(tmp_path):
    torch.manual_seed(0)
    nsm.save(nsm.nsm_mlp((8, 6, 3)), tmp_path / "net.safetensors", note="a note")
    return tmp_path / "net.safetensors"


def weights_of(path):
    model = nsm.nsm_mlp((8, 6, 3))
    nsm.load_weights(model, path)
    return model


def test_tensors_of_any_stride_have_the_checksum_of_their_values():
    ones = torch.ones(3, 4, dtype=torch.float64)
    for strided, plain in (
        (ones[:1, :1].expand(1, 1), torch.ones(1, 1, dtype=torch.float64)),
        (torch.ones(1, dtype=torch.float64).as_strided((1,), (0,)), ones[0, :1].clone()),
        (ones.t(), torch.ones(4, 3, dtype=torch.float64)),
        (torch.tensor(2.0), torch.full((), 2.0)),
    ):
        assert checksum_of({"a": strided}, {}) == checksum_of({"a": plain}, {})
    assert checksum_of({"a": ones}, {}) != checksum_of({"a": ones.t()}, {})  # another shape


def test_every_flipped_bit_of_a_network_is_refused(path):
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        flipped = bytearray(content)
        flipped[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match=r"net\.safetensors"):
            nsm.load(path)


def test_a_flipped_weight_is_refused_wherever_it_is_read(path, tmp_path):
    nsm.save_weights(nsm.load(path), tmp_path / "weights.safetensors")
    for file, read in (
        (path, nsm.load),
        (path, weights_of),
        (tmp_path / "weights.safetensors", weights_of),
    ):
        content = bytearray(file.read_bytes())
        read(file)
        content[-3] ^= 4
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"was changed after it was written.*another copy"):
            read(file)
        content[-3] ^= 4
        file.write_bytes(content)


def test_a_file_of_an_earlier_version_is_read(path, tmp_path):
    from safetensors.torch import save_file

    tensors, metadata = read_safetensors(path)
    del metadata[CHECKSUM]
    save_file(tensors, tmp_path / "old.safetensors", metadata)
    old = nsm.load(tmp_path / "old.safetensors").state_dict()
    assert all(torch.equal(value, old[name]) for name, value in nsm.load(path).state_dict().items())
    save_file(tensors, tmp_path / "odd.safetensors", metadata | {"chec{sum": "0" * 32})
    with pytest.raises(ValueError, match=r"odd\.safetensors was changed after it was written"):
        nsm.load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("name", ["mnist_mlp", "mnist_conv"])
def test_shipped_networks_have_a_checksum(name):
    assert CHECKSUM in read_safetensors(locate(name))[1]


def test_a_small_file_that_promises_a_large_network_takes_no_memory(tmp_path):
    layer = {"layer": "Linear", "in_features": 10**7, "out_features": 10**7}
    metadata = {"format": FORMAT, "architecture": json.dumps([layer]), "note": ""}
    path = tmp_path / "large.safetensors"
    write_tensors({"0.weight": torch.zeros(1)}, path, metadata)
    with pytest.raises(ValueError, match=r"does not hold the tensors its architecture needs"):
        nsm.load(path)  # 400 TB


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ('[{"layer": "Linear"', "has damaged metadata"),
        ("[" * 100_000, "has damaged metadata, in architecture"),
        ('[{"lager": "Linear"}]', "holds an architecture that cannot be built .KeyError"),
        ('[{"layer": "Linear", "in": 3}]', "holds an architecture that cannot be built .TypeError"),
        ('{"module": 3}', "holds an architecture that cannot be built"),
        ("[3]", "holds an architecture that cannot be built"),
        ("null", "holds an architecture that cannot be built"),
        ("7", "holds an architecture that cannot be built"),
    ],
)
def test_broken_metadata_end_in_one_message(architecture, message, tmp_path):
    path = tmp_path / "net.safetensors"
    metadata = {"format": FORMAT, "architecture": architecture, "note": ""}
    write_tensors({"0.weight": torch.zeros(1)}, path, metadata)
    with pytest.raises(ValueError, match=rf"net\.safetensors {message}"):
        nsm.load(path)


@pytest.mark.parametrize(
    "call",
    [
        lambda net, x, y: nsm.error_rate(net, x, y, samples=2),
        lambda net, x, y: nsm.predict_proba(net, x, 2),
    ],
)
def test_a_network_of_nan_is_refused_in_software_as_on_a_chip(call, path):
    net, x, y = nsm.load(path), np.ones((3, 8)), np.zeros(3, dtype=int)
    nn.init.constant_(net[1].weight, float("nan"))
    with pytest.raises(
        ValueError, match=r"the network holds NaN or infinite weights, in 1\.weight"
    ):
        call(net, x, y)
