"""Wires and small arrays for the tests of line resistance."""

import pytest

from crossbar import Wires

# Wires with every resistance different from zero.
EVERY = Wires(30.0, 20.0, 100.0, 50.0, 1e3)
ENDS = [
    {"drivers": d, "senses": s}
    for d, s in [
        ("left", "bottom"),
        ("both", "bottom"),
        ("left", "both"),
        ("both", "both"),
        ("right", "bottom"),
        ("left", "top"),
        ("right", "top"),
        ("both", "top"),
        ("right", "both"),
    ]
]
ends = pytest.mark.parametrize("end", ENDS, ids=lambda e: f"{e['drivers']}-{e['senses']}")


def random_array(rng, m, n):
    """Return cells (m, n) of 10 kΩ to 1 MΩ."""
    return 1 / rng.uniform(1e4, 1e6, (m, n))
