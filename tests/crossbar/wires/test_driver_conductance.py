"""Currents and power of the drivers: one cell, Kirchhoff's and Joule's laws, and ngspice."""

import re
import subprocess

import numpy as np
import pytest

from crossbar import Wires, to_spice
from crossbar.wires.solver import driver_conductance
from tests.helpers.wires import ends, ngspice, random_array


def test_one_cell_is_in_series_with_its_wires():
    wires = Wires(30.0, 20.0, 100.0, 50.0, 1e3)
    series = 1 / (1 / 1e-5 + 30 + 20 + 100 + 50 + 1e3)
    np.testing.assert_allclose(driver_conductance(wires, [[1e-5]]), [[series]], rtol=1e-12)


def test_without_resistance_a_driver_sees_its_own_cells_alone(rng):
    g = random_array(rng, 4, 6)
    y = driver_conductance(Wires(0.0, 0.0), g)
    np.testing.assert_allclose(y, np.diag(g.sum(axis=1)), rtol=1e-12, atol=1e-20)


@ends
def test_reciprocity_and_the_conservation_of_charge(end, rng):
    g = random_array(rng, 7, 5)
    wires = Wires(3.0, 5.0, 70.0, 40.0, 2e3, **end)
    y = driver_conductance(wires, g)
    np.testing.assert_allclose(y, y.T, rtol=1e-9, atol=1e-16)
    v = rng.uniform(-1, 1, 7)
    np.testing.assert_allclose((y @ v).sum(), wires.currents(g, v).sum(), rtol=1e-9)


def test_the_power_of_the_drivers_heats_cells_and_wires(rng):
    # Node by node: V I of the drivers = Σ (word − bit)² G of cells with their access transistors
    # + (ΔV)²/R of every segment.
    wires = Wires(30.0, 20.0, 100.0, 50.0, 1e3)
    g, v = random_array(rng, 9, 6), rng.uniform(-1, 1, 9)
    nodes = wires.node_voltages(g, v)
    cells = ((nodes.word - nodes.bit) ** 2 * g / (1 + g * 1e3)).sum()
    heat = (np.diff(nodes.word, axis=1) ** 2 / 30).sum() + (
        np.diff(nodes.bit, axis=0) ** 2 / 20
    ).sum()
    heat += ((v - nodes.word[:, 0]) ** 2 / 130).sum() + (nodes.bit[-1] ** 2 / 70).sum()
    delivered = v @ driver_conductance(wires, g) @ v
    assert heat > 1e-3 * cells
    np.testing.assert_allclose(delivered, cells + heat, rtol=1e-10)


@ngspice
@pytest.mark.parametrize("drivers", ["left", "right", "both"])
def test_ngspice_finds_the_power_of_the_drivers(drivers, rng, tmp_path):
    wires = Wires(30.0, 20.0, 100.0, 50.0, 1e3, drivers=drivers)
    g, v = random_array(rng, 6, 4), rng.uniform(-1, 1, 6)
    prints = "\n".join(f"print i(vd{i})" for i in range(6))
    netlist = to_spice(g, v, wires).replace("print i(vs0)", f"print i(vs0)\n{prints}")
    (tmp_path / "crossbar.cir").write_text(netlist, encoding="ascii")
    done = subprocess.run(
        ["ngspice", "-b", "crossbar.cir"], capture_output=True, text=True, cwd=tmp_path
    )
    printed = dict(re.findall(r"^i\(vd(\d+)\) = (\S+)$", done.stdout, re.MULTILINE))
    # A source that delivers has a negative current in ngspice.
    power = -sum(v[i] * float(printed[str(i)]) for i in range(6))
    np.testing.assert_allclose(v @ driver_conductance(wires, g) @ v, power, rtol=1e-9)
