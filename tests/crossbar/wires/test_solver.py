"""Currents of arrays with line resistance: slow twin, ladders solved by hand, conservation laws."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Wires
from crossbar.threads import threads
from tests.helpers.reference import branches, nodal
from tests.helpers.wires import ENDS, EVERY, ends, random_array

RESISTANCES = ("r_row", "r_col", "r_source", "r_sense", "r_access")
no_deadline = settings(
    deadline=None
)  # compiling at the first call takes longer than hypothesis allows


@st.composite
def wirings(draw, zeros=True):
    """Draw wires: segments up to 1 kΩ, ends and access transistors up to 10 kΩ, any of them 0."""

    def resistance(decades):
        return 0.0 if zeros and draw(st.integers(0, 3)) == 0 else 10 ** draw(st.floats(-3, decades))

    return Wires(*map(resistance, (3, 3, 4, 4, 4)), **draw(st.sampled_from(ENDS)))


@st.composite
def arrays(draw, zeros=True):
    """Draw cells (m, n) from 1 nS to 1 mS, some of them 0, and inputs (m,).

    Inputs are positive, so that no output is a small difference of large currents.
    """
    shape = draw(
        st.sampled_from([(1, 1), (1, 12), (12, 1)])
        | st.tuples(st.integers(1, 12), st.integers(1, 12))
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    g = 10 ** rng.uniform(-9, -3, shape)
    share = draw(st.sampled_from([0.0, 0.3, 0.9])) if zeros else 0.0
    return np.where(rng.random(shape) < share, 0.0, g), rng.uniform(0.1, 1, shape[0])


@given(arrays(), wirings())
@settings(max_examples=200, deadline=None)
def test_every_current_and_voltage_is_that_of_the_nodal_system(array, wires):
    g, v = array
    voltages, currents = nodal(*array, wires)
    nodes = wires.node_voltages(g, v)
    # Relative to each current itself, also if it is 1e-7 of the largest. The largest error in
    # 15,000 such arrays was 4e-13. The twin returns 1e-36 A for a line without cells.
    np.testing.assert_allclose(nodes.currents, currents, rtol=1e-10, atol=1e-30)
    np.testing.assert_allclose([nodes.word, nodes.bit], voltages, rtol=0, atol=5e-13)
    np.testing.assert_array_equal(wires.currents(g, v), nodes.currents)


@st.composite
def leaking(draw):
    """Draw sparse cells from 10 pS to 10 mS, and an input on one word line alone.

    Bit lines without a cell on that word line get their current through cells of other word lines.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(rng.integers(2, 25, 2))
    g = np.where(
        rng.random(shape) < draw(st.sampled_from([0.3, 0.7])),
        0.0,
        10 ** rng.uniform(-11, -2, shape),
    )
    return g, np.eye(shape[0])[rng.integers(shape[0])]


@given(leaking(), wirings())
@settings(max_examples=200, deadline=None)
def test_currents_that_leak_through_other_word_lines_are_exact(array, wires):
    # The largest error in 3,000 such arrays was 9e-12. Currents below 1e-15 of the largest are
    # excluded, because there the twin itself is inexact.
    currents = nodal(*array, wires)[1]
    known = currents > max(1e-15 * currents.max(), 1e-30)
    np.testing.assert_allclose(wires.currents(*array)[known], currents[known], rtol=1e-10)


def test_currents_far_below_the_largest_are_exact():
    rng = np.random.default_rng(1481)
    wires = Wires(300.0, 0.0, 100.0, 300.0)
    g = 10 ** rng.uniform(-9, -3, (12, 10))
    g = np.where(rng.random(g.shape) < 0.7, 0, g)
    v = rng.uniform(0.1, 1, 12)
    np.testing.assert_allclose(wires.currents(g, v), nodal(g, v, wires)[1], rtol=1e-12, atol=1e-30)


@ends
@pytest.mark.parametrize(
    "zero", [*([name] for name in RESISTANCES), RESISTANCES[:2], RESISTANCES[2:], RESISTANCES]
)
def test_any_resistance_may_be_zero(zero, end, rng):
    wires = replace(EVERY, **dict.fromkeys(zero, 0.0), **end)
    g = random_array(rng, 7, 5)
    v = rng.uniform(0.1, 1, 7)
    np.testing.assert_allclose(wires.currents(g, v), nodal(g, v, wires)[1], rtol=1e-12)


@pytest.mark.parametrize(
    ("g", "source", "sense"), [([[2, 1], [2, 2]], 6e4, 5e4), ([[3, 2], [8, 8]], 5e4, 5e4)]
)
def test_lines_that_are_one_node_each_are_solved_at_once(g, source, sense):
    g = 1e-5 * np.array(g)
    wires = Wires(0.0, 0.0, source, sense)
    np.testing.assert_allclose(wires.currents(g, [1, 1]), nodal(g, [1, 1], wires)[1], rtol=1e-12)


@given(arrays(), st.sampled_from(ENDS))
@no_deadline
def test_wires_without_resistance_are_the_ideal_product(array, end):
    g, v = array
    nodes = Wires(0, 0, **end).node_voltages(*array)
    np.testing.assert_allclose(nodes.currents, v @ g, rtol=1e-12, atol=0)
    np.testing.assert_array_equal(nodes.word, np.broadcast_to(v[:, None], g.shape))
    assert not nodes.bit.any()


@pytest.mark.parametrize("r_col", [0.0, 20.0])
def test_a_bit_line_without_cells_carries_exactly_nothing(r_col, rng):
    g = random_array(rng, 6, 5)
    v = rng.uniform(-1, 1, 6)
    g[:, [1, 4]] = 0
    currents = replace(EVERY, r_col=r_col).currents(g, v)
    np.testing.assert_array_equal(currents[[1, 4]], 0)
    assert currents[[0, 2, 3]].all()
    np.testing.assert_array_equal(EVERY.currents(0 * g, v), 0)


def test_a_word_line_without_cells_changes_nothing_but_the_length_of_the_bit_lines(rng):
    g = random_array(rng, 6, 5)
    v = rng.uniform(0.1, 1, 6)
    g[0] = 0  # at the far end, which floats
    np.testing.assert_allclose(EVERY.currents(g, v), EVERY.currents(g[1:], v[1:]), rtol=1e-12)
    # At the near end, a segment of wire remains between the last cell and the sense.
    longer = replace(EVERY, r_sense=EVERY.r_sense + EVERY.r_col)
    np.testing.assert_allclose(
        EVERY.currents(g[::-1], v), longer.currents(g[:0:-1], v[:-1]), rtol=1e-12
    )


@ends
@pytest.mark.parametrize("siemens", [1.0, 1e3])
def test_cells_that_conduct_better_than_the_wires(siemens, end, rng):
    # Beyond the first few bit lines hardly any current is left: 1e-31 of the largest at 1e3 S. The
    # error is then that of rounding the largest current; see `Wires.currents`.
    g = siemens * rng.uniform(0.5, 1, (9, 11))
    v = rng.uniform(0.1, 1, 9)
    wires = Wires(1.0, 1.0, **end)
    currents = nodal(g, v, wires)[1]
    np.testing.assert_allclose(
        wires.currents(g, v), currents, rtol=1e-10, atol=1e-14 * currents.max()
    )


def test_long_lines_that_lose_most_of_the_current(rng):
    g = random_array(rng, 60, 80)
    v = rng.uniform(0.1, 1, 60)
    wires = Wires(500.0, 800.0, 2000.0)
    assert wires.currents(g, v).sum() < 0.15 * (v @ g).sum()
    np.testing.assert_allclose(wires.currents(g, v), nodal(g, v, wires)[1], rtol=1e-10)


def fibonacci(n):
    """Return the n-th Fibonacci number by Binet's formula, which is exact up to n = 70."""
    phi = (1 + 5**0.5) / 2
    return round((phi**n - (-1 / phi) ** n) / 5**0.5)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 30])
def test_a_ladder_of_unit_resistors_divides_by_fibonacci_numbers(n):
    expected = np.array([fibonacci(2 * (n - j) - 1) for j in range(n)]) / fibonacci(2 * n + 1)
    np.testing.assert_allclose(Wires(1, 0).currents(np.ones((1, n)), [1.0]), expected, rtol=1e-12)
    # A bit line is the same ladder, seen from its grounded end: the last word line is the nearest.
    # With the other word lines at 0 V most of the current returns through them, so the error is
    # relative to the current through the cell.
    currents = Wires(0, 1).currents(np.ones((n, 1)), np.eye(n))[::-1, 0]
    np.testing.assert_allclose(currents, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        Wires(0, 1).effective_conductance(np.ones((n, 1)))[::-1, 0], expected, rtol=1e-12
    )


@given(arrays(), wirings(zeros=False))
@no_deadline
def test_one_line_is_a_continued_fraction(array, wires):
    g = array[0][:1]
    row = replace(wires, r_col=0.0, r_sense=0.0, drivers="left", senses="bottom")
    cells = [1 / (1 / Fraction(x) + Fraction(wires.r_access)) if x else Fraction(0) for x in g[0]]
    seen = Fraction(0)  # admittance of a node and everything behind it
    ratios = []  # voltage of each node, relative to the node before it
    for k, cell in enumerate(reversed(cells)):
        series = Fraction(wires.r_row) + (Fraction(wires.r_source) if k == len(cells) - 1 else 0)
        seen = cell + seen
        ratios.append(1 / (1 + series * seen))
        seen *= ratios[-1]
    expected = np.array(
        [float(c * r) for c, r in zip(cells, np.cumprod(ratios[::-1]), strict=True)]
    )
    np.testing.assert_allclose(row.currents(g, [1.0]), expected, rtol=1e-12)
    column = Wires(0.0, wires.r_row, 0.0, wires.r_source, wires.r_access)
    np.testing.assert_allclose(
        column.currents(g.T[::-1], np.eye(g.size))[::-1, 0], expected, rtol=1e-12
    )


def test_currents_of_many_inputs_equal_those_of_single_inputs_whatever_the_threads(rng):
    g = random_array(rng, 30, 20)
    v = rng.uniform(-1, 1, (5, 4, 30))
    single = np.array([[EVERY.currents(g, one) for one in some] for some in v])
    for n in (1, 2, 3):
        with threads(n):
            np.testing.assert_array_equal(EVERY.currents(g, v), single)
    assert EVERY.currents(g, np.empty((0, 30))).shape == (0, 20)


@given(arrays(), wirings())
@no_deadline
def test_currents_are_linear_in_the_voltages_and_in_their_matrix(array, wires):
    g, v = array
    other = np.random.default_rng(0).uniform(-1, 1, len(v))
    w = wires.effective_conductance(g)
    # The bound is relative to the terms, of which an output may be a small difference, and to the
    # largest output.
    terms = np.abs(other) @ w + v @ w
    terms += 1e-3 * terms.max(initial=0)
    both = wires.currents(g, 3 * v - 2 * other)
    assert (
        np.abs(both - (3 * wires.currents(g, v) - 2 * wires.currents(g, other))) <= 1e-12 * terms
    ).all()
    assert (np.abs(both - (3 * v - 2 * other) @ w) <= 1e-12 * terms).all()
    # `effective_conductance` solves for the shorter side, so both of its branches are compared
    # here.
    np.testing.assert_allclose(
        w, wires.currents(g, np.eye(len(g))), rtol=1e-11, atol=1e-14 * w.max()
    )


@given(arrays(), wirings())
@no_deadline
def test_reciprocity_exchanging_drivers_and_senses_transposes_the_currents(array, wires):
    g, _ = array
    drivers = {"bottom": "left", "top": "right", "both": "both"}[wires.senses]
    senses = {"left": "bottom", "right": "top", "both": "both"}[wires.drivers]
    other = Wires(
        wires.r_col, wires.r_row, wires.r_sense, wires.r_source, wires.r_access, drivers, senses
    )
    there = wires.currents(g, np.eye(len(g)))
    back = other.currents(g[::-1, ::-1].T, np.eye(g.shape[1]))
    np.testing.assert_allclose(back[::-1, ::-1].T, there, rtol=1e-11, atol=1e-14 * there.max())


@given(arrays(), wirings(zeros=False))
@no_deadline
def test_charge_and_power_are_conserved(array, wires):
    g, v = array
    nodes = wires.node_voltages(g, v)
    voltages = np.ravel([nodes.word, nodes.bit])
    into = np.zeros(2 * g.size)  # current into each node
    supplied = 0.0  # power of the sources
    dissipated = 0.0
    drawn = 0.0  # current of the sources
    rounding = 0.0
    for a, b, admittance, resistance, volts in branches(g, v, wires):
        across = (0.0 if a is None else voltages[a]) - (0.0 if b is None else voltages[b]) + volts
        current = across * admittance / resistance
        rounding = max(rounding, 1e-13 * admittance / resistance)  # of voltages of up to 1 V
        for node, sign in ((a, -1), (b, 1)):
            if node is not None:
                into[node] += sign * current
        supplied += volts * current
        dissipated += across * current
        drawn += current if a is None else 0.0
    assert np.abs(into).max() <= rounding
    assert abs(drawn - nodes.currents.sum()) <= 2 * len(g) * rounding
    assert abs(supplied - dissipated) <= len(g) * rounding


@given(arrays(zeros=False), wirings(), st.sampled_from(RESISTANCES), st.floats(0.1, 1e4))
@no_deadline
def test_more_resistance_never_raises_the_current(array, wires, name, more):
    # Rayleigh's monotonicity law: with all drivers at one voltage, the conductance to ground cannot
    # rise with any resistance.
    g = array[0]
    v = np.ones(len(array[0]))
    less = wires.currents(g, v).sum()
    higher = replace(wires, **{name: getattr(wires, name) + more})
    assert higher.currents(g, v).sum() <= less * (1 + 1e-12)
    assert less <= g.sum() * (1 + 1e-12)


@pytest.mark.parametrize("end", ENDS[:2], ids=["left", "both"])
def test_few_steps_are_enough_for_512_word_and_bit_lines(end, rng):
    nodes = Wires(1.0, 1.0, **end).node_voltages(random_array(rng, 512, 512), np.ones(512))
    assert 2 <= nodes.steps <= 15  # it takes 7


def test_an_array_that_does_not_converge_is_named(monkeypatch):
    monkeypatch.setattr("crossbar.wires.solver.MOST_STEPS", 1)
    message = (
        r"an array of \(2, 3\) with conductances from 1 to 1 S, 1 and 1 ohm per segment, "
        "did not converge in 1 steps"
    )
    with pytest.raises(ArithmeticError, match=message):
        Wires(1, 1).currents(np.ones((2, 3)), np.ones(2))


G = np.full((2, 3), 1e-5)
BAD = [
    (lambda: EVERY.currents([[1e-5, np.nan]], [1]), r"g holds 1 values that are NaN or infinite"),
    (
        lambda: EVERY.currents([[1e-5, -1e-6]], [1]),
        r"g holds 1 negative conductances, the lowest -1e-06 S; give g >= 0",
    ),
    (lambda: EVERY.currents(G[0], [1]), r"g has shape \(3,\); give 2 dimensions"),
    (
        lambda: EVERY.currents(np.empty((0, 3)), []),
        r"g has shape \(0, 3\): an array needs at least one word line",
    ),
    (
        lambda: EVERY.currents(G, np.ones(3)),
        r"v has shape \(3,\); an array of \(2, 3\) needs \(…, 2\)",
    ),
    (lambda: EVERY.currents(G, 1.0), r"v has shape \(\); an array of \(2, 3\) needs"),
    (lambda: EVERY.currents(G, [np.inf, 1]), r"v holds 1 values that are NaN or infinite"),
    (lambda: EVERY.node_voltages(G, np.ones((1, 2))), r"v has shape \(1, 2\); give \(2\)"),
    (
        lambda: EVERY.noise_variance(G, np.ones(2), G.T),
        r"variance has shape \(3, 2\); give \(2, 3\)",
    ),
    (lambda: EVERY.noise_transfer(G, [1.0]), r"variance has shape \(1,\); give \(2, 3\)"),
    (lambda: EVERY.compensated(-G, 0, 1), r"target holds 6 negative conductances"),
    (
        lambda: Wires(-1, 1),
        r"Wires.r_row = -1 is not allowed",
    ),
    (lambda: Wires(1, np.inf), r"Wires.r_col = inf is not allowed"),
    (lambda: Wires(1, 1, r_access="1k"), r"Wires.r_access = '1k' is not a number"),
    (
        lambda: Wires(1, 1, drivers="rihgt"),
        r"unknown Wires.drivers 'rihgt'.* Known: left, right, both",
    ),
    (
        lambda: Wires(1, 1, senses="botom"),
        r"unknown Wires.senses 'botom'; did you mean 'bottom'\? Known: bottom, top, both",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
