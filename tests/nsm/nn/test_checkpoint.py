"""Networks on disk: what is read is what was written, and a failed write leaves the old file."""

import json

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

import nsm.nn.files.tensor_file
import nsm.shipped
from nsm import NSMConv2d, load, nsm_mlp, relu_mlp, save, stnn_mlp
from nsm.nn.activations import NoisyReLU
from nsm.nn.architectures import RULES, all_conv_net, bd_mlp, conv_net, gesture_net
from nsm.nn.files.blueprint import describe
from nsm.nn.files.build import build
from nsm.nn.files.tensor_file import FORMAT, read_tensors, write_tensors
from nsm.nn.inference import sample
from nsm.nn.stochastic import reseed
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear
from nsm.shipped import locate, shipped

WIDTHS = (6, 5, 4, 3)
NETWORKS = {
    "nsm": lambda: nsm_mlp(WIDTHS),
    "native neuron gaussian": lambda: nsm_mlp(
        WIDTHS, noise="gaussian", sigma=0.3, site="neuron", beta="native", bias=False, flip=0.1
    ),
    "relu": lambda: relu_mlp(WIDTHS, dropout=0.25),
    "stnn": lambda: stnn_mlp(WIDTHS),
    "bd": lambda: bd_mlp(WIDTHS),
    "row norm": lambda: nn.Sequential(
        RowNormLinear(6, 5, bias=False), NoisyReLU(0.7), RowNormLinear(5, 3)
    ),
    "batch norm": lambda: nn.Sequential(
        nn.BatchNorm1d(6, eps=0.1, momentum=None), nn.BatchNorm1d(6, affine=False), nn.Linear(6, 3)
    ),
    "flat": lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 3, bias=False)),
}
networks = pytest.mark.parametrize("kind", NETWORKS)


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


def edited(path, source, **changes):
    """Copy the file at `source`, metadata changed and tensors replaced, with a right checksum."""
    tensors, metadata = read_tensors(source)
    changed = {k: v for k, v in changes.items() if k in ("format", "architecture")}
    others = {k.replace("__", "."): v for k, v in changes.items() if k not in changed}
    kept = {k: v for k, v in {**tensors, **others}.items() if v is not None}
    write_tensors(kept, path, {**metadata, **changed})
    return path


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    save(nsm_mlp(WIDTHS), tmp_path / "saved.safetensors")
    return tmp_path / "saved.safetensors"


@networks
def test_what_is_loaded_is_what_was_saved(kind, tmp_path, rng):
    model = NETWORKS[kind]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.tensor(rng.standard_normal(parameter.shape)))
    save(model, tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert repr(loaded) == repr(model)
    for (name, a), b in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    x = rng.random((5, 6))
    assert (sample(model, x, 2, rng=0) == sample(loaded, x, 2, rng=0)).all()
    assert not loaded.training


@networks
def test_an_architecture_is_built_as_it_was_described(kind):
    model = NETWORKS[kind]()
    assert describe(build(json.loads(json.dumps(describe(model))))) == describe(model)


def test_float16_halves_the_file_and_rounds_the_weights(tmp_path):
    model = nsm_mlp((60, 50, 50, 10))
    save(model, tmp_path / "full.safetensors")
    save(model, tmp_path / "half.safetensors", dtype=torch.float16)
    header = 4000
    full, half = ((tmp_path / f"{n}.safetensors").stat().st_size for n in ("full", "half"))
    assert half < full / 2 + header
    loaded = load(tmp_path / "half.safetensors")
    for a, b in zip(model.state_dict().values(), loaded.state_dict().values(), strict=True):
        assert b.dtype == torch.float32
        assert torch.equal(b, a.half().float())
    assert next(model.parameters()).dtype == torch.float32  # the network itself was not rounded


def test_a_note_says_how_the_network_was_made(tmp_path):
    save(nsm_mlp(WIDTHS), tmp_path / "m.safetensors", note="nsm train --epochs 1")
    assert read_tensors(tmp_path / "m.safetensors")[1]["note"] == "nsm train --epochs 1"


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.999])
def test_a_truncated_file_is_refused(keep, saved):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(
        ValueError, match=r"saved.safetensors is truncated or not a safetensors file"
    ):
        load(saved)


def test_a_foreign_file_is_refused(saved, tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_text("this is not a network")
    with pytest.raises(ValueError, match="text.safetensors is truncated or not a safetensors file"):
        load(text)
    other = edited(tmp_path / "other.safetensors", saved, format="pt")
    with pytest.raises(
        ValueError, match=rf"was not written by nsm.save \(its format is 'pt', not '{FORMAT}' or"
    ):
        load(other)
    later = edited(tmp_path / "later.safetensors", saved, format="nsm-crossbar 9")
    with pytest.raises(ValueError, match="version 9 of the format needs a newer version"):
        load(later)
    save_file({"w": torch.ones(2)}, tmp_path / "bare.safetensors")
    with pytest.raises(ValueError, match=r"was not written by nsm.save \(its format is None"):
        load(tmp_path / "bare.safetensors")


def test_a_training_checkpoint_is_not_taken_for_a_network(tmp_path, rng):
    path = tmp_path / "run.safetensors"
    model = relu_mlp(WIDTHS)
    nsm.fit(
        model, rng.random((5, 6)), [0, 1, 2, 0, 1], epochs=1, rng=0, checkpoint=path, progress=False
    )
    with pytest.raises(ValueError, match="run.safetensors"):
        load(path)


def test_an_unknown_layer_in_a_file_is_refused(saved, tmp_path):
    odd = edited(
        tmp_path / "odd.safetensors", saved, architecture=json.dumps([{"layer": "Linaer"}])
    )
    with pytest.raises(
        ValueError, match="unknown layer in the file 'Linaer'; did you mean 'Linear'"
    ):
        load(odd)


def test_networks_of_this_package_keep_the_form_of_their_files(saved, tmp_path):
    """Files of earlier versions have this form; the identity of experiments is made of it."""
    description = json.loads(read_tensors(saved)[1]["architecture"])
    assert [layer["layer"] for layer in description] == ["Binarize"] + ["NSMLinear"] * 2 + [
        "Linear"
    ]
    assert describe(relu_mlp((4, 3, 2))) == [
        {"layer": "Linear", "in_features": 4, "out_features": 3, "bias": True},
        {"layer": "ReLU"},
        {"layer": "Linear", "in_features": 3, "out_features": 2, "bias": True},
    ]
    for name in shipped():
        copy = tmp_path / f"{name}.safetensors"
        tensors, metadata = read_tensors(locate(name))
        save(load(name), copy, dtype=torch.float16, note=metadata["note"])
        again = read_tensors(copy)
        assert again[1] == metadata
        assert {k: v.tolist() for k, v in again[0].items()} == {
            k: v.tolist() for k, v in tensors.items()
        }


def test_a_network_that_has_drawn_is_saved_as_before(tmp_path, rng):
    model = nsm_mlp(WIDTHS)
    before = describe(model)
    sample(model, rng.random((2, 6)), 2, rng=0)  # every layer now has a stream of its own
    assert describe(model) == before
    save(model, tmp_path / "m.safetensors")
    assert describe(load(tmp_path / "m.safetensors")) == before


def test_only_modules_are_saved(tmp_path):
    with pytest.raises(ValueError, match=r"a dict is no network; give a torch.nn.Module"):
        save({"weight": torch.ones(2)}, tmp_path / "m.safetensors")


def test_tensors_that_do_not_fit_the_architecture_are_named(saved, tmp_path):
    wrong = edited(tmp_path / "wrong.safetensors", saved, **{"1__weight": torch.zeros(5, 7)})
    with pytest.raises(
        ValueError, match=r"does not hold the tensors its architecture needs: see 1.weight"
    ):
        load(wrong)
    missing = edited(tmp_path / "missing.safetensors", saved, **{"2__bias": None})
    with pytest.raises(ValueError, match=r"see 2.bias"):
        load(missing)


def test_nan_weights_are_refused(saved, tmp_path):
    bad = edited(tmp_path / "bad.safetensors", saved, **{"1__bias": torch.full((5,), torch.nan)})
    with pytest.raises(ValueError, match="bad.safetensors holds NaN or infinite weights"):
        load(bad)


def test_nan_is_refused_when_saving(tmp_path):
    model = relu_mlp(WIDTHS)
    torch.nn.init.constant_(model[0].bias, torch.inf)
    with pytest.raises(ValueError, match="holds NaN or infinite weights, in 0.bias"):
        save(model, tmp_path / "m.safetensors")
    assert not (tmp_path / "m.safetensors").exists()


def test_a_missing_file_or_folder_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"no network '.*none.safetensors': no such file, and the shipped ones",
    ):
        load(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="the folder .*nowhere does not exist"):
        save(nsm_mlp(WIDTHS), tmp_path / "nowhere" / "m.safetensors")
    with pytest.raises(FileNotFoundError, match="no file .*none.safetensors"):
        read_tensors(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "problem", [OSError(28, "No space left on device"), SafetensorError("No space left on device")]
)
def test_a_full_disk_leaves_the_old_file_and_no_litter(problem, saved, monkeypatch):
    before = saved.read_bytes()

    def half_written(tensors, path, metadata):
        with open(path, "wb") as f:
            f.write(before[:100])
        raise problem

    monkeypatch.setattr(nsm.nn.files.tensor_file, "save_file", half_written)
    with pytest.raises(
        OSError,
        match=r"could not write .*saved.safetensors \(.*No space left.*\); what stood there",
    ):
        save(nsm_mlp(WIDTHS), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_shipped_network_is_found_by_its_name(saved, tmp_path, monkeypatch):
    (tmp_path / "package").mkdir(parents=True)
    saved.rename(tmp_path / "package" / "small.safetensors")
    monkeypatch.setattr(nsm.shipped.resources, "files", lambda name: tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    assert shipped() == ["small"]
    for name in ("small", "small.safetensors"):
        assert locate(name) == tmp_path / "package" / "small.safetensors"
        assert describe(load(name)) == describe(nsm_mlp(WIDTHS))
    with pytest.raises(
        FileNotFoundError, match="no network 'smal': no such file, and the shipped ones are small"
    ):
        load("smal")


def test_every_shipped_network_loads_and_says_how_it_was_made():
    for name in shipped():
        assert isinstance(load(name)[0], nn.Module)
        assert read_tensors(locate(name))[1]["note"].startswith(
            ("nsm train", "python -m nsm.paper")
        ), name


CONVOLUTIONS = {
    **{rule: (lambda rule=rule: conv_net(rule, (2, 16, 16), 3, hidden=9), 512) for rule in RULES},
    **{
        f"{rule} by location": (
            lambda rule=rule: conv_net(rule, (2, 16, 16), 3, hidden=9, per_location=True),
            512,
        )
        for rule in ("bNSM", "STE", "BinConcrete", "BN")
    },
    "native by location": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (2, 5, 4)),
            NSMConv2d(
                2,
                3,
                (3, 2),
                stride=(2, 1),
                padding=(1, 0),
                beta="native",
                bias=False,
                locations=(3, 3),
            ),
            nn.Flatten(),
            nn.Linear(27, 3),
        ),
        40,
    ),
    "row norm": (
        lambda: nn.Sequential(
            nn.Unflatten(1, (2, 5, 4)),
            RowNormConv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0), bias=False),
            nn.BatchNorm2d(3, momentum=0.3),
            nn.AvgPool2d((3, 1)),
            nn.Flatten(),
            nn.Linear(9, 3),
        ),
        40,
    ),
    "cifar": (lambda: all_conv_net("bNSM", 3), 3072),
    "gestures": (lambda: gesture_net("BD"), 6 * 64 * 64),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_convolutional_network_is_loaded_bit_for_bit(kind, tmp_path, rng):
    build_one, pixels = CONVOLUTIONS[kind]
    model, x = build_one(), torch.tensor(rng.random((2, pixels)), dtype=torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(torch.tensor(rng.uniform(0.5, 1.5, parameter.shape)))
        model(x)  # in train(): running statistics move
    save(model, tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert [type(m) for m in loaded] == [type(m) for m in model]
    assert describe(loaded) == describe(model)
    assert model.state_dict().keys() == loaded.state_dict().keys()
    for (name, a), b in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
        assert a.dtype == b.dtype, name
        assert torch.equal(a, b), name
    assert (sample(model, x, 2, rng=0) == sample(loaded, x, 2, rng=0)).all()


def test_a_count_of_steps_is_not_rounded(tmp_path):
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    model[0].num_batches_tracked.fill_(2**24 + 1)  # the first integer that float32 cannot hold
    save(model, tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors")[0].num_batches_tracked == 2**24 + 1


@pytest.mark.parametrize(
    "layer",
    [
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, stride=1),
        nn.AvgPool2d(2, padding=1),
        nn.AvgPool2d(2, divisor_override=3),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, stride=1),
        nn.Conv2d(2, 2, 3, dilation=2),
        nn.Conv2d(2, 2, 3, groups=2),
        nn.Conv2d(2, 2, 3, padding="same"),
        RowNormConv2d(2, 2, 3, padding=1, padding_mode="circular"),
        nn.BatchNorm1d(2, track_running_stats=False),
        nn.BatchNorm2d(2, track_running_stats=False),
    ],
    ids=str,
)
def test_options_that_the_list_of_layers_does_not_keep_are_kept_by_class(layer, tmp_path):
    model = nn.Sequential(nn.Flatten(0, 0), layer)
    save(model, tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert repr(loaded) == repr(model)
    assert isinstance(describe(loaded), dict)
    x = torch.randn(2, 2, 5, 5) if not isinstance(layer, nn.BatchNorm1d) else torch.randn(3, 2)
    assert torch.equal(loaded[1](x), layer.eval()(x))


@pytest.mark.parametrize(
    "layer",
    [
        nn.AvgPool2d(2),
        nn.AvgPool2d((2, 3), padding=(0, 0)),
        nn.MaxPool2d((2, 3)),
        nn.Conv2d(2, 2, 3, padding=1),
    ],
)
def test_plain_pooling_and_convolutions_are_saved_however_they_are_written(layer, tmp_path):
    save(nn.Sequential(layer), tmp_path / "m.safetensors")
    x = torch.randn(1, 2, 6, 6)
    assert torch.equal(load(tmp_path / "m.safetensors")(x), layer(x))


def test_a_network_that_has_drawn_is_saved_like_a_new_one(tmp_path):
    model = nsm_mlp((4, 3, 2))
    save(model, tmp_path / "new.safetensors")
    reseed(model, 1)
    model.eval()
    model(torch.rand(2, 4))  # the streams of its layers have begun
    save(model, tmp_path / "used.safetensors")
    (new, note), (used, same_note) = (
        read_tensors(tmp_path / f"{name}.safetensors") for name in ("new", "used")
    )
    assert note == same_note
    assert new.keys() == used.keys()
    assert all(torch.equal(new[name], used[name]) for name in new)
