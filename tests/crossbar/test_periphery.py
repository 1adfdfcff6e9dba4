"""Comparators, and the checks of `Hardware`."""

import numpy as np
import pytest

from crossbar import Comparator, DifferentialPair, Hardware
from crossbar.converters import Adc
from devices import BlankOut, Device, GaussianNoise, NoNoise, PowerLawNoise
from tests.helpers import reference
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)

N = 40_000
DEVICE = Device(g_min=1e-6, g_max=1e-5)


def test_offsets_are_normal_and_independent_between_comparators_and_chips(rng):
    comparator = Comparator(offset=2e-9)
    offsets = comparator.draw_offsets(N, rng=rng)
    assert_mean(offsets, 0)
    assert_variance(offsets, 4e-18, 0)
    first, again, other = (
        comparator.draw_offsets(5, rng=np.random.default_rng(s)) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("current", [-1e-9, 0.5e-9, 3e-9])
def test_over_chips_an_offset_comparator_fires_with_erf_of_the_current(current, rng):
    offsets = Comparator(offset=2e-9).draw_offsets(N, rng=rng)
    z = Comparator(offset=2e-9).compare(np.full((1, N), current), offsets)
    # P(i + offset ≥ 0) = Φ(i/σ_offset).
    assert_frequency((z == 1).sum(), N, reference.phi(current / 2e-9))


def test_on_one_chip_an_offset_is_the_same_at_every_read():
    offsets = np.array([1e-9, -1e-9])
    z = Comparator(offset=1e-9).compare(np.full((100, 2), 0.5e-9), offsets)
    np.testing.assert_array_equal(z, np.tile([1.0, -1.0], (100, 1)))


def test_noise_is_drawn_at_every_read_and_fires_with_erf_around_the_offset(rng):
    offsets = np.array([1e-9, 0.0, -2e-9])
    current = 0.5e-9
    z = Comparator(noise=2e-9).compare(
        np.full((N, 3), current), offsets, rng.standard_normal((N, 3))
    )
    assert set(np.unique(z)) == {-1.0, 1.0}
    # P = Φ((i + offset)/σ_noise), reads and comparators independent.
    for column, offset in zip(z.T, offsets, strict=True):
        assert_frequency((column == 1).sum(), N, reference.phi((current + offset) / 2e-9))
    assert_covariance(z[:-1], z[1:], 0)
    assert_covariance(z[:, 0], z[:, 1], 0)


def test_the_default_comparator_is_the_sign(rng):
    current = rng.standard_normal((50, 4))
    np.testing.assert_array_equal(
        Comparator().compare(current, Comparator().draw_offsets(4, rng=rng)), np.sign(current)
    )


def test_compare_leaves_its_input_alone(rng):
    current = np.ones((2, 2))
    Comparator(noise=1.0).compare(current, np.ones(2), rng.standard_normal((2, 2)))
    np.testing.assert_array_equal(current, np.ones((2, 2)))


def test_hardware_says_whether_a_gate_is_drawn_per_word_line():
    gate = BlankOut(0.5)
    assert Hardware(device=DEVICE, gate=gate, gate_sharing="word_line").gates_word_lines
    assert not Hardware(device=DEVICE, gate=gate, gate_sharing="pair").gates_word_lines
    assert not Hardware(device=DEVICE, gate=NoNoise(), gate_sharing="word_line").gates_word_lines


def test_gates_whose_noise_does_not_depend_on_the_conductance_are_accepted():
    for gate in (NoNoise(), BlankOut(0.3), GaussianNoise(0.5), PowerLawNoise(0.1, 1.0, 1e-6)):
        assert Hardware(device=DEVICE, gate=gate).gate == gate


def test_exact_hardware_is_ungated_and_keeps_range_and_mapping():
    hardware = Hardware(
        device=Device(g_min=1e-6, g_max=1e-5, levels=4, read_noise=GaussianNoise(0.1)),
        gate=BlankOut(),
    )
    assert hardware.ungated() == Hardware(device=hardware.device)
    assert hardware.exact() == Hardware(device=DEVICE, mapping=DifferentialPair())


def hardware(**changes):
    """Return a hardware with these fields."""
    return Hardware(**({"device": DEVICE} | changes))


BAD = [
    (
        lambda: Comparator(offset=-1e-9),
        r"Comparator\.offset = -1e-09 is not allowed",
    ),
    (lambda: Comparator(noise=float("nan")), r"Comparator\.noise = nan is not allowed"),
    (lambda: Comparator(noise="loud"), r"Comparator\.noise = 'loud' is not a number"),
    (
        lambda: hardware(device=1),
        r"Hardware\.device = 1 is not a Device; devices.preset\(name\) gives a published one",
    ),
    (lambda: hardware(gate=0.5), r"Hardware\.gate = 0\.5 is not a ReadNoise"),
    (lambda: hardware(mapping="pair"), r"Hardware\.mapping = 'pair' is not a WeightMapping"),
    (
        lambda: hardware(mapping=DifferentialPair),
        r"Hardware\.mapping = <class .*> is not a WeightMapping",
    ),
    (lambda: hardware(comparator=None), r"Hardware\.comparator = None is not a Comparator"),
    (lambda: hardware(adc=8), r"adc = 8 is not an Adc or None; .* is crossbar\.Adc\(8\)$"),
    (lambda: hardware(dac=8), r"dac = 8 is not a Dac or None; .* is crossbar\.Dac\(8\)$"),
    (lambda: hardware(adc=True), r"Hardware\.adc = True is not an Adc or None$"),
    (
        lambda: hardware(compensate_wires="false"),
        r"Hardware\.compensate_wires = 'false' is not allowed; give True or False",
    ),
    (lambda: hardware(adc=[Adc()] * 20), r"^Hardware\.adc = \[Adc\(.{60,120}\] is not an Adc or"),
    (lambda: hardware(wires=1.0), r"Hardware\.wires = 1\.0 is not a Wires or None"),
    (
        lambda: hardware(gate_sharing="pairs"),
        r"unknown gate_sharing 'pairs'; did you mean 'pair'\? Known: pair, cell, word_line",
    ),
    (
        lambda: hardware(bias="wordline"),
        r"unknown bias 'wordline'; did you mean 'word_line'\? Known: word_line, reference",
    ),
    (lambda: hardware(deterministic_path=None), r"unknown deterministic_path None"),
    (
        lambda: hardware(tile_shape=128),
        r"Hardware\.tile_shape = 128; give \(word lines, bit lines\)",
    ),
    (lambda: hardware(tile_shape=(1, 2, 3)), r"Hardware\.tile_shape = \(1, 2, 3\); give"),
    (
        lambda: hardware(tile_shape=(0, 128)),
        r"word lines = 0 is not allowed",
    ),
    (lambda: hardware(tile_shape=(128, 1.5)), r"bit lines = 1\.5 is not allowed"),
    (
        lambda: hardware(read_period=0),
        r"Hardware\.read_period = 0 is not allowed",
    ),
    (
        lambda: hardware(read_voltage=-0.1),
        r"Hardware\.read_voltage = -0\.1 is not allowed",
    ),
    (
        lambda: hardware(gate=PowerLawNoise(0.1, 0.5, 1e-6)),
        r"Hardware\.gate = PowerLawNoise\(.*\) depends on the cell's conductance",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
