"""Tiles one by one: places that cover the matrix, currents that add up to reads, sampled cells."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Adc, BalancedPair, Dac, Hardware, NeuronArray, ReferenceColumn, Wires
from crossbar.arrays.inspection import physical_tiles, sampled_tiles, tile_currents
from crossbar.reads.span import Span
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    ProductNoise,
    StateDependentError,
    TelegraphNoise,
)

K = 9e-6
QUIET = Device(g_min=1e-6, g_max=1e-5, write=StateDependentError(coefficients=(1e-7,)))
#: Products are drawn cell by cell by every read.
NOISY = replace(QUIET, read_noise=ProductNoise(LognormalNoise(0.25), LognormalNoise(0.15)))
SMALL = {"tile_shape": (4, 3)}
HARDWARE = {
    "quiet": Hardware(device=QUIET, **SMALL),
    "quiet wires": Hardware(device=QUIET, wires=Wires(20.0, 20.0), **SMALL),
    "quiet reference": Hardware(device=QUIET, mapping=ReferenceColumn(), **SMALL),
    "cells": Hardware(device=NOISY, **SMALL),
    "pair": Hardware(device=NOISY, gate=BlankOut(0.5), **SMALL),
    "cell": Hardware(
        device=NOISY, gate=BlankOut(0.5), gate_sharing="cell", mapping=BalancedPair(), **SMALL
    ),
    "shared reference": Hardware(
        device=NOISY, gate=BlankOut(0.5), gate_sharing="cell", mapping=ReferenceColumn(), **SMALL
    ),
    "word line": Hardware(device=NOISY, gate=BlankOut(0.4), gate_sharing="word_line", **SMALL),
    "levels": Hardware(device=NOISY, dac=Dac(4, 1.0), **SMALL),
    "bit planes": Hardware(device=NOISY, dac=Dac(4, 1.0, serial=True), **SMALL),
}


def layer(hardware, rng, *, a=True, b=True):
    """Return a layer of 7 outputs and 10 inputs, of 3 × 3 tiles, with its weights."""
    w = rng.uniform(-0.5, 0.5, (7, 10))
    return NeuronArray.program(
        w,
        hardware,
        siemens_per_weight=K,
        a=rng.uniform(-1, 1, 7) if a else None,
        b=rng.uniform(-1, 1, 7) if b else None,
        rng=1,
    )


def summed(neurons, currents, rows):
    """Return Σ_tiles of what tiles add to the sums, in weight units, without exact biases."""
    total = np.zeros((rows, neurons.outputs))
    for of_tile in currents:
        total[:, of_tile.tile.bit_lines] += of_tile.in_sum
    return total / (neurons.siemens_per_weight * neurons.hardware.read_voltage)


@pytest.mark.parametrize("name", HARDWARE)
def test_tiles_cover_every_array_of_a_layer_once(name, rng):
    neurons = layer(HARDWARE[name], rng)
    tiles = physical_tiles(neurons)
    arrays = {part.part.name.lower(): part.array for part in neurons.parts()}
    assert {tile.part for tile in tiles} == {"main", "deterministic_path", "bias"}
    for part, array in arrays.items():
        found = np.full((2, 2, array.inputs, array.outputs), np.nan)
        for tile in (t for t in tiles if t.part == part):
            at = (tile.word_lines, tile.bit_lines)
            assert np.isnan(found[:, :, *at]).all()
            found[0, :, *at] = tile.g_pos, tile.g_neg
            found[1, :, *at] = tile.effective_pos, tile.effective_neg
            assert (tile.row, tile.column) == (at[0].start // 4, at[1].start // 3)
            assert (tile.bit_slice, tile.significance) == (0, 1.0)
        np.testing.assert_array_equal(found[0], array.conductances())
        np.testing.assert_array_equal(found[1], array.effective_conductances())


def test_tiles_show_the_cells_as_they_are_now(rng):
    neurons = layer(HARDWARE["quiet"], rng)
    before = physical_tiles(neurons)
    neurons.scale_conductances(0.5)
    for old, new in zip(before, physical_tiles(neurons), strict=True):
        np.testing.assert_allclose(new.g_pos, 0.5 * old.g_pos, rtol=1e-12)


@pytest.mark.parametrize("name", HARDWARE)
def test_currents_of_all_tiles_add_up_to_the_read_of_the_same_seed(name, rng):
    """Reads of this hardware are free of noise, or drawn cell by cell: ±0.3 is not ternary."""
    neurons = layer(HARDWARE[name], rng)
    x = rng.uniform(-1, 1, (300, 10))
    currents = tile_currents(neurons, x, rng=5)
    np.testing.assert_allclose(
        summed(neurons, currents, 300), neurons.read(x, rng=5), rtol=1e-9, atol=1e-12
    )
    serial = 3 if name == "bit planes" else 1
    main = next(c for c in currents if c.tile.part == "main")
    assert main.i_pos.shape == main.i_neg.shape == (300 * serial, 3)


@pytest.mark.parametrize("location_wise", [False, True])
def test_the_deterministic_path_counts_with_its_factors(location_wise, rng):
    a = rng.uniform(-1, 1, (5, 7) if location_wise else 7)
    neurons = NeuronArray.program(
        rng.uniform(-0.5, 0.5, (7, 10)), HARDWARE["pair"], siemens_per_weight=K, a=a, rng=1
    )
    x = rng.uniform(-1, 1, (10, 10))
    currents = tile_currents(neurons, x, rng=5)
    np.testing.assert_allclose(
        summed(neurons, currents, 10), neurons.read(x, rng=5), rtol=1e-9, atol=1e-12
    )


def test_currents_are_those_of_ohms_and_kirchhoffs_laws(rng):
    neurons = layer(HARDWARE["quiet"], rng)
    x = rng.uniform(-1, 1, (2, 10))
    for of_tile in tile_currents(neurons, x, rng=0):
        tile = of_tile.tile
        on_lines = np.ones((2, 10)) if tile.part == "bias" else x
        volts = 0.1 * on_lines[:, tile.word_lines]
        np.testing.assert_allclose(of_tile.i_pos, volts @ tile.g_pos, rtol=1e-12, atol=1e-20)
        np.testing.assert_allclose(of_tile.i_neg, volts @ tile.g_neg, rtol=1e-12, atol=1e-20)


def test_currents_whose_sums_an_ordinary_read_draws_at_once_have_its_law(rng):
    hardware = replace(HARDWARE["cells"], device=replace(QUIET, read_noise=GaussianNoise(0.3)))
    neurons = layer(hardware, rng, a=False)
    reads = 4000
    x = np.repeat(rng.uniform(-1, 1, (1, 10)), reads, axis=0)
    u = summed(neurons, tile_currents(neurons, x, rng=0), reads)
    mean, variance = (m[0] for m in neurons.moments(x[:1]))
    assert (np.abs(u.mean(axis=0) - mean) <= 4 * np.sqrt(variance / reads)).all()
    np.testing.assert_allclose(u.var(axis=0), variance, rtol=4 * np.sqrt(2 / reads))


@pytest.mark.parametrize("name", HARDWARE)
def test_sampled_cells_have_the_mean_and_variance_of_reads(name, rng):
    reads = 3000
    reader = layer(HARDWARE[name], rng, a=False, b=False).main.reader
    drawn = np.concatenate(
        [
            g_pos - g_neg
            for _, g_pos, g_neg in reader.sampled(Span(0, reads), np.random.SeedSequence(2))
        ]
    )
    moments = reader.moments.matrices.per_weight(1 / K)
    variance = moments.total(reader.cells.reference_of)
    error = np.sqrt(variance / reads)
    np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - moments.mean), 5 * error + 1e-18)
    # Lognormal factors have a fourth moment of about 5 σ⁴: the variance has the error 2 σ²/√reads.
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=5 * 2 / reads**0.5, atol=1e-25)


def test_same_seed_same_cells_and_currents(rng):
    neurons = layer(HARDWARE["pair"], rng)
    one, other = (sampled_tiles(neurons, rng=3) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.g_pos, b.g_pos)
    assert not np.array_equal(one[0].g_pos, sampled_tiles(neurons, rng=4)[0].g_pos)
    x = rng.uniform(-1, 1, (1, 10))
    for seen, current in zip(one, tile_currents(neurons, x, rng=3), strict=True):
        lines = x[:, seen.tile.word_lines] if seen.tile.part != "bias" else np.ones((1, 1))
        np.testing.assert_allclose(current.i_pos[0], (0.1 * lines @ seen.g_pos)[0], rtol=1e-9)


def test_rows_of_tiles_that_are_converted_separately_keep_their_rows(rng):
    hardware = replace(HARDWARE["pair"], adc=Adc(12, per="tile"))
    neurons = NeuronArray.program(
        rng.uniform(-0.5, 0.5, (7, 10)), hardware, siemens_per_weight=K, converted=True, rng=1
    )
    tiles = physical_tiles(neurons)
    assert [(t.row, t.column) for t in tiles] == [(i, j) for i in range(3) for j in range(3)]
    assert [t.word_lines for t in tiles[::3]] == [slice(0, 4), slice(4, 8), slice(8, 10)]
    x = rng.uniform(-1, 1, (20, 10))
    u = summed(neurons, tile_currents(neurons, x, rng=5), 20)
    step = 2 * neurons.converters.limits.sum() / (2**12 - 1) / neurons.converters.amperes_per_weight
    np.testing.assert_allclose(u, neurons.read(x, rng=5), atol=step / 2)


def trapped(seconds, rng):
    """Return a layer whose cells have traps that wait so long [s] in each state."""
    noise = TelegraphNoise(amplitude=0.3, tau_capture=seconds, tau_emission=seconds)
    device = replace(QUIET, read_noise=noise)
    return layer(Hardware(device=device, **SMALL), rng, a=False, b=False)


def test_slow_traps_are_seen_as_they_are(rng):
    neurons = trapped(1e3, rng)
    seen = [
        np.concatenate([s.g_pos.ravel() for s in sampled_tiles(neurons, rng=i)]) for i in (1, 2)
    ]
    np.testing.assert_array_equal(*seen)
    cells = np.concatenate([t.g_pos.ravel() for t in physical_tiles(neurons)])
    assert len(np.unique((seen[0] / cells).round(12))) == 2


def test_traps_go_on_with_every_look(rng):
    neurons = trapped(1e-6, rng)
    before = np.array(neurons.main.noise_state.positive_cells)
    sampled_tiles(neurons, rng=3)
    assert not np.array_equal(before, neurons.main.noise_state.positive_cells)


def test_bad_inputs_are_refused(rng):
    neurons = layer(HARDWARE["quiet"], rng)
    with pytest.raises(ValueError, match=r"x has shape \(2, 9\); give \(any, 10\)"):
        tile_currents(neurons, np.zeros((2, 9)), rng=0)
    unknown = layer(replace(HARDWARE["quiet"], dac=Dac(4)), rng)
    with pytest.raises(ValueError, match="the DAC of the array has no range"):
        tile_currents(unknown, np.zeros((2, 10)), rng=0)
