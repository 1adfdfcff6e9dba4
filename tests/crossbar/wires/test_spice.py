"""Netlists: their elements, and the currents that ngspice and badcrossbar find."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from crossbar import Wires, to_spice
from tests.helpers.wires import ends, ngspice, simulated

RESISTANCES = {"r_row": 3.0, "r_col": 5.0, "r_source": 70.0, "r_sense": 40.0, "r_access": 2e3}
STORED = np.load(Path(__file__).parents[2] / "helpers" / "data" / "badcrossbar_1_1_0.npz")


def assert_same_currents(shape, wires, rng, folder, *, signed=False):
    """Compare a random array with ngspice, to 1e-10 of each current.

    With signed inputs, to 1e-10 of the summed sizes of the cells' currents, which may cancel. The
    largest difference in 700 random arrays was 7e-12.
    """
    g = 1 / rng.uniform(1e4, 1e6, shape)
    v = rng.uniform(0.1, 1, shape[0])
    g[rng.random(shape) < 0.1] = 0
    size = wires.currents(g, v)
    if signed:
        v = v * rng.choice([-1.0, 1.0], shape[0])
    off = np.abs(wires.currents(g, v) - simulated(g, v, wires, folder))
    assert (off <= 1e-10 * size).all(), (off / size).max()


@ngspice
@ends
@pytest.mark.parametrize(
    "zero", [(), *((name,) for name in RESISTANCES), tuple(RESISTANCES)], ids="-".join
)
def test_ngspice_finds_every_current(zero, end, rng, tmp_path):
    wires = Wires(**{**RESISTANCES, **dict.fromkeys(zero, 0.0)}, **end)
    assert_same_currents((12, 9), wires, rng, tmp_path)


@ngspice
@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (20, 1), (5, 40), (48, 24)])
def test_ngspice_finds_the_currents_of_any_shape(shape, rng, tmp_path):
    assert_same_currents(shape, Wires(**RESISTANCES, drivers="both"), rng, tmp_path)
    assert_same_currents(shape, Wires(0.5, 20.0), rng, tmp_path, signed=True)


@ngspice
@pytest.mark.slow  # 10 s
def test_ngspice_finds_the_currents_of_a_large_array(rng, tmp_path):
    assert_same_currents((64, 48), Wires(**RESISTANCES), rng, tmp_path)


@ngspice
def test_ngspice_exits_without_an_error(tmp_path):
    (tmp_path / "crossbar.cir").write_text(to_spice([[1e-5]], [1.0], Wires(1, 1)), encoding="ascii")
    subprocess.run(["ngspice", "-b", "crossbar.cir"], check=True, capture_output=True, cwd=tmp_path)


@pytest.mark.parametrize("name", sorted({key.rsplit("_", 1)[0] for key in STORED}))
def test_badcrossbar_finds_the_same_currents(name):
    # Computed by badcrossbar 1.1.0 (MIT licence, PyPI; imported with a stand-in for cairo, which
    # only its drawings need): compute(voltages (m, p), resistances (m, n), r_i_word_line=…,
    # r_i_bit_line=…).currents.output (p, n), voltages within ± 0.5 V and resistances of 10 kΩ to 1
    # MΩ, 5 % of them infinite, from default_rng(0). Its segments are those of Wires: a full one
    # before the first cell, and a full one after the last, to ground below.
    r, v, segments, output = (
        STORED[f"{name}_{key}"] for key in ("resistances", "voltages", "segments", "output")
    )
    # The difference is 2e-13.
    np.testing.assert_allclose(Wires(*segments).currents(1 / r, v.T), output, rtol=1e-9)


def elements(g, v, wires):
    """Return {name: (node, node, value)} of all resistors, and of all sources."""
    lines = [line.split() for line in to_spice(g, v, wires).splitlines()]
    resistors = {e[0]: (e[1], e[2], float(e[3])) for e in lines if e[0].startswith("R")}
    return resistors, {e[0]: (e[1], e[2], float(e[4])) for e in lines if e[0].startswith("V")}


def test_nodes_are_numbered_by_word_line_and_bit_line():
    g = np.array([[1e-3, 2e-3, 4e-3], [5e-3, 8e-3, 1e-2]])
    resistors, sources = elements(g, [0.25, -0.5], Wires(3.0, 5.0, 70.0, 40.0, 2e3, "both", "both"))
    assert sources == {
        "Vd0": ("d0", "0", 0.25),
        "Vd1": ("d1", "0", -0.5),
        **{f"Vs{j}": (f"s{j}", "0", 0.0) for j in range(3)},
    }
    expected = {
        f"Rg{i}_{j}": (f"w{i}_{j}", f"b{i}_{j}", 1 / g[i, j] + 2e3)
        for i in range(2)
        for j in range(3)
    }
    for i in range(2):
        expected |= {f"Rd{i}": (f"d{i}", f"w{i}_0", 73.0), f"Re{i}": (f"d{i}", f"w{i}_2", 73.0)}
        expected |= {f"Rw{i}_{j}": (f"w{i}_{j - 1}", f"w{i}_{j}", 3.0) for j in (1, 2)}
    for j in range(3):
        expected |= {f"Rs{j}": (f"b1_{j}", f"s{j}", 45.0), f"Rt{j}": (f"b0_{j}", f"s{j}", 45.0)}
        expected[f"Rb1_{j}"] = (f"b0_{j}", f"b1_{j}", 5.0)
    assert resistors == expected


def test_ends_that_float_have_no_resistor():
    resistors, _ = elements(np.ones((2, 3)), np.ones(2), Wires(1, 1))
    assert not [name for name in resistors if name[1] in "et"]


@pytest.mark.parametrize(
    ("wires", "word", "bit", "others"),
    [
        (
            Wires(0, 5, 70, 0),
            "w1",
            "b1_2",
            {"Rd0", "Rd1", *(f"R{a}{j}" for a in ("b1_", "s") for j in range(3))},
        ),
        (
            Wires(3, 0, 0, 40),
            "w1_2",
            "b2",
            {*(f"R{a}" for a in ("d0", "d1", "w0_1", "w0_2", "w1_1", "w1_2", "s0", "s1", "s2"))},
        ),
        (
            Wires(0, 0, 70, 40, 0, "both", "both"),
            "w1",
            "b2",
            {
                f"R{a}"
                for a in ("d0", "d1", "e0", "e1", *(f"{x}{j}" for x in "st" for j in range(3)))
            },
        ),
        (Wires(0, 0, drivers="both", senses="both"), "d1", "s2", set()),
    ],
)
def test_lines_without_resistance_are_one_node(wires, word, bit, others):
    resistors, _ = elements(np.ones((2, 3)), np.ones(2), wires)
    assert resistors["Rg1_2"] == (word, bit, 1.0)
    assert {name for name in resistors if name[1] != "g"} == others
    assert all(ohms > 0 for _, _, ohms in resistors.values())


def test_cells_of_zero_conductance_have_no_resistor():
    resistors, _ = elements([[1e-5, 0.0], [0.0, 0.0]], [1, 1], Wires(1, 1, r_access=1e3))
    assert [name for name in resistors if name[1] == "g"] == ["Rg0_0"]


def test_numbers_are_read_back_as_they_were(rng):
    g = 10 ** rng.uniform(-9, 0, (4, 3))
    v = rng.uniform(-1, 1, 4)
    resistors, sources = elements(g, v, Wires(1 / 3, 1e-3 / 7))
    assert [resistors[f"Rg{i}_{j}"][2] for i, j in np.ndindex(4, 3)] == (1 / g).ravel().tolist()
    assert [sources[f"Vd{i}"][2] for i in range(4)] == v.tolist()
    assert resistors["Rw0_1"][2] == 1 / 3


def test_a_netlist_prints_every_bit_line_and_ends():
    lines = to_spice(np.ones((2, 3)), np.ones(2), Wires(1, 1)).splitlines()
    assert lines[0] == "* crossbar of 2 word lines and 3 bit lines; ngspice -b FILE"
    assert [line for line in lines if line.startswith("print")] == [
        f"print i(vs{j})" for j in range(3)
    ]
    assert lines[-1] == ".end"


BAD = [
    ([[1e-5, np.nan]], [1.0], r"g holds 1 values that are NaN or infinite"),
    (
        [[1e-5, -1e-6]],
        [1.0],
        r"g has shape \(1, 2\), the lowest value -1e-06 S; give conductances >= 0",
    ),
    (np.empty((2, 0)), [1.0, 1.0], r"g has shape \(2, 0\), the lowest value 0 S"),
    ([1e-5], [1.0], r"g has shape \(1,\); give 2 dimensions"),
    ([[1e-5]], [1.0, 1.0], r"v has shape \(2,\); give \(1\)"),
    ([[1e-5]], [np.inf], r"v holds 1 values that are NaN or infinite"),
]


@pytest.mark.parametrize(("g", "v", "message"), BAD)
def test_bad_input_is_refused(g, v, message):
    with pytest.raises(ValueError, match=message):
        to_spice(g, v, Wires(1, 1))
