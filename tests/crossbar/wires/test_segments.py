"""Lines whose segments have resistances of their own, and any corner of drive and sense."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import Hardware, ReferenceColumn, Tile, Wires
from crossbar.paths import build_hardware, with_value
from crossbar.wires.segments import part_of
from crossbar.wires.solver import dissected, solved_by_line
from devices import Device
from tests.helpers.reference import nodal
from tests.helpers.wires import ENDS, ends, ngspice, random_array, simulated

CELL = Device(g_min=1e-6, g_max=1e-4)


def tables(rng, shape, end, zeros=0.0):
    """Return r_row and r_col [Ω] of every segment; a share of those between crossings is 0."""
    m, n = shape
    r_row = 10 ** rng.uniform(-1, 3, (m, n + (end["drivers"] == "both")))
    r_col = 10 ** rng.uniform(-1, 3, (m + (end["senses"] == "both"), n))
    # Segments to a driver or a sense keep their resistance.
    r_row[:, 1:-1][rng.random(r_row[:, 1:-1].shape) < zeros] = 0
    r_col[1:-1][rng.random(r_col[1:-1].shape) < zeros] = 0
    return r_row, r_col


@st.composite
def wired(draw):
    """Draw cells, inputs, and wires with segments of their own on both or one kind of line."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 10), st.integers(1, 10)))
    end = draw(st.sampled_from(ENDS))
    r_row, r_col = tables(rng, shape, end, draw(st.sampled_from([0.0, 0.4])))
    kind = draw(st.sampled_from(["both", "both", "rows", "columns"]))
    # Lines of the other kind have one resistance, which may be 0.
    other = draw(st.sampled_from([0.0, 7.0]))
    outside = draw(st.sampled_from([(0.0, 0.0), (50.0, 30.0)]))
    wires = Wires(
        other if kind == "columns" else r_row,
        other if kind == "rows" else r_col,
        *outside,
        draw(st.sampled_from([0.0, 1e3])),
        **end,
    )
    g = 10 ** rng.uniform(-9, -3, shape)
    g[rng.random(shape) < 0.2] = 0
    return g, rng.uniform(0.1, 1, shape[0]), wires


@given(wired())
@settings(max_examples=150, deadline=None)
def test_every_current_and_voltage_is_that_of_the_nodal_system(array):
    g, v, wires = array
    voltages, currents = nodal(g, v, wires)
    nodes = wires.node_voltages(g, v)
    np.testing.assert_allclose(nodes.currents, currents, rtol=1e-10, atol=1e-30)
    np.testing.assert_allclose([nodes.word, nodes.bit], voltages, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(wires.currents(g, v), nodes.currents)


@given(wired())
@settings(deadline=None)
def test_effective_conductances_are_those_of_single_inputs(array):
    g, v, wires = array
    w = wires.effective_conductance(g)
    single = wires.currents(g, np.eye(len(g)))
    np.testing.assert_allclose(w, single, rtol=1e-10, atol=1e-14 * single.max())
    np.testing.assert_allclose(v @ w, wires.currents(g, v), rtol=1e-10, atol=1e-30)


@ends
@pytest.mark.parametrize("shape", [(1, 1), (4, 9), (13, 6), (8, 33)])
def test_eliminating_all_nodes_gives_the_solution_of_each_line(end, shape, rng):
    g = 10 ** rng.uniform(-9, -3, shape)
    g[rng.random(shape) < 0.2] = 0
    r_row, r_col = tables(rng, shape, end)
    for wires in (Wires(r_row, r_col, 5.0, 1e-3, 1e3, **end), Wires(2.0, 0.5, 0.0, 20.0, **end)):
        solved = solved_by_line(wires, g)
        assert dissected(wires, g) is not None
        np.testing.assert_allclose(
            wires.effective_conductance(g), solved, rtol=1e-11, atol=1e-14 * solved.max()
        )


def test_lines_without_resistance_are_notdissected(rng):
    g = random_array(rng, 3, 4)
    for wires in (Wires(0.0, 1.0), Wires(1.0, 0.0), Wires(1.0, 1e-3)):
        assert (dissected(wires, g) is None) == (0 in (wires.r_row, wires.r_col))
        expected = wires.currents(g, np.eye(3))
        np.testing.assert_allclose(wires.effective_conductance(g), expected, rtol=1e-12)


def test_effective_conductances_of_any_size_of_cells_are_exact():
    # Cells of 1e-15 S and wires of 1 kS: nothing cancels, however much they differ.
    g = np.array([[1e-15, 1e-3], [1e-3, 1e-9]])
    wires = Wires(1e-3, 1e-3)
    expected = [nodal(g, v, wires)[1] for v in np.eye(2)]
    np.testing.assert_allclose(wires.effective_conductance(g), expected, rtol=1e-14)


@ends
def test_segments_of_one_resistance_are_that_resistance(end, rng):
    scalar = Wires(30.0, 20.0, 100.0, 50.0, 1e3, **end)
    g = random_array(rng, 5, 7)
    v = rng.uniform(-1, 1, 5)
    row, column = tables(rng, g.shape, end)
    for r_row, r_col in [
        (np.full(row.shape, 30.0), np.full(column.shape, 20.0)),
        ([[30.0]], [20.0]),
    ]:
        wires = replace(scalar, r_row=r_row, r_col=r_col)
        np.testing.assert_array_equal(wires.currents(g, v), scalar.currents(g, v))
        np.testing.assert_array_equal(
            wires.effective_conductance(g), scalar.effective_conductance(g)
        )


@ends
def test_a_mirrored_array_has_the_mirrored_currents(end, rng):
    g = random_array(rng, 4, 6)
    v = rng.uniform(-1, 1, 4)
    r_row, r_col = tables(rng, g.shape, end)
    mirror = {"left": "right", "right": "left", "top": "bottom", "bottom": "top", "both": "both"}
    here = Wires(r_row, r_col, 10.0, 20.0, **end)
    there = Wires(
        r_row[::-1, ::-1],
        r_col[::-1, ::-1],
        10.0,
        20.0,
        drivers=mirror[end["drivers"]],
        senses=mirror[end["senses"]],
    )
    expected = here.currents(g, v)
    np.testing.assert_allclose(there.currents(g[::-1, ::-1], v[::-1])[::-1], expected, rtol=1e-12)


def test_the_corner_decides_which_cells_lose_most():
    g = np.full((20, 20), 1e-4)
    for end in ENDS[:1] + ENDS[4:7]:
        w = Wires(10.0, 10.0, **end).effective_conductance(g)
        best = np.unravel_index(w.argmax(), w.shape)
        assert best == (
            0 if end["senses"] == "top" else 19,
            19 if end["drivers"] == "right" else 0,
        )


@ends
def test_noise_variance_is_that_of_finite_differences(end, rng):
    g = random_array(rng, 3, 4)
    wires = Wires(*tables(rng, g.shape, end), 10.0, 20.0, 1e3, **end)
    v = rng.uniform(-1, 1, 3)
    variance = (0.1 * g) ** 2 * rng.random(g.shape)
    expected = 0.0
    for k in np.ndindex(g.shape):
        step = np.zeros(g.shape)
        step[k] = 1e-3 * g[k]
        slope = (wires.currents(g + step, v) - wires.currents(g - step, v)) / (2 * step[k])
        expected = expected + slope**2 * variance[k]
    np.testing.assert_allclose(wires.noise_variance(g, v, variance), expected, rtol=1e-6)


@ngspice
@ends
@pytest.mark.parametrize("zeros", [0.0, 0.5])
def test_ngspice_finds_every_current(zeros, end, rng, tmp_path):
    g = random_array(rng, 9, 7)
    g[rng.random(g.shape) < 0.1] = 0
    v = rng.uniform(0.1, 1, 9)
    wires = Wires(*tables(rng, g.shape, end, zeros), 70.0, 40.0, 2e3, **end)
    np.testing.assert_allclose(wires.currents(g, v), simulated(g, v, wires, tmp_path), rtol=1e-10)


def test_a_broken_line_carries_nothing_beyond_the_break():
    g = np.full((1, 4), 1e-4)
    currents = Wires([[1.0, 1.0, 1e15, 1.0]], 1.0).currents(g, [1.0])
    np.testing.assert_allclose(currents[:2], 1e-4, rtol=1e-3)
    assert (currents[2:] < 1e-14).all()


def test_tables_compare_hash_and_come_from_lists(rng):
    table = rng.uniform(1, 2, (3, 4))
    wires = Wires(table, 1.0)
    assert wires == Wires(table.tolist(), 1.0)
    assert hash(wires) == hash(Wires(table, 1.0))
    assert wires.r_row == tuple(map(tuple, table.tolist()))
    assert Wires([1.0, 2.0], 1.0).r_row == ((1.0, 2.0),)


@pytest.mark.parametrize("end", ENDS, ids=lambda e: f"{e['drivers']}-{e['senses']}")
def test_a_part_lies_in_the_corner_of_drive_and_sense(end, rng):
    r_row, r_col = tables(rng, (6, 5), end)
    wires = Wires(r_row, r_col, 3.0, 4.0, **end)
    here = part_of(wires, (4, 3))
    lines = slice(4) if end["senses"] == "top" else slice(-4, None)
    columns = slice(-3, None) if end["drivers"] == "right" else slice(3)
    if end["drivers"] == "both":  # the far segment is the last
        expected_row = np.hstack([r_row[:, :3], r_row[:, -1:]])[lines]
    else:
        expected_row = r_row[lines, columns]
    if end["senses"] == "both":
        expected_col = np.vstack([r_col[:1], r_col[-4:]])[:, columns]
    else:
        expected_col = r_col[lines, columns]
    np.testing.assert_array_equal(here.r_row, expected_row)
    np.testing.assert_array_equal(here.r_col, expected_col)
    assert part_of(wires, (6, 5)) == wires
    assert part_of(Wires(1.0, 2.0, **end), (4, 3)) == Wires(1.0, 2.0, **end)
    lines_only = part_of(Wires(r_row[:, :1], r_col[:1], **end), (4, 3))
    np.testing.assert_array_equal(lines_only.r_row, r_row[lines, :1])
    np.testing.assert_array_equal(lines_only.r_col, r_col[:1, columns])


@pytest.mark.parametrize("mapping", [None, ReferenceColumn()])
def test_a_tile_multiplies_with_the_conductances_behind_its_own_wires(mapping, rng):
    options = {} if mapping is None else {"mapping": mapping}
    columns = 6 + (mapping is not None)
    r_row, r_col = rng.uniform(1, 50, (2, 8, columns))
    wires = Wires(r_row, r_col)
    hardware = Hardware(device=CELL, tile_shape=(8, 6), wires=wires, **options)
    w = rng.uniform(-1, 1, (4, 5))
    tile = Tile.program(w, hardware, siemens_per_weight=4e-5, rng=0)
    n = 4 + (mapping is not None)
    here = Wires(r_row[-5:, :n], r_col[-5:, :n])
    if mapping is None:
        expected = here.effective_conductance(tile.g_pos)
    else:
        expected = here.effective_conductance(np.hstack([tile.g_pos, tile.g_neg]))[:, :-1]
    np.testing.assert_allclose(tile.effective_conductances()[0], expected, rtol=1e-12)
    wanted = replace(hardware, compensate_wires=True)
    compensated = Tile.program(w / 4, wanted, siemens_per_weight=4e-5, rng=0)
    plain = Tile.program(w / 4, hardware, siemens_per_weight=4e-5, rng=0)
    off = [np.abs(t.effective_weights - w / 4).max() for t in (compensated, plain)]
    assert off[0] < 0.1 * off[1]


G = np.full((2, 3), 1e-5)
ONES = np.ones((2, 3))
BAD = [
    (lambda: Wires(-ONES, 1), "Wires.r_row holds 6 negative resistances, the lowest -1 ohm"),
    (lambda: Wires(1, [[np.inf, 1]]), "Wires.r_col holds 1 values that are NaN or infinite"),
    (lambda: Wires([["a"]], 1), "Wires.r_row is not an array of real numbers"),
    (lambda: Wires(np.ones((1, 2, 3)), 1), "Wires.r_row has shape (1, 2, 3); give one resistance"),
    (lambda: Wires([], 1), "Wires.r_row has shape (0,); give one resistance"),
    (
        lambda: Wires(ONES, 1).currents(G.T, np.ones(3)),
        "Wires.r_row has shape (2, 3), but the lines of an array of (3, 2) with drivers 'left'",
    ),
    (
        lambda: Wires(1, ONES, senses="both").currents(G, np.ones(2)),
        "Wires.r_col has shape (2, 3), but the lines of an array of (2, 3) with drivers 'left' and "
        "senses 'both' have segments of shape (3, 3)",
    ),
    (
        lambda: Wires([[1, 2, 3], [0, 2, 3]], 1).currents(G, np.ones(2)),
        "the segment between word line 1 and its driver has no resistance in Wires.r_row, and "
        "r_source is 0",
    ),
    (
        lambda: Wires(1, [[1, 2, 3], [2, 2, 0]]).effective_conductance(G),
        "the segment between bit line 2 and its sense has no resistance in Wires.r_col, and "
        "r_sense is 0",
    ),
    (
        lambda: Hardware(device=CELL, tile_shape=(4, 3), wires=Wires(ONES, 1)),
        "Wires.r_row has shape (2, 3), but the lines of an array of (4, 3)",
    ),
    (
        lambda: Hardware(
            device=CELL, tile_shape=(2, 3), wires=Wires(ONES, 1), mapping=ReferenceColumn()
        ),
        "Wires.r_row has shape (2, 3), but the lines of an array of (2, 4)",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_tables_are_refused(call, message):
    with pytest.raises(ValueError) as refused:
        call()
    assert message in str(refused.value)


def test_sweeps_and_files_take_tables():
    options = {
        "device": "rram_wu2018",
        "tile_shape": [2, 3],
        "wires.r_row": [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]],
        "wires.r_col": 1.0,
        "wires.drivers": "right",
    }
    hardware = build_hardware(options)
    assert hardware.wires == Wires(((1.0, 2.0, 3.0), (1.0, 2.0, 3.0)), 1.0, drivers="right")
    changed = with_value(hardware, "wires.r_col", [[1.0], [2.0]])
    assert changed.wires.r_col == ((1.0,), (2.0,))
