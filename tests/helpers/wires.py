"""Wires and small arrays for the tests of line resistance."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from crossbar import Wires, to_spice

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
ngspice = pytest.mark.skipif(
    shutil.which("ngspice") is None,
    reason="ngspice is not installed: apt-get install ngspice, or your system's package",
)


def random_array(rng, m, n):
    """Return cells (m, n) of 10 kΩ to 1 MΩ."""
    return 1 / rng.uniform(1e4, 1e6, (m, n))


def simulated(g, v, wires, folder):
    """Return the currents of all bit lines (n,) that ngspice prints."""
    netlist = folder / "crossbar.cir"
    netlist.write_text(to_spice(g, v, wires), encoding="ascii")
    return simulated_file(netlist, np.shape(g)[1])


def simulated_file(netlist, columns):
    """Return the currents of all bit lines (columns,) that ngspice prints for a netlist."""
    done = subprocess.run(
        ["ngspice", "-b", str(netlist)], capture_output=True, text=True, cwd=netlist.parent
    )
    printed = dict(re.findall(r"^i\(vs(\d+)\) = (\S+)$", done.stdout, re.MULTILINE))
    assert len(printed) == columns, done.stdout + done.stderr
    return np.array([float(printed[str(j)]) for j in range(columns)])
