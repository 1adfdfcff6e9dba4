"""Test errors of a perceptron and its variants."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nsm
from devices.seeding import child, seed_sequence
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.stochastic import reseed
from nsm.nn.transforms import scale_weights
from nsm.paper.errors import with_neuron_noise
from nsm.paper.run import run_one
from tests.helpers.tiny_paper import NSM, TINY


def arguments(model, x, seed=0):
    """Return the erf argument of every hidden layer on the same noisy states, and the logits."""
    reseed(model, seed)
    out, z = [], x
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, NSMLinear):
                out.append(layer.argument(z))
            z = layer(z)
    return out, z


@given(factor=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_scaling_keeps_the_erf_arguments_if_biases_are_scaled_too(factor):
    torch.manual_seed(0)
    model, x = NSM().double(), torch.rand(20, 64, dtype=torch.float64)
    before, logits = arguments(model, x)
    both, their_logits = arguments(scale_weights(model, factor, biases=True), x)
    for one, other in zip(before, both, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(their_logits, factor * logits, rtol=1e-12, atol=1e-12)
    first = model[1]
    (moved, *_), _ = arguments(scale_weights(model, factor, biases=False), x)
    shift = (1 / factor - 1) * first.bias / (first.s * first.weight.norm(dim=1))  # of b/(s ‖w‖)
    torch.testing.assert_close(moved - before[0], shift.expand(20, -1), rtol=1e-10, atol=1e-10)


def test_neuron_noise_is_one_mask_for_all_outputs_of_an_otherwise_equal_network():
    torch.manual_seed(0)
    model, x = NSM(), torch.rand(300, 64)
    with torch.no_grad():
        # Two equal neurons: a mask that all outputs share keeps their outputs equal.
        model[1].weight[1] = model[1].weight[0]
        model[1].bias[1] = model[1].bias[0]
    shared = with_neuron_noise(model)
    assert [m.site for m in shared if isinstance(m, NSMLinear)] == ["neuron"] * 3
    assert [m.site for m in model if isinstance(m, NSMLinear)] == ["synapse"] * 3
    for (name, a), b in zip(model.state_dict().items(), shared.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    z = shared[:2](x)
    assert torch.equal(z[:, 0], z[:, 1])
    z = model[:2](x)
    assert not torch.equal(z[:, 0], z[:, 1])


def test_a_perceptrons_variants_are_errors_of_its_own_network(tiny, data, tmp_path):
    found = run_one("nsm", 1, tmp_path, None)
    model = nsm.load(tmp_path / "nsm_1.safetensors")
    rng = child(seed_sequence(1), 1)

    def error(network, samples):
        return 100 * nsm.error_rate(network, data.x_test, data.y_test, samples, rng=rng)

    assert found["error"] == error(model, 3)
    assert found["error_one_sample"] == error(model, 1)
    assert found["error_weights_scaled"] == error(scale_weights(model, 0.1, biases=False), 3)
    assert found["error_all_scaled"] == error(scale_weights(model, 0.1, biases=True), 3)
    assert found["error_neuron_noise"] == error(with_neuron_noise(model), 3)
    assert found["error_neuron_noise_one_sample"] == error(with_neuron_noise(model), 1)
    # The recipe averages the weights; drift is of the last ones, whose variance starts at that of
    # U(±1/√14), 1/42.
    assert len(found["variance_gained"]) == len(found["mean_shift"]) == 3
    torch.manual_seed(1)
    start, kept = NSM()[3].weight.detach(), []
    nsm.fit(
        (torch.manual_seed(1), NSM())[1],
        data.x_train,
        data.y_train,
        epochs=3,
        rng=1,
        progress=False,
        measure=lambda m: kept.append(m[3].weight.detach().clone()) or {},
        **TINY[0].recipe,
    )
    assert found["variance_gained"] == [float(w.var() - start.var()) for w in kept]
    assert found["mean_shift"] == [float(w.mean() - start.mean()) for w in kept]
    assert "error_neuron_noise" not in run_one("stnn", 0, tmp_path, None)
