"""Settings of the tests of chips."""

import pytest
import torch


@pytest.fixture(autouse=True)
def seeded():
    """Fix the seed of torch, which draws the initial weights of networks."""
    torch.manual_seed(0)
