"""Networks that are compared: one recipe for all, several seeds, kept and loaded again."""

import numpy as np
import pytest
import torch
from torch import nn

import nsm
from nsm.training.augment import FlipInputs, ShiftAndMirror
from nsm.training.comparison import recipe_text, train_alike

WIDTHS = (64, 8, 8, 10)
BUILDERS = {"NSM": lambda: nsm.nsm_mlp(WIDTHS), "ReLU": lambda: nsm.relu_mlp(WIDTHS)}
RECIPE = {"epochs": 1, "label_smoothing": 0.1, "augment": FlipInputs(0.05), "ema_decay": 0.9}


def weights(model):
    return torch.cat([p.detach().ravel() for p in model.parameters()])


def trained(digits, **changes):
    x, y, *_ = digits
    given = {"seeds": (0, 1), "progress": False, **RECIPE} | changes
    return train_alike(given.pop("builders", BUILDERS), x[:100], y[:100], **given)


def test_every_network_is_trained_from_every_seed_with_the_recipe(digits):
    before = torch.random.get_rng_state()
    found = trained(digits)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert {name: list(of) for name, of in found.items()} == {"NSM": [0, 1], "ReLU": [0, 1]}
    for of in found.values():
        assert not torch.equal(weights(of[0]), weights(of[1]))
    # The same as by hand.
    torch.manual_seed(1)
    model = nsm.relu_mlp(WIDTHS)
    x, y, *_ = digits
    nsm.fit(model, x[:100], y[:100], rng=1, progress=False, **RECIPE)
    assert torch.equal(weights(model), weights(found["ReLU"][1]))


def test_trainings_are_kept_and_those_of_another_recipe_refused(digits, tmp_path):
    first = trained(digits, folder=tmp_path / "new")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        f"{name}_{seed}.safetensors" for name in ("NSM", "ReLU") for seed in (0, 1)
    ]
    again = trained(digits, folder=tmp_path / "new")
    assert torch.equal(weights(first["NSM"][1]), weights(again["NSM"][1]))
    with pytest.raises(ValueError, match=r"NSM_0.safetensors was trained with another recipe"):
        trained(digits, folder=tmp_path / "new", label_smoothing=0.0)


def test_networks_with_regularizers_of_their_own_are_refused_if_they_differ(digits):
    with pytest.raises(ValueError, match=r"NSM: flip=0.05; ReLU: none.*augment=FlipInputs"):
        trained(digits, builders=BUILDERS | {"NSM": lambda: nsm.nsm_mlp(WIDTHS, flip=0.05)})
    with pytest.raises(ValueError, match=r"NSM: none; ReLU: dropout=0.5, dropout=0.5"):
        trained(digits, builders=BUILDERS | {"ReLU": lambda: nsm.relu_mlp(WIDTHS, dropout=0.5)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "nothing to train .networks .'NSM', 'ReLU'., seeds ...; give"),
        ({"builders": {}}, "nothing to train .networks .., seeds .0, 1"),
        ({"seeds": (0, 0)}, "repeats one"),
        ({"seeds": (-1,)}, "seed = -1"),
    ],
)
def test_bad_comparisons_are_refused(changes, message, digits):
    with pytest.raises(ValueError, match=message):
        trained(digits, **changes)


def test_a_recipe_names_what_decides_a_comparison():
    assert recipe_text(**RECIPE) == (
        "1 epochs, label smoothing 0.1, input flips 5 %, weight averaging 0.9"
    )
    assert recipe_text(epochs=5, lr=0.1) == (
        "5 epochs, no label smoothing, no input flips, no weight averaging"
    )
    assert "ShiftAndMirror" in recipe_text(epochs=5, augment=ShiftAndMirror((1, 8, 8)))


def test_flips_are_those_of_binarize_with_their_probability():
    x = torch.rand(400, 50)
    flipped = FlipInputs(0.1)(x, np.random.default_rng(0))
    changed = flipped != x
    assert torch.equal(flipped[changed], 1 - x[changed])
    share = changed.double().mean().item()
    assert abs(share - 0.1) < 4 * (0.1 * 0.9 / x.numel()) ** 0.5
    coded = nn.Sequential(nsm.Binarize())
    assert torch.equal(coded(flipped)[changed], -coded(x)[changed])
    with pytest.raises(ValueError, match="FlipInputs.p = 0.5"):
        FlipInputs(0.5)


def test_a_network_that_diverges_is_named(digits):
    with pytest.raises(FloatingPointError, match="ReLU, seed 0: the loss of the Sequential became"):
        trained(digits, builders={"ReLU": BUILDERS["ReLU"]}, lr=3e37, batch_size=50)
