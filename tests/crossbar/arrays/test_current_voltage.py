"""Cells whose current is not proportional to the voltage, in tiles: beside an obvious twin."""

import numpy as np
import pytest

from crossbar import Hardware, NeuronArray, Tile, Wires
from crossbar.arrays.inspection import tile_currents
from devices import (
    MILO2021,
    BlankOut,
    CurrentVoltage,
    Device,
    GaussianNoise,
    NoNoise,
    Ohmic,
    SinhCurve,
    StochasticSelector,
    TabulatedCurrent,
)
from tests.helpers.statistics import assert_mean, assert_variance

RANGE = {"g_min": 65e-6, "g_max": 105e-6}
K = 40e-6
V = 0.4
W = np.array([[1.0, -0.6, 0.0, 0.3], [-0.2, 0.5, 0.9, -1.0]])
LAWS = {
    "sinh": SinhCurve(v_0=0.2),
    "cubic": CurrentVoltage(square=(0.0,), cubic=(4e-5, 3e-4), v_max=0.5, g_low=1e-6, g_high=1e-3),
    "published": MILO2021,
    "shape": TabulatedCurrent(
        voltages=(0.1, 0.3, 0.5), conductances=(1e-5,), currents=((1.1e-6, 4.5e-6, 1.2e-5),)
    ),
    "table": TabulatedCurrent(
        voltages=(-0.5, -0.2, 0.2, 0.5),
        conductances=(60e-6, 110e-6),
        currents=((-6e-5, -1.4e-5, 1.3e-5, 5e-5), (-9e-5, -2.4e-5, 2.5e-5, 8e-5)),
    ),
}
INPUTS = {
    "signs": np.array([1.0, -1.0, -1.0, 1.0]),
    "with zeros": np.array([0.0, -1.0, 1.0, 0.0]),
    "real": np.array([0.3, -0.7, 0.0, 1.0]),
}
GATES = {
    "no gate": {},
    "pair": {"gate": BlankOut(0.5)},
    "cell": {"gate": BlankOut(0.5), "gate_sharing": "cell"},
}


def tile_with(law, *, noise=None, **options):
    device = Device(**RANGE, iv=law, read_noise=noise or NoNoise())
    hardware = Hardware(device=device, read_voltage=V, **options)
    return Tile.program(W, hardware, siemens_per_weight=K, rng=0)


def currents(law, x):
    """Return I+ and I- of every cell in weight units, (word lines, bit lines)."""
    volts = V * x[:, None]
    g_pos, g_neg = 65e-6 + K * np.maximum(W.T, 0), 65e-6 + K * np.maximum(-W.T, 0)
    return law.current(g_pos, volts) / (K * V), law.current(g_neg, volts) / (K * V)


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("law", LAWS)
def test_a_tile_adds_the_currents_of_the_law(law, inputs):
    x = INPUTS[inputs]
    pos, neg = currents(LAWS[law], x)
    tile = tile_with(LAWS[law])
    for sampling in ("exact", "moments"):
        u = tile.read(x[None], rng=0, sampling=sampling)[0]
        np.testing.assert_allclose(u, (pos - neg).sum(axis=0), rtol=1e-9, atol=1e-12)
    # The law is far from a straight line.
    assert np.abs(u - W @ x).max() > 0.01


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("law", LAWS)
def test_noise_multiplies_the_current_of_the_law(law, inputs, gate):
    x = INPUTS[inputs]
    pos, neg = currents(LAWS[law], x)
    tile = tile_with(LAWS[law], noise=GaussianNoise(0.1), **GATES[gate])
    p = 1.0 if gate == "no gate" else 0.5
    squares = (pos**2 + neg**2) if gate == "cell" else (pos - neg) ** 2
    variance = (p * 0.01 * (pos**2 + neg**2) + p * (1 - p) * squares).sum(axis=0)
    mean = p * (pos - neg).sum(axis=0)
    found = tile.moments(x[None])
    np.testing.assert_allclose(found[0][0], mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[1][0], variance, rtol=1e-9, atol=1e-15)
    for sampling in ("exact", "moments"):
        u = tile.read(np.tile(x, (300, 1)), rng=1, sampling=sampling)
        assert_mean(u, mean)
        assert_variance(u, variance, mean)


def test_signs_under_an_odd_law_are_read_as_fast_as_ohmic_cells():
    for law in ("sinh", "cubic", "shape"):
        assert "packed bits" in tile_with(LAWS[law], **GATES["pair"]).reader.describe()


SERIES = 5e3
PLACES = {
    "switch": {
        "gate": StochasticSelector(z=20.0, on_conductance=1 / SERIES),
        "gate_sharing": "cell",
    },
    "transistor": {"wires": Wires(r_row=0.0, r_col=0.0, r_access=SERIES)},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("law", LAWS)
def test_a_series_element_takes_a_part_of_the_voltage(law, inputs, place):
    resistance = SERIES
    tile = tile_with(LAWS[law], **PLACES[place])
    x = INPUTS[inputs]

    def branch(g, volts):
        """Return the current by bisection of V_cell + R I(V_cell) = V."""
        low, high = np.minimum(volts, 0) + 0 * g, np.maximum(volts, 0) + 0 * g
        for _ in range(80):
            middle = (low + high) / 2
            above = middle + resistance * LAWS[law].current(g, middle) > volts
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return LAWS[law].current(g, (low + high) / 2)

    g_pos, g_neg = 65e-6 + K * np.maximum(W.T, 0), 65e-6 + K * np.maximum(-W.T, 0)
    volts = V * x[:, None]
    expected = (branch(g_pos, volts) - branch(g_neg, volts)).sum(axis=0) / (K * V)
    np.testing.assert_allclose(tile.moments(x[None])[0][0], expected, rtol=1e-9)


def test_the_programming_error_stays_within_the_fit_of_the_law():
    device = Device(g_min=62.5e-6, g_max=110e-6, iv=MILO2021)
    hardware = Hardware(device=device, read_voltage=V)
    tile = Tile.program(np.array([[1.0, -1.0]]), hardware, siemens_per_weight=47.5e-6, rng=0)
    assert all((part == 0).all() for part in tile.programmed.programming_variance())


def test_a_tile_behind_short_wires_agrees_with_the_circuit():
    wires = Wires(r_row=1e-3, r_col=1e-3)
    tile = tile_with(LAWS["sinh"], wires=wires)
    g_pos, g_neg = 65e-6 + K * np.maximum(W.T, 0), 65e-6 + K * np.maximum(-W.T, 0)
    x = INPUTS["signs"]
    exact = wires.currents(g_pos, V * x, iv=LAWS["sinh"]) - wires.currents(
        g_neg, V * x, iv=LAWS["sinh"]
    )
    np.testing.assert_allclose(tile.moments(x[None])[0][0], exact / (K * V), rtol=1e-4)


def test_a_scaled_input_sees_a_smaller_voltage():
    device = Device(**RANGE, iv=LAWS["sinh"])
    hardware = Hardware(device=device, read_voltage=V, input_scale=4.0)
    layer = NeuronArray.program(W, hardware, siemens_per_weight=K, rng=0)
    x = 4 * INPUTS["real"]
    pos, neg = currents(LAWS["sinh"], x / 4)
    np.testing.assert_allclose(
        layer.read(x[None], rng=0)[0], 4 * (pos - neg).sum(axis=0), rtol=1e-9
    )


def test_how_a_row_is_read_does_not_depend_on_the_others():
    x = np.stack(list(INPUTS.values()))
    for law in LAWS.values():
        tile = tile_with(law, noise=GaussianNoise(0.1), **GATES["pair"])
        alone = np.concatenate([tile.read(row[None], rng=3)[:1] for row in x[:1]])
        np.testing.assert_array_equal(tile.read(x, rng=3)[:1], alone)


def test_currents_of_tiles_follow_the_law_or_are_refused():
    device = Device(**RANGE, iv=LAWS["sinh"])
    layer = NeuronArray.program(
        W, Hardware(device=device, read_voltage=V), siemens_per_weight=K, rng=0
    )
    x = INPUTS["real"][None]
    (tile,) = tile_currents(layer, x, rng=0)
    np.testing.assert_allclose(tile.in_sum / (K * V), layer.read(x, rng=0), rtol=1e-9)
    bent = NeuronArray.program(
        W,
        Hardware(device=Device(**RANGE, iv=MILO2021), read_voltage=V),
        siemens_per_weight=K,
        rng=0,
    )
    with pytest.raises(ValueError, match=r"tile_currents gives currents of cells at the read volt"):
        tile_currents(bent, x, rng=0)


def test_voltages_outside_a_fit_are_refused_when_the_tile_is_programmed():
    with pytest.raises(ValueError, match=r"voltages reach 0\.6 V; the current-voltage curve was"):
        Tile.program(
            W,
            Hardware(device=Device(**RANGE, iv=MILO2021), read_voltage=0.6),
            siemens_per_weight=K,
            rng=0,
        )


def test_the_chord_of_an_ohmic_cell_is_its_conductance():
    g = np.array([1e-6, 1e-4])
    for volts in (0.0, 0.3):
        np.testing.assert_array_equal(Ohmic().chord(g, volts, 1e4), g)
        np.testing.assert_allclose(
            SinhCurve(v_0=0.2).chord(g, volts),
            g * (1.0 if not volts else 0.2 * np.sinh(1.5) / 0.3),
            rtol=1e-12,
        )


@pytest.mark.parametrize("iv", [0.3, "sinh"])
def test_a_law_of_another_type_is_refused(iv):
    with pytest.raises(ValueError, match=r"Device\.iv = .* is not an IVLaw"):
        Device(**RANGE, iv=iv)
