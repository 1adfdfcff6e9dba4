"""Weights alone: files of this package, of torch, of others; what does not fit changes nothing."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import nsm
from nsm.nn.files.weights import STATE_KEYS
from tests.helpers.user_networks import NETWORKS, Net, inputs


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights"


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(a, b):
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_weights_of_any_network_come_back(kind, file):
    make, shape = NETWORKS[kind]
    model, other = make().eval(), make().eval()
    nsm.save_weights(model, file)
    nsm.load_weights(other, file)
    assert equal(state(model), state(other))
    if shape is not None:
        x = inputs(shape)
        assert torch.equal(torch.as_tensor(model(x)[0]), torch.as_tensor(other(x)[0]))


@pytest.mark.parametrize("key", [None, *STATE_KEYS])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_of_torch_are_read(key, zipped, file):
    model, other = Net(3), Net(3)
    contents = model.state_dict() if key is None else {"epoch": 3, key: model.state_dict()}
    torch.save(contents, file, _use_new_zipfile_serialization=zipped)
    nsm.load_weights(other, file)
    assert equal(state(model), state(other))


def test_two_states_in_one_file_are_ambiguous(file):
    torch.save({"model": Net(3).state_dict(), "weights": Net(3).state_dict()}, file)
    with pytest.raises(ValueError, match="several state dictionaries, under 'model' and 'weights'"):
        nsm.load_weights(Net(3), file)


def test_numbers_beyond_the_precision_of_a_network_are_refused(file):
    torch.save({"weight": torch.full((1, 1), 1e60, dtype=torch.float64)}, file)
    with pytest.raises(ValueError, match=r"weight holds numbers up to 1e\+60.*model.double\(\)"):
        nsm.load_weights(torch.nn.Linear(1, 1, bias=False), file)


def test_safetensors_of_others_are_read_and_precision_is_the_networks(file):
    model, other = Net(3), Net(3)
    save_file(model.half().state_dict(), file, {"format": "pt"})
    nsm.load_weights(other, file)
    assert all(p.dtype == torch.float32 for p in other.parameters())
    assert equal(state(model.float()), state(other))


def test_a_network_file_serves_as_weights(file):
    model, other = nsm.nsm_mlp((4, 3, 2)), nsm.nsm_mlp((4, 3, 2))
    nsm.save(model, file)
    nsm.load_weights(other, file)
    assert equal(state(model), state(other))


def test_tied_weights_are_stored_once_and_found_under_every_name(file):
    model, other = (NETWORKS["tied"][0]() for _ in range(2))
    save_file({k: v for k, v in state(model).items() if k != "2.weight"}, file)
    nsm.load_weights(other, file)
    assert other[0].weight is other[2].weight
    assert equal(state(model), state(other))


def renamed(model, function):
    return {function(name): value for name, value in state(model).items()}


MISMATCHES = {
    "missing": (lambda s: {k: v for k, v in s.items() if k != "0.bias"}, "it lacks 0.bias"),
    "renamed": (
        lambda s: {k.replace("weight", "weights"): v for k, v in s.items()},
        r"it lacks 0.weight \(nearest: 0.weights\), .*it also holds 0.weights",
    ),
    "shape": (
        lambda s: {**s, "0.weight": torch.zeros(5, 3)},
        r"shapes differ: 0.weight \(5, 3\) instead of \(4, 3\)",
    ),
    "kind": (
        lambda s: {**s, "0.bias": torch.zeros(4, dtype=torch.int64)},
        r"kinds of numbers differ: 0.bias torch.int64 instead of torch.float32",
    ),
    "prefix": (
        lambda s: {f"module.{k}": v for k, v in s.items()},
        "its names begin with 'module.': give prefix='module.'",
    ),
    "nan": (
        lambda s: {**s, "1.bias": torch.full((2,), torch.nan)},
        "holds NaN or infinite weights, in 1.bias",
    ),
    "too large": (
        lambda s: {**s, "1.bias": torch.full((2,), 1e300, dtype=torch.float64)},
        r"1.bias holds numbers up to 1e\+300, which torch.float32 cannot",
    ),
}


@pytest.mark.parametrize("kind", MISMATCHES)
def test_weights_that_do_not_fit_are_named_and_change_nothing(kind, file):
    change, message = MISMATCHES[kind]
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    before = state(model)
    torch.save(change(state(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))), file)
    with pytest.raises(ValueError, match=message):
        nsm.load_weights(model, file)
    assert equal(before, state(model))


def test_a_prefix_is_removed(file):
    model, other = Net(3), Net(3)
    torch.save(renamed(model, lambda name: f"module.{name}"), file)
    nsm.load_weights(other, file, prefix="module.")
    assert equal(state(model), state(other))


def test_a_prefix_without_effect_is_refused(file):
    nsm.save_weights(Net(3), file)
    with pytest.raises(ValueError, match=r"prefix = 'module.': no name in .* they are .*weight"):
        nsm.load_weights(Net(3), file, prefix="module.")


def test_a_part_of_a_network_is_named(file):
    torch.save(nn.Linear(3, 4).state_dict(), file)
    with pytest.raises(ValueError, match="names begin with 'body.': give the layer 'body' of it"):
        nsm.load_weights(nn.ModuleDict({"body": nn.Linear(3, 4)}), file)


def test_long_lists_are_cut(file):
    torch.save({"x": torch.zeros(1)}, file)
    with pytest.raises(ValueError, match=r"it lacks blocks.0.weight.* and 12 more; it also hold"):
        nsm.load_weights(Net(3), file)


def test_pickled_objects_are_refused(file):
    torch.save(Net(3), file)
    with pytest.raises(ValueError, match=r"holds \S*Net, which is not unpickled; store the weig"):
        nsm.load_weights(Net(3), file)
    torch.save([1, 2], file)
    with pytest.raises(ValueError, match="holds a list; give a state dictionary"):
        nsm.load_weights(Net(3), file)
    torch.save({"epoch": 3, "weight": torch.zeros(2)}, file)
    with pytest.raises(ValueError, match="holds 'epoch' beside tensors; give a state dictionary"):
        nsm.load_weights(Net(3), file)


@pytest.mark.parametrize("keep", [0.1, 0.6, 0.99])
def test_truncated_files_of_torch_are_refused(keep, file):
    torch.save(Net(3).state_dict(), file)
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match="weights is truncated or not a file of torch.save"):
        nsm.load_weights(Net(3), file)


def test_files_of_another_kind_say_what_reads_them(file, tmp_path, rng):
    nsm.save_weights(nsm.relu_mlp((4, 3, 2)), file)
    with pytest.raises(ValueError, match=r"holds weights alone; build .* nsm.load_weights"):
        nsm.load(file)
    torch.save(Net(3).state_dict(), file)
    with pytest.raises(ValueError, match=r"is a file of torch.save.*nsm.load_weights\(model, pat"):
        nsm.load(file)
    run = tmp_path / "run"
    model = nsm.relu_mlp((4, 3, 2))
    nsm.fit(model, rng.random((2, 4)), [0, 1], epochs=1, rng=0, checkpoint=run, progress=False)
    with pytest.raises(ValueError, match="run is a checkpoint of a training; nsm.fit resumes it"):
        nsm.load_weights(model, run)
    with pytest.raises(FileNotFoundError, match="no file .*none"):
        nsm.load_weights(model, tmp_path / "none")


def test_states_of_other_things_than_tensors_are_refused(file):
    class Extra(nn.Linear):
        """A layer with an extra state."""

        def get_extra_state(self):
            return {"step": 3}

    with pytest.raises(ValueError, match="cannot save _extra_state: .* holds a dict there"):
        nsm.save_weights(Extra(2, 2), file)
