"""Reads follow the operating point of the hardware, and series elements divide noise."""

import numpy as np
import pytest

from crossbar import Hardware, NeuronArray, ReferenceColumn, Tile, Wires
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    NoNoise,
    OperatingPoint,
    ProductNoise,
    SonosReadNoise,
    StochasticSelector,
    TelegraphNoise,
    ThermalShotNoise,
)
from tests.helpers.statistics import assert_mean, assert_variance

READS = 20_000
BOLTZMANN = 1.380649e-23
CHARGE = 1.602176634e-19
K = 99e-6  # siemens per weight
BANDWIDTH = 1e12  # so that thermal noise is not small
W = np.array([[1.0, -0.6, 0.0, 0.3], [-0.2, 0.5, 0.9, -1.0]])
INPUTS = {
    "signs": np.array([1.0, -1.0, 1.0, 1.0]),
    "with zeros": np.array([1.0, 0.0, 0.0, -1.0]),
    "real": np.array([0.3, -1.7, 0.0, 2.2]),
}


def device_with(noise):
    return Device(g_min=1e-6, g_max=100e-6, read_noise=noise)


def tile_with(noise, w=W, **options):
    """Return a tile of cells with a read noise, driven at 0.1 V."""
    hardware = Hardware(device=device_with(noise), **{"bandwidth": BANDWIDTH} | options)
    return Tile.program(w, hardware, siemens_per_weight=K, rng=0)


def conductances(w=W):
    """Return G+ and G- of a differential pair, (word lines, bit lines)."""
    return 1e-6 + K * np.maximum(w.T, 0), 1e-6 + K * np.maximum(-w.T, 0)


def current_variance(x, volts, temperature, shot):
    """Return S_I B of one siemens under inputs x [A²/S]: eq. of thermal and shot noise."""
    q = CHARGE * np.abs(x * volts) / (2 * BOLTZMANN * temperature)
    coth = np.where(q > 0, q / np.tanh(np.where(q > 0, q, 1)), 1)
    return 4 * BOLTZMANN * temperature * (1 - shot + shot * coth) * BANDWIDTH


@pytest.mark.parametrize("temperature", [4.0, 300.0, 600.0])
@pytest.mark.parametrize("volts", [0.01, 1.0])
def test_johnson_noise_follows_temperature_and_voltage(temperature, volts):
    tile = tile_with(ThermalShotNoise(), temperature=temperature, read_voltage=volts)
    g_pos, g_neg = conductances()
    # σ_I = √(4 k T G B), of both cells of every pair, in units of siemens_per_weight times volts.
    sigma_i = np.sqrt(4 * BOLTZMANN * temperature * BANDWIDTH * (g_pos + g_neg).sum(axis=0))
    _, variance = tile.moments(np.ones((1, 4)))
    np.testing.assert_allclose(np.sqrt(variance[0]), sigma_i / (K * volts), rtol=1e-9)
    u = tile.read(np.ones((READS, 4)), rng=1)
    assert_mean(u, W.sum(axis=1))
    assert_variance(u, variance[0], W.sum(axis=1))


GATES = {
    "no gate": (NoNoise(), "pair", 1.0),
    "pair": (BlankOut(0.25), "pair", 0.25),
    "cell": (BlankOut(0.25), "cell", 0.25),
    "cell by cell": (StochasticSelector.with_p(0.25, spread=1e-9), "pair", 0.25),
    "word line": (BlankOut(0.25), "word_line", 1.0),
    "leak": (StochasticSelector.with_p(0.25, leak=0.2), "cell", 0.4),
}


@pytest.mark.parametrize("shot", [0.0, 0.7])
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("case", GATES)
def test_what_cells_add_does_not_vanish_with_the_input(case, inputs, shot):
    gate, sharing, conducting = GATES[case]
    x = INPUTS[inputs]
    options = {"gate": gate, "gate_sharing": sharing, "read_voltage": 0.2, "temperature": 400.0}
    noisy = tile_with(ThermalShotNoise(shot=shot), **options)
    quiet = tile_with(NoNoise(), **options)
    of_x = current_variance(x, 0.2, 400.0, shot)
    if case == "word line":
        of_x = 0.25 * of_x + 0.75 * current_variance(0 * x, 0.2, 400.0, shot)
    g_pos, g_neg = conductances()
    added = conducting * of_x @ (g_pos + g_neg) / (K * 0.2) ** 2
    mean, variance = noisy.moments(x[None])
    of_gates = quiet.moments(x[None])
    np.testing.assert_allclose(mean, of_gates[0], rtol=1e-9)
    np.testing.assert_allclose(variance - of_gates[1], added[None], rtol=1e-9)
    for sampling in ("exact", "moments"):
        u = noisy.read(np.tile(x, (READS, 1)), rng=1, sampling=sampling)
        assert_mean(u, mean[0])
        assert_variance(u, variance[0], mean[0])


@pytest.mark.parametrize("gate", [NoNoise(), BlankOut(0.5)])
@pytest.mark.parametrize("sharing", ["pair", "cell"])
def test_outputs_share_the_thermal_noise_of_their_reference_column(sharing, gate):
    tile = tile_with(
        ThermalShotNoise(), mapping=ReferenceColumn(), gate=gate, gate_sharing=sharing, w=W / 2
    )
    x = np.zeros(4)  # without a signal the noise is all there is
    u = tile.read(np.tile(x, (READS, 1)), rng=1)
    _, variance = tile.moments(x[None])
    assert_variance(u, variance[0], 0.0)
    conducting = 1.0 if isinstance(gate, NoNoise) else 0.5
    both = conducting**2 if sharing == "pair" else conducting
    h = 4 * BOLTZMANN * 300 * BANDWIDTH / (K * 0.1) ** 2
    expected = both * h * tile.g_neg.sum()
    found = (u[:, 0] * u[:, 1]).mean()
    spread = np.sqrt((variance[0].prod() + expected**2) / READS)
    assert abs(found - expected) < 5 * spread


def test_thermal_noise_beside_traps_is_that_of_the_conductance_of_the_moment():
    noise = ProductNoise(TelegraphNoise(0.9, 1e-6, 1e-6), ThermalShotNoise())
    tile = tile_with(noise, w=np.array([[1.0]]), read_period=1e-3, temperature=3000.0)
    u = tile.read(np.zeros((READS, 1)), rng=1)[:, 0]
    # Half of the time the cell has a tenth of its conductance, and a tenth of the variance.
    h = 4 * BOLTZMANN * 3000 * BANDWIDTH / (K * 0.1) ** 2
    g = 101e-6
    assert_variance(u, 0.55 * h * g, 0.0)
    fourth = 3 * h**2 * ((0.1 * g) ** 2 + g**2) / 2
    assert np.mean(u**4) == pytest.approx(fourth, rel=0.15)
    np.testing.assert_allclose(tile.moments(np.zeros((1, 1)))[1], 0.55 * h * g, rtol=1e-9)


def test_sonos_noise_follows_the_read_voltage():
    for volts in (0.05, 0.2):
        tile = tile_with(SonosReadNoise(), read_voltage=volts)
        g_pos, g_neg = conductances()
        noise = SonosReadNoise(measured_at=OperatingPoint(voltage=volts))
        variance = sum((noise.moments(g)[1] * g**2).sum(axis=0) for g in (g_pos, g_neg))
        found = tile.moments(np.ones((1, 4)))[1][0]
        np.testing.assert_allclose(found, variance / K**2, rtol=1e-9)


def test_a_selector_conducts_as_the_read_voltage_says():
    gate = StochasticSelector.with_threshold(0.3, 0.05)
    for volts, p in ((0.3, 0.5), (0.35, 0.8413447)):
        tile = tile_with(NoNoise(), gate=gate, read_voltage=volts)
        mean, variance = tile.moments(np.ones((1, 4)))
        np.testing.assert_allclose(mean[0], p * W.sum(axis=1), rtol=1e-6)
        np.testing.assert_allclose(variance[0], p * (1 - p) * (W**2).sum(axis=1), rtol=1e-6)
        assert_mean(tile.read(np.ones((READS, 4)), rng=1), mean[0])


# A cell of 100 µS with 5 % noise behind 100 µS shows 2.5 %, behind 10 µS 0.45 %.
SERIES = {"half": (1e4, 0.025), "a tenth": (1e5, 0.05 / 11)}
PLACES = {
    "switch": lambda r: {"gate": StochasticSelector(z=20.0, on_conductance=1 / r)},
    "bernoulli": lambda r: {"gate": StochasticSelector.with_p(0.5, on_conductance=1 / r)},
    "transistor": lambda r: {"wires": Wires(r_row=0.0, r_col=0.0, r_access=r)},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("case", SERIES)
@pytest.mark.parametrize(
    "noise", [GaussianNoise(0.05), LognormalNoise(0.05), TelegraphNoise(0.1, 1e-6, 1e-6)]
)
def test_a_series_element_divides_relative_noise(noise, case, place):
    resistance, relative = SERIES[case]
    tile = tile_with(noise, w=np.array([[1.0]]), gate_sharing="cell", **PLACES[place](resistance))
    ones = np.ones((2_000, 1))
    g = np.array([100e-6, 1e-6])
    branch = g / (1 + g * resistance)
    np.testing.assert_allclose(tile.effective_weights, (branch[0] - branch[1]) / K, rtol=1e-9)
    mean_of_cell, variance_of_cell = noise.moments(g)
    sigma = np.sqrt(variance_of_cell) * branch / (1 + g * resistance)
    assert sigma[0] / branch[0] == pytest.approx(relative, rel=1e-9)
    mean = branch * (1 + (mean_of_cell - 1) / (1 + g * resistance))
    p = 0.5 if place == "bernoulli" else 1.0
    of_sum = p * (sigma**2).sum() + p * (1 - p) * (mean**2).sum()
    found, variance = tile.moments(ones[:1])
    np.testing.assert_allclose(found[0, 0], p * (mean[0] - mean[1]) / K, rtol=1e-9)
    np.testing.assert_allclose(variance[0, 0], of_sum / K**2, rtol=1e-9)
    u = tile.read(ones, rng=1)
    assert_mean(u[:, 0], found[0, 0])
    assert_variance(u[:, 0], variance[0, 0], found[0, 0])


@pytest.mark.parametrize("place", ["switch", "transistor"])
def test_noise_of_a_current_sees_the_current_of_the_branch(place):
    tile = tile_with(
        SonosReadNoise(), w=np.array([[1.0]]), gate_sharing="cell", **PLACES[place](1e5)
    )
    g = np.array([100e-6, 1e-6])
    branch = g / (1 + g * 1e5)
    noise = SonosReadNoise(measured_at=OperatingPoint(voltage=0.1))
    sigma = np.sqrt(noise.moments(branch)[1]) * branch / (1 + g * 1e5)
    found = tile.moments(np.ones((1, 1)))[1][0, 0]
    np.testing.assert_allclose(found, (sigma**2).sum() / K**2, rtol=1e-9)


def test_an_access_transistor_divides_noise_as_the_circuit_does():
    wires = Wires(r_row=1e-9, r_col=1e-9, r_access=2e4)
    tile = tile_with(GaussianNoise(0.05), wires=wires)
    g_pos, g_neg = conductances()
    v = np.ones(4)
    exact = sum(wires.noise_variance(g, v, (0.05 * g) ** 2) for g in (g_pos, g_neg))
    np.testing.assert_allclose(tile.moments(v[None])[1][0], exact / K**2, rtol=1e-6)


@pytest.mark.parametrize("place", ["switch", "transistor"])
def test_a_series_element_divides_programming_errors(place):
    tile = tile_with(NoNoise(), w=np.array([[0.5]]), **PLACES[place](1e4))
    sloppy = tile_with(NoNoise(), w=np.array([[0.5]]), **PLACES[place](1e4))
    positive, _ = sloppy.programmed.programming_variance()
    assert positive == 0
    step = 1e-9
    moved = Tile.program(np.array([[0.5 + step]]), tile.hardware, siemens_per_weight=K, rng=0)
    slope = (moved.effective_weights - tile.effective_weights)[0, 0] / step
    g = 1e-6 + 0.5 * K
    assert slope == pytest.approx(1 / (1 + g * 1e4) ** 2, rel=1e-4)


def test_drivers_with_a_voltage_drop_are_refused():
    with pytest.raises(
        ValueError, match=r"drops voltage, and gate_sharing = 'word_line'.*r_source"
    ):
        Hardware(
            device=device_with(NoNoise()),
            gate=StochasticSelector(on_conductance=1e-4),
            gate_sharing="word_line",
        )


BAD = [
    ({"bandwidth": 0}, r"Hardware\.bandwidth = 0 is not allowed; .* \(0, inf\) Hz"),
    ({"input_scale": 0}, r"Hardware\.input_scale = 0 is not allowed"),
    ({"input_scale": "auto"}, r"Hardware\.input_scale = 'auto' is unknown; give \"calibrated\""),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_conditions_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Hardware(device=device_with(NoNoise()), **options)


def test_hardware_with_two_thermal_noises_is_refused():
    two = ProductNoise(ThermalShotNoise(), ThermalShotNoise(shot=1.0))
    with pytest.raises(ValueError, match="has 2 factors ThermalShotNoise"):
        Hardware(device=device_with(two))


def test_reads_do_not_depend_on_how_they_are_batched():
    for gate in (NoNoise(), BlankOut(0.5), StochasticSelector(correlation=0.5)):
        hardware = Hardware(device=device_with(ThermalShotNoise()), gate=gate, bandwidth=BANDWIDTH)
        layer = [NeuronArray.program(W, hardware, siemens_per_weight=K, rng=0) for _ in range(2)]
        x = np.tile(INPUTS["with zeros"], (600, 1))
        u = layer[0].read(x, rng=3)
        from crossbar.reads.inputs import Inputs
        from crossbar.reads.span import Span

        seed = np.random.SeedSequence(3)
        parts = [
            layer[1].read_span(Inputs(x[a:b]), Span(a, b), seed)
            for a, b in ((0, 70), (70, 71), (71, 600))
        ]
        np.testing.assert_array_equal(np.concatenate(parts), u)
