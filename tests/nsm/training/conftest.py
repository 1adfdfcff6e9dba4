"""Fixtures of the tests of training."""

import pytest
import torch

from nsm.datasets import load_digits


@pytest.fixture(autouse=True)
def seeded():
    """torch draws the starting weights from its own stream."""
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def digits():
    return load_digits()
