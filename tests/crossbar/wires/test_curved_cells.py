"""Cells whose current is a curve of the voltage, behind wires."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import root

from crossbar import Wires
from devices import TabulatedCurrent
from tests.helpers.reference import branches
from tests.helpers.wires import EVERY, ends, random_array


class Sinh:
    """Curve I = g v₀ sinh(V/v₀)."""

    def __init__(self, v0):
        self.v0 = v0

    def current(self, g, v):
        return g * self.v0 * np.sinh(v / self.v0)

    def slope(self, g, v):
        return g * np.cosh(v / self.v0)


class Ohm:
    """Curve I = g V."""

    def current(self, g, v):
        return g * v

    def slope(self, g, v):
        return g * np.ones_like(v)


class Falling(Ohm):
    """Curve I = g (V − V³), whose slope becomes negative."""

    def slope(self, g, v):
        return g * (1 - 3 * v**2)


@ends
@pytest.mark.parametrize("v0", [0.1, 0.5])
def test_curved_cells_obey_kirchhoff_at_every_node(v0, end, rng):
    wires = replace(EVERY, r_access=0.0, **end)
    g = random_array(rng, 3, 4)
    v = rng.uniform(-0.5, 0.5, 3)
    linear = list(branches(np.zeros((3, 4)), v, wires))

    def residual(voltages):
        into = np.zeros(24)
        for a, b, admittance, resistance, volts in linear:
            across = (
                (0.0 if a is None else voltages[a]) - (0.0 if b is None else voltages[b]) + volts
            )
            for node, sign in ((a, -1), (b, 1)):
                if node is not None:
                    into[node] += sign * across * admittance / resistance
        cells = Sinh(v0).current(g.ravel(), voltages[:12] - voltages[12:])
        return into - np.concatenate([cells, -cells])

    found = root(residual, np.concatenate([np.repeat(v, 4), np.zeros(12)]), tol=1e-14)
    assert np.abs(residual(found.x)).max() < 1e-15
    nodes = wires.node_voltages(g, v, iv=Sinh(v0))
    np.testing.assert_allclose(np.ravel([nodes.word, nodes.bit]), found.x, rtol=0, atol=1e-12)
    bit = found.x[12:].reshape(3, 4)
    sensed = {"bottom": bit[-1], "top": bit[0], "both": bit[-1] + bit[0]}[wires.senses]
    expected = sensed / (wires.r_col + wires.r_sense)
    np.testing.assert_allclose(
        wires.currents(g, v, iv=Sinh(v0)), expected, rtol=0, atol=1e-9 * np.abs(expected).max()
    )
    assert np.abs(expected / wires.currents(g, v) - 1).min() > 1e-3  # it differs from ohmic cells


@pytest.mark.parametrize("r_access", [0.0, 1e4])
def test_a_straight_curve_gives_the_currents_of_ohmic_cells(r_access, rng):
    wires = replace(EVERY, r_access=r_access)
    g = random_array(rng, 6, 5)
    v = rng.uniform(-1, 1, (2, 6))
    bound = 1e-11 * np.abs(wires.currents(g, v)).max()
    np.testing.assert_allclose(
        wires.currents(g, v, iv=Ohm()), wires.currents(g, v), rtol=0, atol=bound
    )


def test_curved_cells_divide_the_voltage_with_their_transistors(rng):
    g = random_array(rng, 6, 5)
    v = rng.uniform(-1, 1, 6)
    nodes = Wires(20.0, 30.0, r_access=1e4).node_voltages(g, v, iv=Sinh(0.1))
    # The current of a cell is the change of the bit lines' currents from one segment to the next.
    cells = np.diff(-np.diff(nodes.bit, axis=0, append=0) / 30, axis=0, prepend=0)
    across = 1e4 * cells + 0.1 * np.arcsinh(cells / (0.1 * g))
    np.testing.assert_allclose(nodes.word - nodes.bit, across, rtol=0, atol=1e-11)


def test_curved_cells_may_be_missing(rng):
    g = random_array(rng, 3, 4)
    v = rng.uniform(0.1, 0.5, 3)
    g[1, 2] = 0
    np.testing.assert_allclose(
        Wires(3, 3).currents(g, v, iv=Ohm()), Wires(3, 3).currents(g, v), rtol=1e-10
    )


@pytest.mark.parametrize("r_access", [0.0, 1e4])
def test_a_table_of_currents_behind_wires_is_the_curve_that_it_was_taken_from(r_access, rng):
    wires = replace(EVERY, r_access=r_access)
    points = np.linspace(0.01, 1.0, 100)
    table = TabulatedCurrent(
        voltages=points, conductances=(1e-5,), currents=(Sinh(0.3).current(1e-5, points),)
    )
    g = random_array(rng, 6, 5)
    v = rng.uniform(-0.9, 0.9, (2, 6))
    expected = wires.currents(g, v, iv=Sinh(0.3))
    # Points 10 mV apart: the monotone cubic misses sinh(V/0.3) by 1e-4 of itself at most.
    bound = 2e-4 * np.abs(expected).max()
    np.testing.assert_allclose(wires.currents(g, v, iv=table), expected, rtol=0, atol=bound)
    assert np.abs(expected - wires.currents(g, v)).max() > 100 * bound  # far from ohmic cells


def test_a_table_in_stairs_converges_and_is_not_left(rng):
    # Driven with the last voltage of the table: Newton's steps overshoot it, and full ones go to
    # and fro between two stairs.
    wires = replace(EVERY, r_access=0.0)
    points = np.linspace(0.05, 1, 12)
    for _ in range(20):
        stairs = np.cumsum(rng.exponential(1, 12)) * points
        law = TabulatedCurrent(
            voltages=points, conductances=(1e-5,), currents=(stairs * 5e-7 / stairs[0],)
        )
        g = 10 ** rng.uniform(-5.5, -3.5, (6, 5))
        nodes = wires.node_voltages(g, np.ones(6), iv=law)
        across = nodes.word - nodes.bit
        assert (np.abs(across) <= 1).all()
        # Kirchhoff: what the cells of a bit line carry is what its end carries.
        np.testing.assert_allclose(
            law.current(g, across).sum(axis=0), wires.currents(g, np.ones(6), iv=law), rtol=1e-8
        )


def test_curves_without_a_unique_solution_are_refused(monkeypatch):
    with pytest.raises(
        ArithmeticError,
        match=r"current falls with the voltage in an array of \(2, 3\)",
    ):
        EVERY.currents(np.full((2, 3), 1e-5), np.ones(2), iv=Falling())
    monkeypatch.setattr("crossbar.wires.solver.NEWTON_STEPS", 1)
    with pytest.raises(
        ArithmeticError, match=r"iteration on an array of \(2, 3\) did not converge in 1 steps"
    ):
        EVERY.currents(np.full((2, 3), 1e-5), np.ones(2), iv=Sinh(0.1))


def test_steps_are_counted_over_all_linear_solves_of_newtons_method(rng):
    g = random_array(rng, 6, 5)
    v = rng.uniform(-1, 1, 6)
    straight, curved = EVERY.node_voltages(g, v).steps, EVERY.node_voltages(g, v, iv=Ohm()).steps
    assert straight >= 2
    assert curved == 2 * straight  # the second solve of Newton's method finds nothing to correct
