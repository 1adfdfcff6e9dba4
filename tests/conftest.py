"""The seed of every test, and z-tests: how far a sample may be from theory, in standard errors."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """A generator with a fixed seed, new for every test."""
    return np.random.default_rng(20240607)
