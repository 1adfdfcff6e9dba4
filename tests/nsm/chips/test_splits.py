"""Logits of real-valued networks, whatever the splits of a batch and the threads."""

import numpy as np
import pytest
import torch

import nsm
from crossbar import Hardware
from crossbar.threads import threads
from devices import Device
from nsm.chips.runs import by_sample

#: Of the largest logit; sums of some hundred terms in another order differ by about 1e-14.
BOUND = 1e-12


@pytest.fixture(scope="module")
def chip():
    """A ReLU network on cells without noise."""
    torch.manual_seed(0)
    return nsm.map_to_crossbar(
        nsm.relu_mlp((300, 200, 10)), Hardware(device=Device(g_min=1e-6, g_max=1e-4)), rng=0
    )


@pytest.mark.parametrize("split", [1, 7, 64, 150])
@pytest.mark.parametrize("number", [1, 2])
def test_logits_agree_over_splits_and_threads(chip, split, number):
    x = np.random.default_rng(0).random((160, 300))
    whole = np.asarray(chip(torch.as_tensor(x)))
    with threads(number):
        parts = [np.asarray(chip(torch.as_tensor(part))) for part in (x[:split], x[split:])]
    both = np.concatenate(parts)
    assert np.abs(both - whole).max() <= BOUND * np.abs(whole).max()
    np.testing.assert_array_equal(both.argmax(axis=1), whole.argmax(axis=1))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.int32, torch.bool])
def test_outputs_of_any_precision_are_joined(dtype):
    parts = [torch.tensor([[0.0, 1.0], [1.0, 0.0]]).to(dtype), torch.ones(2, 2).to(dtype)]
    found = by_sample(parts, batch=2, samples=2)
    np.testing.assert_array_equal(found, [[[0, 1], [1, 1]], [[1, 0], [1, 1]]])
    assert found.dtype == np.float64
