"""Scaled and quantized networks, in software and on ideal chips."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import nsm
from crossbar import Hardware
from devices import Device
from nsm.datasets import load_digits
from nsm.nn.activations import NoisyReLU, Sign
from nsm.nn.rules import NoiselessLinear
from nsm.nn.weight_norm import RowNormConv2d, RowNormLinear


def network():
    torch.manual_seed(0)
    return nsm.nsm_mlp((20, 15, 4))


def test_a_scaled_network_is_a_copy():
    model = network()
    before = [p.clone() for p in model.parameters()]
    both, alone = nsm.scale_weights(model, 0.1), nsm.scale_weights(model, 0.1, biases=False)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    torch.testing.assert_close(both[1].weight, 0.1 * model[1].weight)
    torch.testing.assert_close(both[1].bias, 0.1 * model[1].bias)
    assert torch.equal(alone[1].bias, model[1].bias)
    assert torch.equal(both[1].beta, model[1].beta)


@given(factor=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_an_nsm_is_invariant_to_a_common_factor(factor):
    layer = nn.Sequential(nsm.NSMLinear(20, 15)).double()
    x = torch.sign(torch.randn(5, 20, dtype=torch.float64))
    torch.testing.assert_close(
        nsm.scale_weights(layer, factor)[0].argument(x), layer[0].argument(x)
    )


def test_an_nsm_is_not_invariant_without_its_biases():
    layer = nn.Sequential(nsm.NSMLinear(20, 15))
    x = torch.sign(torch.randn(5, 20))
    changed = (
        nsm.scale_weights(layer, 0.1, biases=False)[0].argument(x) - layer[0].argument(x)
    ).abs()
    b, norm = layer[0].bias.detach(), layer[0].weight.detach().norm(dim=1)
    expected = 9 * b / (layer[0].s * norm)
    torch.testing.assert_close(changed, expected.abs().expand(5, -1), rtol=1e-4, atol=1e-5)


@given(levels=st.integers(2, 40), scale=st.sampled_from(["layer", "row"]))
@settings(max_examples=30, deadline=None)
def test_quantized_weights_lie_on_their_levels_within_half_a_step(levels, scale):
    model = nn.Sequential(nn.Linear(9, 5), nn.Conv2d(1, 3, 2))
    found = nsm.quantize_weights(model, levels, scale=scale)
    for old, new in ((model[0], found[0]), (model[1], found[1])):
        w, q = old.weight.detach().flatten(1), new.weight.detach().flatten(1)
        size = w.abs().amax(dim=1, keepdim=True) if scale == "row" else w.abs().max()
        step = size / (levels - 1)
        assert ((q - w).abs() <= step * 0.501).all()
        torch.testing.assert_close(q / step, (q / step).round(), atol=1e-4, rtol=0)
        assert torch.equal(old.bias, new.bias)


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize("levels", [2, 3, 8])
def test_an_ideal_pair_of_cells_holds_the_quantized_weights(levels, scale):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 5))
    device = Device(g_min=1e-15, g_max=1e-6, levels=levels)
    chip = nsm.map_to_crossbar(
        model, Hardware(device=device, weight_scale=scale, bias="reference"), rng=0
    )
    with torch.no_grad():
        expected = nsm.quantize_weights(model, levels, scale=scale)(torch.eye(9)).numpy()
    np.testing.assert_allclose(chip.sample(np.eye(9), 1, rng=0)[0], expected, atol=1e-6)


def test_rows_of_zeros_stay_zero():
    model = nn.Sequential(nn.Linear(3, 2))
    with torch.no_grad():
        model[0].weight[0] = 0
    assert (nsm.quantize_weights(model, 4, scale="row")[0].weight[0] == 0).all()


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="factor = 0"):
        nsm.scale_weights(network(), 0.0)
    with pytest.raises(ValueError, match="levels = 1"):
        nsm.quantize_weights(network(), 1)
    with pytest.raises(ValueError, match="unknown scale 'rows'; did you mean 'row'"):
        nsm.quantize_weights(network(), 4, scale="rows")


@pytest.mark.parametrize("scale", ["layer", "row"])
def test_biases_may_lie_on_the_steps_too(scale):
    torch.manual_seed(0)
    layer = nsm.quantize_weights(nn.Sequential(nn.Linear(9, 5)), 5, scale=scale, biases=True)[0]
    w, b = layer.weight.detach(), layer.bias.detach()
    step = (w.abs().amax(dim=1) if scale == "row" else w.abs().max()) / 4
    torch.testing.assert_close(b / step, (b / step).round(), atol=1e-4, rtol=0)


def with_statistics(norm):
    """Return normalization with running statistics and parameters far from 0 and 1, in `eval()`."""
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            values.uniform_(0.5, 3)
    return norm.eval()


def normalized_by_batch():
    torch.manual_seed(0)
    return nn.Sequential(
        with_statistics(nn.BatchNorm1d(64)),
        nn.Linear(64, 30),
        with_statistics(nn.BatchNorm1d(30)),
        Sign(),
        nn.Linear(30, 10),
        with_statistics(nn.BatchNorm1d(10)),
    ).eval()


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_a_scaled_network_with_batch_normalization_is_the_chip_at_that_gain(factor, first):
    x = load_digits().x_test[:100]
    model = normalized_by_batch()[first:]
    before = {k: v.clone() for k, v in model.state_dict().items()}
    chip = nsm.map_to_crossbar(model, Hardware(device=Device(g_min=1e-9, g_max=1e-6)), rng=0)
    chip.scale_conductances(factor)
    with torch.no_grad():
        found = nsm.scale_weights(model, factor)(torch.tensor(x, dtype=torch.float32)).numpy()
        plain = model(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, chip.sample(x, 1, rng=0)[0], rtol=1e-4, atol=1e-5 * factor)
    np.testing.assert_allclose(found, factor * plain, rtol=1e-4, atol=1e-5 * factor)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_biases_of_folded_normalization_stay_if_asked():
    x = torch.tensor(load_digits().x_test[:20], dtype=torch.float32)
    model = normalized_by_batch()[1:3]
    with torch.no_grad():
        origin = model(torch.zeros(1, 64))
        found = nsm.scale_weights(model, 0.1, biases=False)(x)
        torch.testing.assert_close(found, origin + 0.1 * (model(x) - origin), rtol=1e-4, atol=1e-5)


def test_the_copy_keeps_mode_and_precision():
    model = normalized_by_batch()
    for change in (lambda m: nsm.scale_weights(m, 0.1), lambda m: nsm.quantize_weights(m, 4)):
        assert {p.dtype for p in change(model).parameters()} == {torch.float32}
        assert not any(m.training for m in change(model).modules())
        assert (
            change(model.double())(torch.zeros(1, 64, dtype=torch.float64)).dtype == torch.float64
        )
        model.float()


@pytest.mark.parametrize("levels", [2, 8])
def test_an_ideal_pair_of_cells_holds_the_quantized_folded_weights(levels):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(9, 5), with_statistics(nn.BatchNorm1d(5))).eval()
    device = Device(g_min=1e-15, g_max=1e-6, levels=levels)
    chip = nsm.map_to_crossbar(model, Hardware(device=device, bias="reference"), rng=0)
    with torch.no_grad():
        expected = nsm.quantize_weights(model, levels)(torch.eye(9)).numpy()
    np.testing.assert_allclose(chip.sample(np.eye(9), 1, rng=0)[0], expected, atol=1e-6)


def row_normalized(layer):
    """Return the layer with weights of another length than its magnitudes, one of them negative."""
    with torch.no_grad():
        layer.weight.mul_(7)
        layer.magnitude.uniform_(0.5, 2)
        layer.magnitude[0] = -1
        layer.weight[1] = 0
    return layer


ROW_NORMALIZED = [
    (lambda: RowNormLinear(9, 5), (4, 9)),
    (lambda: RowNormConv2d(1, 3, 2), (4, 1, 3, 3)),
]


@pytest.mark.parametrize(("build", "shape"), ROW_NORMALIZED)
def test_the_weights_of_a_row_normalized_layer_are_scaled_by_its_magnitudes(build, shape):
    torch.manual_seed(0)
    model = nn.Sequential(row_normalized(build()))
    (layer,) = model
    (both,) = nsm.scale_weights(model, 0.25)
    (alone,) = nsm.scale_weights(model, 0.25, biases=False)
    assert torch.equal(both.effective_weight(), 0.25 * layer.effective_weight())
    assert torch.equal(alone.effective_weight(), both.effective_weight())
    assert torch.equal(both.bias, 0.25 * layer.bias)
    assert torch.equal(alone.bias, layer.bias)
    x = torch.randn(shape)
    torch.testing.assert_close(nsm.scale_weights(model, 0.1)(x), 0.1 * model(x))


@pytest.mark.parametrize("scale", ["layer", "row"])
@pytest.mark.parametrize(("build", "shape"), ROW_NORMALIZED)
def test_quantized_are_the_weights_that_the_inputs_meet(build, shape, scale):
    torch.manual_seed(0)
    layer = row_normalized(build())
    plain = build()
    with torch.no_grad():
        plain.weight.copy_(layer.effective_weight())
    reference = nn.Module()  # any layer with weights is quantized as it stands
    reference.weight, reference.bias = plain.weight, layer.bias
    (found,) = nsm.quantize_weights(nn.Sequential(layer), 4, scale=scale, biases=True)
    expected = nsm.quantize_weights(reference, 4, scale=scale, biases=True)
    assert torch.equal(found.effective_weight(), expected.weight)
    assert torch.equal(found.bias, expected.bias)
    assert (found.effective_weight()[1] == 0).all()
    assert found(torch.randn(shape)).isfinite().all()


@pytest.mark.parametrize(
    "change", [lambda m: nsm.scale_weights(m, 0.1), lambda m: nsm.quantize_weights(m, 4)]
)
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False)),
            r"folded in, but cannot map layer 1 \(BatchNorm1d\)",
        ),
        (
            lambda: nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), NoisyReLU(), nn.Linear(2, 2)),
            r"folded in, but cannot map layer 2 \(NoisyReLU\): .* put nn.ReLU\(\) in its place",
        ),
        (
            lambda: nn.ModuleList([nn.Linear(3, 2), nn.BatchNorm1d(2)]),
            "folded in, but a ModuleList does not say what comes after what",
        ),
    ],
)
def test_batch_normalization_that_cannot_be_folded_is_refused(build, message, change):
    with pytest.raises(ValueError, match=message):
        change(build())


def test_layers_that_are_no_weighted_sum_stay():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.PReLU(), NoiselessLinear(4, 2))
    found = nsm.scale_weights(model, 0.5)
    for index, factor in enumerate((0.5, 1, 1, 0.5)):
        assert torch.equal(found[index].weight, factor * model[index].weight)
