"""The random generator of every test."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    """Return a generator with a fixed seed, new for every test."""
    return np.random.default_rng(20240607)
