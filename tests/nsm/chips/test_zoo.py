"""A battery of models: on an ideal chip they are software, on a noisy chip a slow twin."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import crossbar
import devices
import nsm
from tests.helpers.noisy_twin import noisy_twin
from tests.helpers.statistics import STANDARD_ERRORS
from tests.helpers.zoo import REASONS, REFUSED, STOCHASTIC, ZOO

SIGMA = 0.05
PASSES = 300
#: Relative difference that the type of the outputs allows.
TOLERANCE = {
    torch.float64: 1e-12,
    torch.float32: 1e-6,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
}
#: Models of which each reads its arrays in another way, small enough for the slow twin.
NOISY = [
    "linear_of_sequences",
    "conv1d",
    "depthwise",
    "padding_circular",
    "conv_transpose2d",
    "batch_norm_inside",
    "sequential_with_a_skip",
    "lstm_cell",
    "gru",
    "self_attention",
]


def hardware(**device):
    """Return hardware whose cells hold any weight exactly, and exact biases."""
    cell = devices.Device(g_min=1e-12, g_max=1e-6, **device)
    return crossbar.Hardware(device=cell, bias="reference")


def tensors(outputs):
    """Return the tensors of a model's outputs in order."""
    if isinstance(outputs, Tensor):
        return [outputs]
    parts = outputs.values() if isinstance(outputs, dict) else outputs
    return [t for part in parts if part is not None for t in tensors(part)]


def software(model, inputs):
    """Return what torch computes, without the fused encoder that rounds in another way."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            return model(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_the_zoo_has_sixty_models_and_builds_the_same_ones_again():
    assert len(ZOO) >= 60
    for build in ZOO.values():
        (model, inputs), (again, same) = build(), build()
        for a, b in zip(
            tensors(software(model, inputs)), tensors(software(again, same)), strict=True
        ):
            assert torch.isfinite(a).all()
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", ZOO)
def test_on_an_ideal_chip_a_model_is_software(name):
    model, inputs = ZOO[name]()
    theirs = software(model, inputs)
    chip = nsm.map_to_crossbar(model, hardware(), rng=0, example=inputs)
    ours = chip(*inputs)
    assert type(ours) is type(theirs)
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs)
    for a, b in zip(tensors(ours), tensors(theirs), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert (a - b).abs().max() <= TOLERANCE[b.dtype] * b.abs().max()


def samples_of(model, inputs):
    """Return the outputs of one pass over inputs that are repeated for every sample.

    Returns:
        (samples, outputs) of the model's first output.
    """
    many = tuple(x.repeat_interleave(PASSES, 0) for x in inputs)
    out = tensors(software(model, many))[0]
    return out.double().reshape(len(inputs[0]), PASSES, -1).transpose(0, 1).flatten(1).numpy()


def assert_same_law(ours, theirs):
    """Assert that means and variances of two samples (samples, outputs) agree within errors.

    The variance is compared output by output, and summed over the outputs, as the mean of
    (x − mean)².
    """
    of_ours, of_theirs = ((x - x.mean(axis=0)) ** 2 for x in (ours, theirs))
    for a, b in (
        (ours, theirs),
        (of_ours, of_theirs),
        (of_ours.sum(axis=1), of_theirs.sum(axis=1)),
    ):
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / len(a))
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= STANDARD_ERRORS * error + 1e-12).all()


@pytest.mark.parametrize("name", NOISY)
def test_on_a_noisy_chip_a_model_is_its_slow_twin(name):
    model, inputs = ZOO[name]()
    inputs = tuple(x[:1].double() for x in inputs)
    noise = devices.GaussianNoise(SIGMA)
    chip = nsm.map_to_crossbar(model.double(), hardware(read_noise=noise), rng=0, example=inputs)
    torch.manual_seed(0)
    ours, theirs = samples_of(chip, inputs), samples_of(noisy_twin(model, SIGMA, seed=1), inputs)
    assert theirs.std(axis=0).max() > 1e-3 * np.abs(theirs).max()
    assert_same_law(ours, theirs)


@pytest.mark.parametrize("name", STOCHASTIC)
def test_what_draws_at_inference_draws_on_a_chip_as_in_software(name):
    model, inputs = STOCHASTIC[name]()
    cell = devices.Device(g_min=1e-12, g_max=1e-6)
    gated = crossbar.Hardware(device=cell, gate=devices.BlankOut(0.5))
    chip = nsm.map_to_crossbar(model, gated, rng=0, example=inputs)
    torch.manual_seed(0)
    assert_same_law(samples_of(chip, inputs), samples_of(model, inputs))


def test_dropout_that_was_put_back_into_training_stays_on():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.Dropout(), nn.Linear(20, 3)).eval()
    model[1].train()
    x = torch.randn(2, 6)
    chip = nsm.map_to_crossbar(model, hardware(), rng=0, example=x)
    assert_same_law(samples_of(chip, (x,)), samples_of(model, (x,)))


@pytest.mark.parametrize("name", STOCHASTIC)
def test_a_seed_decides_on_all_that_is_drawn(name):
    model, inputs = STOCHASTIC[name]()
    gated = crossbar.Hardware(
        device=devices.Device(g_min=1e-12, g_max=1e-6), gate=devices.BlankOut(0.5)
    )
    chip = nsm.map_to_crossbar(model, gated, rng=0, example=inputs)
    x = inputs[0]
    first = chip.sample(x, 4, rng=1)
    np.testing.assert_array_equal(chip.sample(x, 4, rng=1), first)
    assert not np.array_equal(chip.sample(x, 4, rng=2), first)


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_chip_can_hold_is_refused_with_its_reason(name):
    model, inputs = REFUSED[name]()
    with pytest.raises(ValueError, match=REASONS[name]):
        nsm.map_to_crossbar(model, hardware(), rng=0, example=inputs)
