"""Cost of one read, from closed forms: sums over cells and circuits written out by hand.

Energies are 1e-14 J: `pytest.approx` with its absolute tolerance of 1e-12 would accept anything.
"""

from dataclasses import fields, replace

import numpy as np
import pytest

from crossbar import (
    Adc,
    BitSliced,
    CostConstants,
    Dac,
    DifferentialPair,
    Hardware,
    NeuronArray,
    ReferenceColumn,
    Wires,
)
from crossbar.cost.circuits import ReadOut
from crossbar.cost.converters import adc_area, adc_energy, dac_area, dac_energy
from crossbar.cost.driven_inputs import InputRecord
from crossbar.cost.read_cost import ReadEnergy, read_cost
from crossbar.reads.inputs import Inputs
from devices import BlankOut, Device, GaussianNoise, LognormalNoise, StochasticSelector

DEVICE = Device(g_min=1e-6, g_max=1e-5)
W = np.array([[0.5, -0.25, 1.0], [0.0, -1.0, 0.75]])
C = CostConstants()
VVT = 0.2**2 * 1e-7  # read voltage squared times read period
# 12 cells at 1 µS, and 9 µS per unit of Σ|w| = 3.5.
PAIRS = 12e-6 + 9e-6 * 3.5


def layer(w=W, *, a=None, b=None, converted=False, tile_factors=None, **hardware):
    """Return a programmed layer; with `converted` outputs have converters, else comparators."""
    hardware = Hardware(**({"device": DEVICE, "read_period": 1e-7, "read_voltage": 0.2} | hardware))
    k = hardware.mapping.siemens_per_weight(1.0, hardware.device)
    return NeuronArray.program(
        w,
        hardware,
        siemens_per_weight=k,
        a=a,
        b=b,
        converted=converted,
        tile_factors=tile_factors,
        rng=0,
    )


def cost(*args, x=None, constants=C, scaled_rows=False, **options):
    """Return the cost of a read, of inputs x (rows, inputs) or of size one."""
    neurons = layer(*args, **options)
    read_out = ReadOut.ADC if options.get("converted") else ReadOut.COMPARATOR
    inputs = None
    if x is not None:
        record = InputRecord(neurons)
        record.add(Inputs.checked("x", x, neurons.inputs))
        inputs = record.result()
    return read_cost(neurons, read_out, inputs=inputs, constants=constants, scaled_rows=scaled_rows)


def close(actual, desired, rtol=1e-12):
    np.testing.assert_allclose(actual, desired, rtol=rtol)


def test_the_array_dissipates_g_v_squared_t():
    close(cost().energy.array, PAIRS * VVT)
    assert cost().latency == 1e-7


def test_energies_add_up():
    energy = cost(b=[0.5, -1.0], converted=True, gate=BlankOut(0.3)).energy
    close(energy.total, sum(getattr(energy, each.name) for each in fields(ReadEnergy)))
    assert energy.array > 0


def test_one_cell_takes_v_squared_g_t():
    # One weight of the whole range: cells at g_max and g_min, inputs of 0.5 and 2.
    energy = cost([[1.0]], x=[[0.5], [2.0]]).energy
    close(energy.array, (0.25 + 4) / 2 * VVT * 11e-6)


def test_twice_the_inputs_take_four_times_the_energy_and_zeros_none(rng):
    x = rng.normal(size=(50, 3))
    for options in ({}, {"wires": Wires(30.0, 20.0, 100.0)}):
        once, twice = (cost(x=f * x, **options).energy.array for f in (1, 2))
        close(twice, 4 * once)
        assert cost(x=0 * x, **options).energy.array == 0


def test_real_inputs_count_line_by_line(rng):
    x = rng.normal(size=(50, 3))
    g_of_lines = 4e-6 + 9e-6 * np.abs(W).sum(axis=0)
    close(cost(x=x).energy.array, (x**2 @ g_of_lines).mean() * VVT)


@pytest.mark.parametrize("sharing", ["pair", "cell", "word_line"])
def test_a_blank_out_gate_saves_its_share_of_the_main_array_only(sharing):
    # The gated cells conduct with p = 0.3, those of the deterministic path always:
    # (0.3 + 1) Σ G V² t.
    gated = cost(gate=BlankOut(0.3), gate_sharing=sharing, a=[1.0, 1.0])
    close(gated.energy.array, 1.3 * PAIRS * VVT)


def test_a_gate_in_series_divides_the_voltage():
    # Behind 10 µS, cells of 1 and 10 µS conduct 10/11 and 5 µS, here one read in two.
    gate = StochasticSelector(on_conductance=1e-5)
    close(cost([[1.0]], gate=gate).energy.array, 0.5 * (10 / 11 + 5) * 1e-6 * VVT)


def test_read_noise_counts_by_its_mean():
    noisy = replace(DEVICE, read_noise=GaussianNoise(0.3))
    close(cost(device=noisy).energy.array, PAIRS * VVT)
    skewed = replace(DEVICE, read_noise=LognormalNoise(0.3))
    mean = LognormalNoise(0.3).moments(np.array([1e-6]))[0][0]
    close(cost(device=skewed).energy.array, mean * PAIRS * VVT)


def test_energy_of_reads_that_are_drawn_agrees(rng):
    # Σ_i I_i x_j V over reads of a gated column of cells: a slow twin of the mean.
    p = 0.3
    x = rng.normal(size=(1, 3))
    reads = 20_000
    open_ = rng.random((reads, 2, 3)) < p
    g = 2e-6 + 9e-6 * np.abs(W)  # both cells of each pair, which share a gate
    drawn = (open_ * g * x[0] ** 2).sum(axis=(1, 2)) * VVT
    error = drawn.std() / np.sqrt(reads)
    assert abs(drawn.mean() - cost(x=x, gate=BlankOut(p)).energy.array) < 5 * error


def test_bias_word_lines_are_counted_and_ungated():
    # One line: 4 cells at 1 µS and 9 µS · (0.5 + 1).
    with_bias = cost(gate=BlankOut(0.3), b=[0.5, -1.0]).energy.array
    extra = with_bias - cost(gate=BlankOut(0.3)).energy.array
    close(extra, (4e-6 + 9e-6 * 1.5) * VVT, rtol=1e-9)


def test_a_reference_column_is_counted_once_per_word_line():
    # Σ (5.5 + 4.5 w) µS over 6 cells, Σ w = 1, and 3 reference cells at 5.5 µS.
    expected = (6 * 5.5e-6 + 4.5e-6 + 3 * 5.5e-6) * VVT
    close(cost(mapping=ReferenceColumn()).energy.array, expected)


def test_tiling_changes_amplifiers_and_drivers_but_not_the_energy_of_pairs():
    one, rows, columns = cost(), cost(tile_shape=(2, 2)), cost(tile_shape=(3, 1))
    for tiled in (rows, columns):
        close(tiled.energy.array, one.energy.array)
        close(tiled.energy.drivers, one.energy.drivers)  # the same crossings
    close(rows.energy.amplifiers, 2 * one.energy.amplifiers)
    close(columns.energy.amplifiers, one.energy.amplifiers)
    close(rows.area - one.area, 4 * C.amplifier_area)  # two more pairs of bit lines
    close(columns.area - one.area, 6 * C.driver_area)  # three more pairs of word lines


def test_wires_take_power_beyond_that_of_the_cells():
    """The drivers' power is that of cells and wires, with the same voltages at the drivers."""
    w, wires = np.ones((1, 4)), Wires(300.0, 200.0, 1e3)
    x = np.array([[1.0, 0.5, -0.25, 2.0]])
    expected = 0.0
    for g in (np.full((4, 1), 1e-5), np.full((4, 1), 1e-6)):
        nodes = wires.node_voltages(g, 0.2 * x[0])
        drivers = (0.2 * x[0] - nodes.word[:, 0]) / 1300  # source and first segment
        expected += float(0.2 * x[0] @ drivers) * 1e-7
    close(cost(w, x=x, wires=wires).energy.array, expected, rtol=1e-9)
    assert cost(w, wires=wires).energy.array < cost(w).energy.array


def test_tiles_with_wires_take_what_each_takes_alone(rng):
    x, wires = rng.normal(size=(20, 4)), Wires(300.0, 200.0, 1e3)
    w = rng.uniform(-1, 1, (2, 4))
    w[0, 0] = w[1, 3] = 1.0
    whole = cost(w, x=x, wires=wires, tile_shape=(2, 2)).energy.array
    halves = [cost(w[:, s], x=x[:, s], wires=wires).energy.array for s in (slice(2), slice(2, 4))]
    close(whole, sum(halves), rtol=1e-9)
    by_tile = {"converted": True, "adc": Adc(8, per="tile")}
    close(cost(w, x=x, wires=wires, tile_shape=(2, 2), **by_tile).energy.array, whole, rtol=1e-9)


def test_wires_with_almost_no_resistance_change_nothing():
    for options in ({}, {"gate": BlankOut(0.3), "gate_sharing": "word_line"}):
        thin = cost(wires=Wires(1e-6, 1e-6), **options).energy.array
        close(thin, cost(**options).energy.array, rtol=1e-6)


def test_a_compared_output_costs_one_comparator_decision():
    # 67 fJ (10.1007/s00034-023-02375-6), two outputs.
    close(cost().energy.readout, 2 * 67e-15)
    assert cost().energy.digital == 0


@pytest.mark.parametrize(("adc", "bits"), [(None, 8), (Adc(8), 8), (Adc(6), 6), (Adc(10), 10)])
def test_any_other_output_costs_a_conversion_at_the_rate_of_reads(adc, bits):
    close(cost(adc=adc, converted=True).energy.readout, 2 * adc_energy(bits, 1e7, C))


def test_word_lines_and_bit_lines_have_their_circuits():
    one = cost()
    # Two arrays of 3 × 2 cells, each with 3 drivers and 2 amplifiers.
    close(one.energy.drivers, 12 * C.line_capacitance * 0.2**2)
    close(one.energy.amplifiers, 4 * C.amplifier_power * 1e-7)
    area = 12 * C.cell_area + 6 * C.driver_area + 4 * C.amplifier_area + 2 * C.comparator_area
    close(one.area, area)
    reference = cost(mapping=ReferenceColumn())  # one array of 3 × 3 cells
    close(reference.energy.amplifiers, 3 * C.amplifier_power * 1e-7)
    close(reference.energy.drivers, 9 * C.line_capacitance * 0.2**2)


def test_real_inputs_need_a_dac_and_states_do_not():
    states, real = cost(x=[[1, -1, 0]]), cost(x=[[0.5, -1, 0]])
    wire = 8 * C.line_capacitance * 0.2**2  # x² of two of three lines, 4 crossings each
    close(states.energy.drivers, wire)
    close(real.energy.drivers, wire * 1.25 / 2 + 3 * dac_energy(8, C))
    close(real.area - states.area, 3 * dac_area(8, C))
    given = cost(x=[[1, -1, 0]], dac=Dac(4, 1.0))
    close(given.energy.drivers, wire + 3 * dac_energy(4, C))


def test_inputs_beyond_the_range_of_a_dac_are_driven_as_it_clips_them():
    close(cost(x=[[9.0, 9.0, 9.0]], dac=Dac(4, 2.0)).energy.array, 4 * PAIRS * VVT)


@pytest.mark.parametrize(("sharing", "gates"), [("pair", 6), ("cell", 12), ("word_line", 3)])
def test_every_gate_switches_once_per_read(sharing, gates):
    energy = cost(gate=BlankOut(0.3), gate_sharing=sharing, b=[0.5, 1.0]).energy
    close(energy.selectors, gates * C.selector_capacitance * 0.2**2)
    assert cost().energy.selectors == 0


def test_every_tile_and_bit_plane_costs_a_conversion():
    # 3 inputs on tiles of 2 word lines: 2 rows of tiles, and 4 − 1 bit planes.
    serial = Dac(4, 1.0, serial=True)
    one = cost(converted=True, adc=Adc(8))
    tiles = cost(converted=True, adc=Adc(8, per="tile"), tile_shape=(2, 2))
    planes = cost(converted=True, adc=Adc(8), dac=serial)
    both = cost(converted=True, adc=Adc(8, per="tile"), dac=serial, tile_shape=(2, 2))
    for more, factor in ((tiles, 2), (planes, 3), (both, 6)):
        close(more.energy.readout, factor * one.energy.readout)


def test_parts_are_added_with_the_width_that_their_sum_needs():
    per_bit = C.add_energy_per_bit
    assert cost(converted=True).energy.digital == 0
    # Two rows of tiles: one addition of 9 bits per output. Three planes weigh 1, 2 and 4: two
    # additions of 8 + log₂ 7 → 11 bits. Both: five additions of 8 + log₂ 14 → 12 bits.
    serial, by_tile = Dac(4, 1.0, serial=True), Adc(8, per="tile")
    tiles = cost(converted=True, adc=by_tile, tile_shape=(2, 2))
    close(tiles.energy.digital, 2 * 1 * 9 * per_bit)
    close(cost(converted=True, adc=Adc(8), dac=serial).energy.digital, 2 * 2 * 11 * per_bit)
    both = cost(converted=True, adc=by_tile, dac=serial, tile_shape=(2, 2))
    close(both.energy.digital, 2 * 5 * 12 * per_bit)
    # Exact biases are added digitally as well.
    biased = cost(b=[0.5, 1.0], bias="reference", converted=True, adc=by_tile, tile_shape=(2, 2))
    close(biased.energy.digital, 2 * 2 * 9 * per_bit)


def test_slices_of_weights_are_added_with_their_significance():
    sliced = BitSliced(DifferentialPair(), bits_per_cell=2, bits=4)
    device = replace(DEVICE, levels=4)
    energy = cost(converted=True, adc=Adc(8), mapping=sliced, device=device).energy
    low, high = sorted(sliced.significances)
    width = np.ceil(8 + np.log2((low + high) / low))
    close(energy.digital, 2 * 1 * width * C.add_energy_per_bit)


def test_scales_of_rows_and_tiles_are_multiplications():
    each = 64 * C.multiply_energy_per_bit2  # 8 bits
    close(cost(converted=True, scaled_rows=True).energy.digital, 2 * each)
    tiles = {"tile_shape": (2, 2), "adc": Adc(8, per="tile"), "converted": True}
    plain = cost(0.5 * W, **tiles).energy.digital
    scaled = cost(0.5 * W, tile_factors=[[1.0], [2.0]], **tiles).energy.digital
    close(scaled - plain, 2 * 2 * each)  # two tiles of each of two outputs


def test_every_bit_plane_takes_a_read_of_the_cells_and_its_time():
    one = cost(b=[0.5, -1.0])
    planes = cost(b=[0.5, -1.0], dac=Dac(4, 1.0, serial=True))
    lines = 4e-6 + 9e-6 * 1.5  # those of the biases are read once
    close(planes.energy.array, (3 * PAIRS + lines) * VVT, rtol=1e-9)
    close(planes.latency, 3 * one.latency)
    assert planes.energy.readout == one.energy.readout  # comparators see planes added
    # 3 planes of the main array, one read of the bias lines.
    close(planes.energy.amplifiers, one.energy.amplifiers * (3 + 1) / 2)


def test_bits_that_are_zero_drive_no_line():
    # 5/7 is 101 and 2/7 is 010 in binary: planes with x² of 1, 0, 1 and of 0, 1, 0.
    x = [[5 / 7, 2 / 7, 0.0]]
    serial = cost(x=x, dac=Dac(4, 1.0, serial=True)).energy.array
    g_of_lines = 4e-6 + 9e-6 * np.abs(W).sum(axis=0)
    close(serial, (2 * g_of_lines[0] + g_of_lines[1]) * VVT)


def test_shared_converters_save_area_and_cost_time_if_they_are_slow():
    w = np.ones((8, 3))
    own = cost(w, converted=True)
    shared = cost(w, converted=True, constants=replace(C, outputs_per_adc=4))
    saved = 8 * adc_area(8, 1e7, C) - 2 * adc_area(8, 4e7, C)
    close(own.area - shared.area, saved, rtol=1e-9)
    assert shared.latency == own.latency  # they convert four times as fast
    slow = replace(C, outputs_per_adc=4, adc_rate=1e7)
    close(cost(w, converted=True, constants=slow).latency, 4 * own.latency)
    fast = replace(C, outputs_per_adc=4, adc_rate=1e9)
    assert cost(w, converted=True, constants=fast).latency == own.latency


def test_every_constant_of_energy_can_be_set_to_nothing():
    zero = [each.name for each in fields(C) if "energy" in each.name or "capacitance" in each.name]
    none = replace(
        C, **dict.fromkeys([*zero, "amplifier_power", "adc_walden"], 0.0), adc_schreier=1e4
    )
    energy = cost(
        x=[[0.5, 1.0, 2.0]],
        b=[0.5, 1.0],
        converted=True,
        gate=BlankOut(0.5),
        adc=Adc(8, per="tile"),
        tile_shape=(2, 2),
        constants=none,
    ).energy
    assert energy.array > 0
    assert energy.total == energy.array
