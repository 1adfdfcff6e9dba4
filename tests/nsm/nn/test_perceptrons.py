"""The perceptrons: the paper's layers and sizes, and the same errors on a chip."""

import math

import numpy as np
import pytest
import torch

from crossbar import Hardware
from devices import BlankOut, Device, StateDependentError
from nsm import error_rate, fit, map_to_crossbar, nsm_mlp, relu_mlp, stnn_mlp
from nsm.datasets import load_digits
from nsm.nn.architectures import bd_mlp
from tests.helpers.training import assert_learns

LAYERS = {
    nsm_mlp: ["Binarize", "NSMLinear", "NSMLinear", "NSMLinear", "Linear"],
    relu_mlp: ["Linear", "ReLU", "Linear", "ReLU", "Linear", "ReLU", "Linear"],
    stnn_mlp: ["Binarize", "SigmoidLinear", "SigmoidLinear", "SigmoidLinear", "Linear"],
}
IDEAL = Hardware(device=Device(g_min=0.0, g_max=1e-5), gate=BlankOut(0.5))
REAL = Hardware(
    device=Device(g_min=1e-6, g_max=1e-5, write=StateDependentError(coefficients=(1e-7,))),
    gate=BlankOut(),
)
builds = pytest.mark.parametrize("build", LAYERS)


@pytest.fixture(autouse=True)
def seeded():
    """Fix the seed of torch, which draws the initial weights of networks."""
    torch.manual_seed(0)


@builds
def test_default_is_the_papers_perceptron(build):
    model = build()
    assert [type(m).__name__ for m in model] == LAYERS[build]
    # 784·300 + 300·300 + 300·300 + 300·10 = 418,200 multiplications per pass, in each of them.
    assert sum(m.weight.numel() for m in model if hasattr(m, "weight")) == 418_200


@builds
def test_widths_are_those_asked_for(build, rng):
    model = build((6, 5, 4, 3))
    x = torch.tensor(rng.random((7, 6)), dtype=torch.float32)
    assert model(x).shape == (7, 3)
    assert [tuple(m.weight.shape) for m in model if hasattr(m, "weight")] == [
        (5, 6),
        (4, 5),
        (3, 4),
    ]


def test_options_reach_every_hidden_layer_of_an_nsm():
    model = nsm_mlp((6, 5, 4, 3), p=0.25, bias=False, site="neuron", beta="native", flip=0.2)
    assert model[0].flip == 0.2
    for layer in model[1:3]:
        assert (layer.p, layer.bias, layer.site, layer.beta_mode) == (
            0.25,
            None,
            "neuron",
            "native",
        )
    assert model[3].bias is not None


def test_dropout_follows_every_rectifier_and_stops_in_eval():
    model = relu_mlp((6, 50, 50, 3), dropout=0.5)
    assert [type(m).__name__ for m in model] == ["Linear", "ReLU", "Dropout"] * 2 + ["Linear"]
    x = torch.ones(1, 6)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@builds
def test_bad_widths_are_refused(build):
    with pytest.raises(
        ValueError, match=r"widths = \[6, 3\]: give inputs, at least one hidden layer, and classes"
    ):
        build((6, 3))
    with pytest.raises(ValueError, match="width = 0 is not allowed"):
        build((6, 0, 3))


@pytest.fixture(scope="module")
def digits():
    return load_digits()


@pytest.fixture(scope="module")
def trained(digits):
    networks = {}
    for name, build in (("nsm", nsm_mlp), ("relu", relu_mlp), ("stnn", stnn_mlp)):
        torch.manual_seed(0)
        networks[name] = build((64, 60, 50, 10))
        fit(
            networks[name],
            digits.x_train,
            digits.y_train,
            epochs=1 if name == "stnn" else 12,  # no test asks how good that one is
            lr=5e-3,
            batch_size=50,
            rng=0,
            progress=False,
        )
    return networks


@pytest.mark.parametrize("sampling", ["exact", "moments"])
def test_errors_on_ideal_hardware_are_those_in_software(sampling, trained, digits):
    x, y, samples = digits.x_test, digits.y_test, 20
    software = error_rate(trained["nsm"], x, y, samples, rng=0)
    chip = map_to_crossbar(trained["nsm"], IDEAL, rng=0).error_rate(
        x, y, samples, rng=0, sampling=sampling
    )
    # Two standard errors of a difference of counts of the same images.
    assert 0 < software < 0.15
    assert abs(chip - software) <= 2 * math.sqrt(2 * software * (1 - software) / len(y))


@pytest.mark.parametrize("name", ["nsm", "relu"])
def test_a_common_gain_harms_the_relu_network_and_not_the_nsm(name, trained, digits):
    chip = map_to_crossbar(trained[name], REAL, rng=0)
    x, y, n = digits.x_test, digits.y_test, len(digits.y_test)
    before = chip.error_rate(x, y, 10, rng=0, sampling="moments")
    chip.scale_conductances(0.01)
    after = chip.error_rate(x, y, 10, rng=0, sampling="moments")
    one_error = math.sqrt(2 * before * (1 - before) / n)
    assert (after - before > 5 * one_error) == (name == "relu")


def test_every_perceptron_runs_on_a_chip(trained, digits):
    for name, model in trained.items():
        chip = map_to_crossbar(model, REAL, rng=0)
        p = chip.predict_proba(digits.x_test[:20], 3, rng=0)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        labels = p.argmax(axis=1)
        assert chip.errors(digits.x_test[:20], labels, 3, rng=0) == 0, name
        assert chip.error_rate(digits.x_test[:20], (labels + 1) % 10, 3, rng=0) == 1, name


def test_the_binary_perceptron_has_sign_activations_and_learns_with_the_straight_through_estimator(
    rng,
):
    model = bd_mlp((6, 5, 4, 3), flip=0.1)
    assert [type(m).__name__ for m in model] == [
        "Binarize",
        "Linear",
        "Sign",
        "Linear",
        "Sign",
        "Linear",
    ]
    assert model[0].flip == 0.1
    x = torch.tensor(rng.random((7, 6)), dtype=torch.float32)
    assert set(model[:5](x).unique().tolist()) == {-1.0, 1.0}
    assert_learns(model, x, torch.arange(7) % 3)
