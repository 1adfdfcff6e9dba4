"""Logits of real-valued networks, whatever the splits of a batch and the threads."""

import numpy as np
import pytest
import torch

import nsm
from crossbar import Hardware
from crossbar.threads import threads
from devices import Device

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
