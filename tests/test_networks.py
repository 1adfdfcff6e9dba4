"""The ready networks: layer for layer what the paper's tables say."""

import pytest
import torch

from nsm import nsm_mlp, relu_mlp, stnn_mlp

KINDS = {
    nsm_mlp: ["Binarize", "NSMLinear", "NSMLinear", "NSMLinear", "Linear"],
    relu_mlp: ["Linear", "ReLU", "Linear", "ReLU", "Linear", "ReLU", "Linear"],
    stnn_mlp: ["Binarize", "SigmoidLinear", "SigmoidLinear", "SigmoidLinear", "Linear"],
}
builds = pytest.mark.parametrize("build", KINDS)


@builds
def test_default_is_the_papers_perceptron(build):
    model = build()
    assert [type(m).__name__ for m in model] == KINDS[build]
    # NSM 5: 784·300 + 300·300 + 300·300 + 300·10 = 418,200 multiplications per pass, in every one of them.
    assert sum(m.weight.numel() for m in model if hasattr(m, "weight")) == 418_200


@builds
def test_widths_are_those_asked_for(build, rng):
    model = build((6, 5, 4, 3))
    x = torch.tensor(rng.random((7, 6)), dtype=torch.float32)
    assert model(x).shape == (7, 3)
    assert [tuple(m.weight.shape) for m in model if hasattr(m, "weight")] == [(5, 6), (4, 5), (3, 4)]


def test_options_reach_every_hidden_layer_of_an_nsm():
    model = nsm_mlp((6, 5, 4, 3), p=0.25, bias=False, site="neuron", beta="native", flip=0.2)
    assert model[0].flip == 0.2
    for layer in model[1:3]:
        assert (layer.p, layer.bias, layer.site, layer.beta_mode) == (0.25, None, "neuron", "native")
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
    with pytest.raises(ValueError, match=r"widths = \[6, 3\]: give inputs, at least one hidden layer, and classes"):
        build((6, 3))
    with pytest.raises(ValueError, match="width = 0 is not allowed; give a whole number of at least 1"):
        build((6, 0, 3))
