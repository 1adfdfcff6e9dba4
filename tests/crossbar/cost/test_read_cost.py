"""Energy and latency of one read, from cited figures and sums over cells written out by hand.

Energies are 1e-14 J: `pytest.approx` with its absolute tolerance of 1e-12 would accept anything.
"""

import numpy as np
import pytest

from crossbar import Adc, Dac, DifferentialPair, Hardware, NeuronArray, ReferenceColumn
from crossbar.arrays.cost import COMPARATOR_ENERGY, conversion_energy, read_cost
from devices import BlankOut, Device

DEVICE = Device(g_min=1e-6, g_max=1e-5)
W = np.array([[0.5, -0.25, 1.0], [0.0, -1.0, 0.75]])


def cost(*, a=None, b=None, compared=True, **hardware):
    """Return the cost of a read of W; `compared` outputs have comparators, others a converter."""
    hardware = Hardware(**({"device": DEVICE, "read_period": 1e-7, "read_voltage": 0.2} | hardware))
    k = hardware.mapping.siemens_per_weight(1.0, DEVICE)
    neurons = NeuronArray.program(
        W, hardware, siemens_per_weight=k, a=a, b=b, converted=not compared, rng=0
    )
    each = COMPARATOR_ENERGY if compared else conversion_energy(hardware)
    return read_cost(neurons, energy_per_output=each)


# 12 cells at 1 µS, and 9 µS per unit of Σ|w| = 3.5.
PAIRS = 12e-6 + 9e-6 * 3.5


def test_the_array_dissipates_g_v_squared_t():
    # E = Σ G V² t.
    np.testing.assert_allclose(cost().array_energy, PAIRS * 0.2**2 * 1e-7, rtol=1e-12)
    assert cost().latency == 1e-7


def test_a_blank_out_gate_saves_its_share_of_the_main_array_only():
    # The gated cells conduct with p = 0.3, those of the deterministic path always:
    # (0.3 + 1) Σ G V² t.
    gated = cost(gate=BlankOut(0.3), a=[1.0, 1.0])
    np.testing.assert_allclose(gated.array_energy, 1.3 * PAIRS * 0.2**2 * 1e-7, rtol=1e-12)


def test_bias_word_lines_are_counted_and_ungated():
    # One line: 4 cells at 1 µS and 9 µS · (0.5 + 1).
    extra = (
        cost(gate=BlankOut(0.3), b=[0.5, -1.0]).array_energy - cost(gate=BlankOut(0.3)).array_energy
    )
    np.testing.assert_allclose(extra, (4e-6 + 9e-6 * 1.5) * 0.2**2 * 1e-7, rtol=1e-9)


def test_a_reference_column_is_counted_once_per_word_line():
    # Σ (5.5 + 4.5 w) µS over 6 cells, Σ w = 1, and 3 reference cells at 5.5 µS.
    expected = (6 * 5.5e-6 + 4.5e-6 + 3 * 5.5e-6) * 0.2**2 * 1e-7
    np.testing.assert_allclose(cost(mapping=ReferenceColumn()).array_energy, expected, rtol=1e-12)


def test_tiling_does_not_change_the_energy_of_pairs():
    one, tiled = cost(mapping=DifferentialPair()), cost(tile_shape=(2, 1))
    np.testing.assert_allclose(tiled.array_energy, one.array_energy, rtol=1e-12)


def test_a_compared_output_costs_one_comparator_decision():
    # 67 fJ (10.1007/s00034-023-02375-6), two outputs.
    np.testing.assert_allclose(cost().readout_energy, 2 * 67e-15, rtol=1e-12)


@pytest.mark.parametrize(
    ("adc", "joules"),
    [(None, 1.56e-12), (Adc(bits=8), 1.56e-12), (Adc(bits=6), 0.39e-12), (Adc(bits=10), 6.24e-12)],
)
def test_any_other_output_costs_a_conversion_that_doubles_with_every_bit(adc, joules):
    # ISAAC: 2 mW / 1.28 GS/s = 1.56 pJ at 8 bits.
    np.testing.assert_allclose(cost(adc=adc, compared=False).readout_energy, 2 * joules, rtol=1e-12)


def test_an_ungated_chip_costs_more_than_a_gated_one_at_the_same_readout():
    gated, open_ = cost(gate=BlankOut(0.5)), cost()
    np.testing.assert_allclose(gated.array_energy, 0.5 * open_.array_energy, rtol=1e-12)
    assert gated.readout_energy == open_.readout_energy


def test_every_tile_and_bit_plane_costs_a_conversion():
    # 3 inputs on tiles of 2 word lines: 2 rows of tiles, and 4 − 1 bit planes.
    one = cost(compared=False, adc=Adc(8))
    tiles = cost(compared=False, adc=Adc(8, per="tile"), tile_shape=(2, 2))
    planes = cost(compared=False, adc=Adc(8), dac=Dac(4, 1.0, serial=True))
    both = cost(
        compared=False, adc=Adc(8, per="tile"), dac=Dac(4, 1.0, serial=True), tile_shape=(2, 2)
    )
    for more, factor in ((tiles, 2), (planes, 3), (both, 6)):
        np.testing.assert_allclose(more.readout_energy, factor * one.readout_energy, rtol=1e-12)


def test_every_bit_plane_takes_a_read_of_the_cells_and_its_time():
    one = cost(b=[0.5, -1.0])
    planes = cost(b=[0.5, -1.0], dac=Dac(4, 1.0, serial=True))
    lines = 4e-6 + 9e-6 * 1.5  # those of the biases are read once
    expected = (3 * PAIRS + lines) * 0.2**2 * 1e-7
    np.testing.assert_allclose(planes.array_energy, expected, rtol=1e-9)
    np.testing.assert_allclose(planes.latency, 3 * one.latency, rtol=1e-12)
    assert planes.readout_energy == one.readout_energy  # comparators see planes added
