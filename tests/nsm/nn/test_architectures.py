"""The convolutional networks: layers and sizes of the paper's tables, under every rule."""

import math
from functools import partial

import pytest
import torch

from nsm.nn.architectures import RULES, all_conv_net, conv_net, gesture_net
from nsm.nn.stochastic import reseed
from tests.helpers.training import assert_learns


@pytest.fixture(autouse=True)
def seeded():
    """Fix the seed of torch, which draws the initial weights of networks."""
    torch.manual_seed(0)


def shapes(model, pixels):
    """The layers' names, and the shape of what each gives for one image."""
    z, out = torch.full((2, pixels), 0.7), []
    with torch.no_grad():
        for layer in model.eval():
            z = layer(z)
            out.append((type(layer).__name__, *z.shape[1:]))
    return out


def count(model):
    return sum(p.numel() for p in model.parameters())


PAPERS = {  # shape, hidden, classes -> sides of the maps after each convolution and pooling
    "mnist": ((1, 28, 28), 512, 10, (24, 12, 8, 4)),
    "emnist": ((1, 28, 28), 150, 26, (24, 12, 8, 4)),
    "nmnist": ((10, 34, 34), 150, 10, (30, 15, 11, 5)),
}


@pytest.mark.parametrize("data", PAPERS)
@pytest.mark.parametrize(
    ("rule", "coded", "linear", "conv", "activation"),
    [
        ("bNSM", True, "NSMLinear", "NSMConv2d", None),
        ("gNSM", True, "NSMLinear", "NSMConv2d", None),
        ("STE", True, "StraightThroughLinear", "StraightThroughConv2d", None),
        ("BinConcrete", True, "BinConcreteLinear", "BinConcreteConv2d", None),
        ("BN", True, "NoiselessLinear", "NoiselessConv2d", None),
        ("BD", True, "Linear", "Conv2d", "Sign"),
        ("wBD", True, "RowNormLinear", "RowNormConv2d", "Sign"),
        ("SN", False, "RowNormLinear", "RowNormConv2d", "NoisyReLU"),
        ("dCNN", False, "Linear", "Conv2d", "ReLU"),
    ],
)
def test_convolutional_network_is_the_papers_under_every_rule(
    data, rule, coded, linear, conv, activation
):
    shape, hidden, classes, (a, b, c, d) = PAPERS[data]
    model = conv_net(rule, shape, classes, hidden=hidden)
    pixels = math.prod(shape)
    after = [] if activation is None else [activation]
    expected = [
        *([("Binarize", pixels)] if coded else []),
        ("Unflatten", *shape),
        *((name, 32, a, a) for name in (conv, *after)),
        ("MaxPool2d", 32, b, b),
        *((name, 64, c, c) for name in (conv, *after)),
        ("MaxPool2d", 64, d, d),
        ("Flatten", 64 * d * d),
        *((name, hidden) for name in (linear, *after)),
        ("Linear", classes),
    ]
    assert shapes(model, pixels) == expected
    # Weights and biases; besides, one β or one magnitude of weight normalization for each
    # channel and hidden neuron.
    plain = (
        32 * (25 * shape[0] + 1)
        + 64 * (25 * 32 + 1)
        + hidden * (64 * d * d + 1)
        + classes * (hidden + 1)
    )
    assert count(model) == plain + (0 if rule in ("BD", "dCNN") else 32 + 64 + hidden)


def test_beta_of_every_location_is_the_authors_count_on_mnist():
    one, every = conv_net("bNSM"), conv_net("bNSM", per_location=True)
    assert count(every) - count(one) == 18_432 + 4_096 - 96
    assert [m.beta.shape for m in every if hasattr(m, "beta")] == [(32, 24, 24), (64, 8, 8), (512,)]


def test_noise_is_the_rules_and_options_are_of_every_layer():
    layers = [m for m in conv_net("bNSM") if hasattr(m, "noise")]
    assert [(m.noise, m.p) for m in layers] == [
        ("bernoulli", 0.25),
        ("bernoulli", 0.25),
        ("bernoulli", 0.5),
    ]
    assert [m.noise for m in conv_net("gNSM") if hasattr(m, "noise")] == ["gaussian"] * 3
    model = conv_net("STE", p=0.4, bias=False, site="neuron", beta="native", flip=0.1)
    assert model[0].flip == 0.1
    for layer in (m for m in model if hasattr(m, "noise")):
        assert (layer.p, layer.bias, layer.site, layer.beta_mode) == (0.4, None, "neuron", "native")
    assert {m.p for m in all_conv_net() if hasattr(m, "noise")} == {0.5}
    assert {m.bias is None for m in all_conv_net() if hasattr(m, "noise")} == {True}
    assert {m.bias is None for m in all_conv_net(bias=True) if hasattr(m, "noise")} == {False}


def blocks(names, *maps):
    """Layer after layer: each of `names` at every (channels, side)."""
    return [(name, width, side, side) for width, side in maps for name in names]


@pytest.mark.parametrize(
    ("rule", "activation"), [("bNSM", []), ("BD", ["Sign"]), ("dCNN", ["ReLU"])]
)
def test_all_convolutional_network_is_the_papers(rule, activation):
    model = all_conv_net(rule, 100)
    names = ["NSMConv2d" if rule == "bNSM" else "Conv2d", *activation]
    assert shapes(model, 3072) == [
        ("Unflatten", 3, 32, 32),
        ("BatchNorm2d", 3, 32, 32),
        ("Conv2d", 96, 32, 32),
        ("BatchNorm2d", 96, 32, 32),
        ("ReLU" if rule == "dCNN" else "Sign", 96, 32, 32),
        *blocks(names, *[(96, 32)] * 3),
        ("MaxPool2d", 96, 16, 16),
        *blocks(names, *[(192, 16)] * 3),
        ("MaxPool2d", 192, 8, 8),
        *blocks(names, *[(192, 8)] * 3),
        ("AvgPool2d", 192, 1, 1),
        ("Flatten", 192),
        ("BatchNorm1d", 192),
        ("Linear", 100),
    ]
    weights = 96 * 9 * (3 + 96 * 3) + 192 * 9 * (96 + 192 * 3) + 192 * 192 * 2 + 192 * 100
    assert (
        sum(m.weight.numel() for m in model if hasattr(m, "weight") and m.weight.ndim > 1)
        == weights
    )
    assert (
        count(model) == weights + 2 * (3 + 96 + 192) + 96 + 100 + 3 * 96 + 6 * 192
    )  # a β or a bias per channel


@pytest.mark.parametrize(("rule", "activation"), [("gNSM", []), ("dCNN", ["ReLU"])])
def test_gesture_network_is_the_papers(rule, activation):
    model = gesture_net(rule)
    names = ["NSMConv2d" if rule == "gNSM" else "Conv2d", *activation]
    assert shapes(model, 6 * 64 * 64) == [
        *([("Binarize", 6 * 64 * 64)] if rule == "gNSM" else []),
        ("Unflatten", 6, 64, 64),
        *blocks(names, *[(64, 64)] * 3),
        ("MaxPool2d", 64, 32, 32),
        *blocks(names, *[(96, 32)] * 3),
        ("MaxPool2d", 96, 16, 16),
        *blocks(names, *[(128, 16)] * 3),
        ("MaxPool2d", 128, 8, 8),
        *blocks(names, *[(256, 8)] * 3),
        ("AvgPool2d", 256, 1, 1),
        ("Flatten", 256),
        ("Linear", 11),
    ]
    weights = (
        9 * (64 * (6 + 2 * 64) + 96 * (64 + 2 * 96) + 128 * (96 + 2 * 128) + 256 * 128)
        + 2 * 256**2
        + 256 * 11
    )
    channels = 3 * (64 + 96 + 128 + 256)
    assert count(model) == weights + channels * (2 if rule == "gNSM" else 1) + 11


def test_beta_of_every_location_is_the_maps_size_in_the_deep_networks_too():
    cifar, gesture = all_conv_net(per_location=True), gesture_net(per_location=True)
    sides = [(96, 32)] * 3 + [(192, 16)] * 3 + [(192, 8)] * 3
    assert [m.locations for m in cifar if hasattr(m, "locations")] == [(n, n) for _, n in sides]
    assert count(cifar) - count(all_conv_net()) == sum(c * (n * n - 1) for c, n in sides)
    sides = [(64, 64)] * 3 + [(96, 32)] * 3 + [(128, 16)] * 3 + [(256, 8)] * 3
    assert count(gesture) - count(gesture_net()) == sum(c * (n * n - 1) for c, n in sides)


@pytest.mark.parametrize(
    ("rule", "per_location"),
    [(r, False) for r in RULES] + [(r, True) for r, rule in RULES.items() if rule.sampled],
)
def test_every_parameter_has_a_finite_gradient_under_every_rule(rule, per_location, rng):
    model = conv_net(rule, (2, 16, 16), 3, hidden=20, per_location=per_location)
    assert_learns(
        model, torch.tensor(rng.random((16, 512)), dtype=torch.float32), torch.arange(16) % 3
    )


@pytest.mark.parametrize("rule", ["bNSM", "wBD", "SN"])
def test_every_parameter_of_the_deep_network_has_a_finite_gradient(rule, rng):
    assert_learns(
        all_conv_net(rule),
        torch.tensor(rng.random((4, 3072)), dtype=torch.float32),
        torch.arange(4),
    )


@pytest.mark.parametrize("build", [conv_net, all_conv_net, gesture_net])
def test_bad_rules_and_options_are_refused(build):
    with pytest.raises(ValueError, match="unknown rule 'bNMS'; did you mean 'bNSM'"):
        build("bNMS")
    with pytest.raises(ValueError, match="unknown rule 'bNMS'"):
        build("bNMS", p=0.5)
    for rule in ("BD", "wBD", "SN", "dCNN"):
        with pytest.raises(
            ValueError,
            match=rf"options \['p', 'site'\] are of sampling layers, and {rule} has none",
        ):
            build(rule, site="neuron", p=0.5)


@pytest.mark.parametrize(
    ("rule", "name", "value"),
    [
        ("BN", "site", "neuron"),
        ("BinConcrete", "site", "neuron"),
        ("gNSM", "p", 0.1),
        ("gNSM", "noise", "bernoulli"),
        ("bNSM", "sigma", 3.0),
        ("bNSM", "stride", 2),
    ],
)
@pytest.mark.parametrize("build", [conv_net, all_conv_net, gesture_net])
def test_options_that_would_change_nothing_are_refused(build, rule, name, value):
    with pytest.raises(ValueError, match=f"option '{name}' .* under {rule}"):
        build(rule, **{name: value})


@pytest.mark.parametrize("rule", [r for r in RULES if RULES[r].sampled])
def test_every_option_changes_what_a_network_does(rule):
    x = torch.linspace(0, 1, 6 * 256).view(6, 256)
    other = {
        "p": 0.9,
        "sigma": 3.0,
        "site": "neuron",
        "beta": "native",
        "bias": False,
        "noise": "gaussian",
    }

    def run(**options):
        torch.manual_seed(0)
        model = conv_net(rule, (1, 16, 16), 3, hidden=9, **options)
        reseed(model, 0)
        out = model(x)
        out.square().sum().backward()
        return out, next(m for m in model if hasattr(m, "noise")).weight.grad

    for name in RULES[rule].options:
        base = {"noise": "gaussian"} if name == "sigma" and "noise" in RULES[rule].options else {}
        before, after = run(**base), run(**base, **{name: other[name]})
        assert not all(torch.equal(a, b) for a, b in zip(before, after, strict=True)), name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (1, 11, 28)}, "inputs are too small: nothing is left for a 5 × 5 convolution"),
        ({"shape": (1, 28, 12)}, "inputs are too small: nothing is left for a 5 × 5 convolution"),
        ({"shape": (1, 14, 28)}, "inputs are too small: nothing is left for a maximum over 2 × 2"),
        (
            {"shape": (28, 28)},
            r"shape = \(28, 28\) is not allowed",
        ),
        ({"shape": (0, 28, 28)}, "shape = 0 is not allowed"),
        ({"hidden": 0}, "hidden = 0 is not allowed"),
        ({"classes": 2.5}, "classes = 2.5 is not allowed"),
    ],
)
@pytest.mark.parametrize("rule", ["bNSM", "dCNN"])
def test_bad_sizes_are_refused(rule, options, message):
    with pytest.raises(ValueError, match=message):
        conv_net(rule, **options)


def test_what_a_rule_has_no_use_for_is_refused():
    with pytest.raises(ValueError, match="per_location .* BD has none"):
        conv_net("BD", per_location=True)
    with pytest.raises(ValueError, match=r"flip = 0.1 changes signs of inputs"):
        conv_net("dCNN", flip=0.1)


@pytest.mark.parametrize("pass_is_of_signs", [True, False])
@pytest.mark.parametrize("rule", RULES)
def test_no_network_leaves_its_device(rule, pass_is_of_signs, monkeypatch):
    # Tensors on "meta" have shapes and no values. A tensor made on the CPU would then meet one of
    # another device, as it would on a GPU.
    # "Are all of these ±1?" has no answer there.
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda self: pass_is_of_signs)
    monkeypatch.setattr(torch.Tensor, "item", lambda self: float(pass_is_of_signs))
    options = {"per_location": True} if RULES[rule].sampled else {}
    options |= {"site": "neuron"} if "site" in RULES[rule].options else {}
    for build, pixels in (
        (partial(conv_net, rule, **options), 784),
        (partial(all_conv_net, rule), 3072),
    ):
        model = build().to("meta")
        out = model(torch.empty(2, pixels, device="meta"))
        out.sum().backward()
        assert (
            {p.grad.device.type for p in model.parameters() if p.grad is not None}
            == {out.device.type}
            == {"meta"}
        )
