"""The random generator of every test, and loops that are compiled before them."""

import os

import numpy as np
import pytest


@pytest.fixture
def rng():
    """Return a generator with a fixed seed, new for every test."""
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session", autouse=True)
def compiled_loops():
    """Compile the slowest loops once: of two workers, one those of traps, the other those of gates.

    On a fresh checkout either would otherwise compile all of them, at the same time.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker in ("gw0", "gw1"):
        from tests.helpers import packed_reads

        if worker == "gw0":
            packed_reads.numbers_of_traps()
        else:
            packed_reads.numbers_of_vectors(traps=False)
