"""Layers u_i = Σ_j (ξ_ij + a_i) w_ij x_j + b_i: deterministic path, bias, programming error."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import BalancedPair, DifferentialPair, Hardware, NeuronArray, ReferenceColumn
from crossbar.arrays import precision
from devices import (
    BlankOut,
    Device,
    GaussianNoise,
    LognormalNoise,
    LogTimeDrift,
    StuckCells,
)
from tests.helpers import reference
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
    row_with_margin,
)
from tests.helpers.unbounded_error import UnboundedError

FAN_IN = 300
READS = 20_000
DEVICE = Device(g_min=1e-6, g_max=1e-5)
ERROR = UnboundedError(coefficients=(1e-7, 0.01))
sharings = pytest.mark.parametrize("sharing", ["pair", "cell", "word_line"])
paths = pytest.mark.parametrize("path", ["programmed", "ideal"])
samplings = pytest.mark.parametrize("sampling", ["exact", "moments"])


def neurons_of(w, *, a=None, b=None, rng=0, k=None, device=DEVICE, **hardware):
    """Return a programmed layer; `k` [S] is siemens per weight, None to fill the range."""
    hardware = Hardware(**({"device": device, "gate": BlankOut(0.5)} | hardware))
    w = np.atleast_2d(w)
    k = k or hardware.mapping.siemens_per_weight(np.abs(w).max(), device)
    return NeuronArray.program(w, hardware, siemens_per_weight=k, a=a, b=b, rng=rng)


@sharings
@paths
def test_the_deterministic_path_shifts_the_mean_by_a_w_x_and_is_not_gated(sharing, path, rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    x = rng.choice([-1.0, 1.0], FAN_IN)
    a = np.array([0.7, -0.4])
    plain, shifted = (
        neurons_of(w, a=factors, gate_sharing=sharing, deterministic_path=path)
        for factors in (None, a)
    )
    mean, variance = plain.moments(x[None])
    m, v = shifted.moments(x[None])
    # E u = (p + a) w·x; the ungated deterministic path, free of noise here, adds no variance.
    np.testing.assert_allclose(mean[0], 0.5 * w @ x, rtol=1e-9)
    np.testing.assert_allclose(m[0], (0.5 + a) * (w @ x), rtol=1e-9)
    np.testing.assert_allclose(v, variance, rtol=1e-12)
    u = shifted.read(np.tile(x, (READS, 1)), rng=1)
    assert_mean(u, (0.5 + a) * (w @ x))
    assert_variance(u, variance[0])


@samplings
def test_neurons_with_deterministic_path_and_bias_fire_with_equation_4(sampling, rng):
    z = rng.choice([-1.0, 1.0], FAN_IN)
    w = row_with_margin(rng, z, 1.0)
    a = 0.3
    b = -1.5
    neurons = neurons_of(w, a=[a], b=[b])
    u = neurons.read(z[None], rng=1, sampling=sampling, reads_per_input=READS)
    # Eq. 4 with b: ½ (1 + erf([(p + a) w·z + b]/(√(2 p (1 − p)) ‖w‖))), one gate per pair.
    expected = reference.firing_probability((0.5 + a) * w @ z + b, 0.25 * w @ w)
    assert_frequency((u > 0).sum(), READS, expected)


@pytest.mark.parametrize("noise", [GaussianNoise(0.3), LognormalNoise(0.3)])
@samplings
def test_only_a_programmed_deterministic_path_adds_read_noise_by_a_squared(noise, sampling, rng):
    w = rng.uniform(-1, 1, FAN_IN)
    x = rng.choice([-1.0, 1.0], FAN_IN)
    a = -0.8
    device = replace(DEVICE, read_noise=noise)
    variances = {}
    for path in ("none", "ideal", "programmed"):
        neurons = neurons_of(
            w, a=None if path == "none" else [a], device=device, deterministic_path=path
        )
        u = neurons.read(np.tile(x, (READS, 1)), rng=1, sampling=sampling)
        variances[path] = neurons.moments(x[None])[1][0, 0]
        assert_variance(u[:, 0], variances[path])
    k = neurons.siemens_per_weight
    g = np.concatenate(reference.conductances([w], 1e-6, 1e-5, k, "DifferentialPair"))
    # A programmed path adds a² v Σ(G+² + G-²)/k².
    np.testing.assert_allclose(variances["ideal"], variances["none"], rtol=1e-12)
    np.testing.assert_allclose(
        variances["programmed"] - variances["none"], a**2 * 0.09 * (g**2).sum() / k**2, rtol=1e-9
    )


def test_the_deterministic_path_is_programmed_independently_of_the_main_array(rng):
    w = rng.uniform(-1, 1, (128, FAN_IN))
    neurons = neurons_of(w, a=np.ones(128), device=replace(DEVICE, write=ERROR))
    main, path = (part.weights - w for part in (neurons.main, neurons.deterministic_path))
    # Two draws of the same error: same size, no covariance.
    assert_variance(path.ravel(), (main**2).mean(), 0)
    assert_covariance(main.ravel(), path.ravel(), 0)


def test_an_ideal_deterministic_path_has_no_error_faults_levels_or_drift(rng):
    w = rng.uniform(-1, 1, (3, FAN_IN))
    drift = LogTimeDrift(mean=-1e-8, std=1e-7, std_rate=0)
    device = replace(
        DEVICE, write=ERROR, levels=4, faults=StuckCells(p_stuck_lrs=0.1), retention=drift
    )
    neurons = neurons_of(w, a=np.ones(3), device=device, deterministic_path="ideal")
    neurons.age(1e4)
    before = neurons.main.weights
    neurons.fail(StuckCells(p_stuck_hrs=0.5), rng=0)
    np.testing.assert_allclose(neurons.deterministic_path.weights, w, rtol=1e-12, atol=1e-12)
    assert not np.allclose(neurons.main.weights, before, rtol=0.01)
    assert not np.allclose(neurons.main.weights, w, rtol=0.01)


def test_a_deterministic_path_is_built_only_if_some_a_differs_from_zero():
    assert neurons_of(np.ones((2, 3)), a=[0, 0]).deterministic_path is None
    assert neurons_of(np.ones((2, 3)), a=[0, 0.1]).deterministic_path is not None
    assert (
        neurons_of(np.ones((2, 3)), a=[0, 0], deterministic_path="none").deterministic_path is None
    )


@pytest.mark.parametrize(
    "mapping",
    [DifferentialPair(), BalancedPair(), ReferenceColumn()],
    ids=lambda m: type(m).__name__,
)
def test_bias_lines_are_as_many_as_the_largest_bias_needs(mapping):
    for largest, lines in ((0.5, 1), (1.0, 1), (1.5, 2), (3.0, 3)):
        neurons = neurons_of(np.ones((2, 3)), b=[largest, -0.2], mapping=mapping)
        assert neurons.bias_lines.inputs == lines
        np.testing.assert_allclose(
            neurons.moments(np.zeros((1, 3)))[0], [[largest, -0.2]], rtol=1e-12
        )


@samplings
def test_bias_word_lines_follow_a_common_gain_and_the_reference_bias_does_not(sampling, rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    b = np.array([0.8, -2.5])
    for bias, kept in (("word_line", 0.25), ("reference", 1.0)):
        neurons = neurons_of(w, b=b, bias=bias)
        neurons.scale_conductances(0.25)
        u = neurons.read(np.zeros((3, FAN_IN)), rng=1, sampling=sampling)
        # No input: u is the bias alone, read without a gate.
        np.testing.assert_allclose(u, np.tile(kept * b, (3, 1)), rtol=1e-12)
        assert (neurons.bias_lines is None) == (bias == "reference")


@samplings
def test_bias_word_lines_are_ungated_but_carry_the_cells_noise(sampling, rng):
    neurons = neurons_of(
        np.ones((1, FAN_IN)), b=[0.5], device=replace(DEVICE, read_noise=LognormalNoise(0.3))
    )
    u = neurons.read(np.zeros((READS, FAN_IN)), rng=1, sampling=sampling)[:, 0]
    # One line: k = 9 µS per weight, G⁺ = 1 + 4.5 µS, G⁻ = 1 µS: Var = .09 (5.5² + 1²)/9².
    assert_mean(u, 0.5)
    assert_variance(u, 0.09 * (5.5**2 + 1) / 81)
    np.testing.assert_allclose(
        neurons.moments(np.zeros((1, FAN_IN)))[1][0, 0], 0.09 * (5.5**2 + 1) / 81, rtol=1e-12
    )


def test_bias_lines_are_programmed_with_the_devices_error():
    chips = [
        neurons_of(
            np.ones((100, 2)), b=np.full(100, 0.5), device=replace(DEVICE, write=ERROR), rng=r
        )
        for r in range(50)
    ]
    bias = np.ravel([chip.moments(np.zeros((1, 2)))[0] for chip in chips])
    # σ(G) = 0.1 µS + 0.01 G at 5.5 and 1 µS, k = 9 µS.
    assert_mean(bias, 0.5)
    assert_variance(bias, (0.155**2 + 0.11**2) / 81)


@pytest.mark.parametrize("levels", [None, 16])
def test_static_to_noise_ratio_is_that_of_its_formula(levels, rng):
    w = rng.uniform(-1, 1, (3, FAN_IN))
    a = np.array([0.0, 0.5, -0.986])
    write = UnboundedError(coefficients=(2e-7,))
    neurons = neurons_of(
        w, a=a, device=replace(DEVICE, write=write, levels=levels), deterministic_path="programmed"
    )
    k = neurons.siemens_per_weight
    step = 0 if levels is None else 9e-6 / 15
    # Main array and deterministic path: ((E ξ)² + a²) Σ(σ²(G+) + σ²(G-) + 2 step²/12)/k² over
    # Var u at x = ±1, here ¼ Σ w² of the programmed weights, with E ξ = ½.
    static = (0.25 + a**2 * (a != 0)) * FAN_IN * 2 * ((2e-7) ** 2 + step**2 / 12) / k**2
    expected = static / (0.25 * (neurons.main.weights**2).sum(axis=1))
    np.testing.assert_allclose(precision.static_to_noise_ratio(neurons), expected, rtol=1e-12)


def test_static_to_noise_ratio_is_the_variance_over_chips_by_the_variance_over_reads(rng):
    w = rng.uniform(-1, 1, FAN_IN)
    a = -0.7
    z = rng.choice([-1.0, 1.0], FAN_IN)
    rows = np.tile(w, (128, 1))
    factors = np.full(128, a)
    neurons = neurons_of(
        rows, a=factors, device=replace(DEVICE, write=ERROR), tile_shape=(512, 128)
    )
    chips = [neurons] + [
        neurons_of(rows, a=factors, device=replace(DEVICE, write=ERROR), rng=r)
        for r in range(1, 60)
    ]
    shift = np.ravel([chip.moments(z[None])[0] for chip in chips])
    noise = neurons.moments(z[None])[1].mean()
    # σ(G) is taken at the programmed G, not at the target: 1 % of the error of the error, far below
    # 5 SE of 7,680 rows.
    assert_variance(shift, precision.static_to_noise_ratio(neurons).mean() * noise)


def test_static_to_noise_ratio_is_zero_without_error_and_infinite_without_noise(rng):
    w = rng.uniform(-1, 1, (2, FAN_IN))
    noisy = replace(DEVICE, write=ERROR)
    np.testing.assert_array_equal(precision.static_to_noise_ratio(neurons_of(w, a=[1, 1])), [0, 0])
    ideal = neurons_of(w, a=[1, 1], device=noisy, deterministic_path="ideal")
    # An ideal path leaves the error of the main array alone.
    np.testing.assert_array_equal(
        precision.static_to_noise_ratio(ideal),
        precision.static_to_noise_ratio(neurons_of(w, device=noisy)),
    )
    silent = Hardware(device=noisy)
    neurons = NeuronArray.program(w, silent, siemens_per_weight=1e-6, a=[1, 0], rng=0)
    np.testing.assert_array_equal(precision.static_to_noise_ratio(neurons), [np.inf, np.inf])


@pytest.mark.parametrize("levels", [None, 16])
def test_static_to_noise_ratio_ignores_a_common_gain(levels, rng):
    # A common gain multiplies the programming error and the noise of the gate alike.
    device = replace(DEVICE, write=UnboundedError(coefficients=(2e-7,)), levels=levels)
    neurons = neurons_of(rng.uniform(-1, 1, (2, FAN_IN)), a=[0.5, -0.9], device=device)
    before = precision.static_to_noise_ratio(neurons)
    neurons.scale_conductances(0.25)
    np.testing.assert_allclose(precision.static_to_noise_ratio(neurons), before, rtol=1e-12)


def test_same_seed_same_neurons_and_same_reads(rng):
    w = rng.uniform(-1, 1, (2, 20))
    x = rng.choice([-1.0, 1.0], (5, 20))
    options = {
        "a": [0.5, -0.5],
        "b": [0.3, 0.1],
        "device": replace(DEVICE, write=ERROR, read_noise=LognormalNoise(0.2)),
    }
    one, same, other = (neurons_of(w, rng=seed, **options) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.read(x, rng=3), same.read(x, rng=3))
    assert not np.array_equal(one.read(x, rng=3), other.read(x, rng=3))
    assert not np.array_equal(one.read(x, rng=3), one.read(x, rng=4))


def test_main_array_and_deterministic_path_draw_their_read_noise_independently(rng):
    w = rng.uniform(-1, 1, (1, FAN_IN))
    neurons = neurons_of(w, a=[1.0], device=replace(DEVICE, read_noise=GaussianNoise(0.3)))
    u = neurons.read(np.ones((READS, FAN_IN)), rng=1)[:, 0]
    # A shared draw would double the cross term: Var u = Var main + a² Var path
    # holds only for independent draws.
    x = np.ones((1, FAN_IN))
    assert_variance(
        u, (neurons.main.moments(x)[1] + neurons.deterministic_path.moments(x)[1])[0, 0]
    )


def test_age_reaches_main_array_deterministic_path_and_bias_lines(rng):
    device = replace(DEVICE, retention=LogTimeDrift(mean=0, std=1e-7, std_rate=0))
    neurons = neurons_of(rng.uniform(-1, 1, (2, 20)), a=[1, 1], b=[0.5, 0.5], device=device)
    parts = (neurons.main, neurons.deterministic_path, neurons.bias_lines)
    before = [part.weights for part in parts]
    neurons.age(10.0)
    assert all((part.weights != old).all() for part, old in zip(parts, before, strict=True))


W = np.array([[0.5, -0.5, 1.0]])
BAD = [
    (
        lambda: neurons_of(W, a=[0.5], deterministic_path="none"),
        r'deterministic_path = "none" needs every a_i = 0, but they range from 0\.5 to 0\.5',
    ),
    (lambda: neurons_of(W, a=[0.5, 0.5]), r"a has shape \(2,\); give \(1\)"),
    (lambda: neurons_of(W, a=[np.nan]), r"a holds 1 values that are NaN or infinite"),
    (lambda: neurons_of(W, b=[[0.5]]), r"b has shape \(1, 1\); give \(1\)"),
    (lambda: neurons_of(W, b=[np.inf]), r"b holds 1 values that are NaN or infinite"),
    (lambda: neurons_of(W, b=["one"]), r"b is not an array of real numbers"),
    (lambda: neurons_of([[np.nan]], k=1e-6), r"w holds 1 values that are NaN or infinite"),
    (lambda: neurons_of(W, k=1e-5), r"weights up to \|w\| = 1 do not fit"),
    (lambda: neurons_of(W, rng=-1), r"rng = -1 is not allowed"),
    (lambda: neurons_of(W).read(np.ones((1, 2)), rng=0), r"x has shape \(1, 2\); give \(any, 3\)"),
    (lambda: neurons_of(W).read(np.ones((1, 3)), rng=0.5), r"rng = 0\.5 is not allowed"),
    (
        lambda: neurons_of(W).read(np.ones((1, 3)), rng=0, sampling="x"),
        r"unknown sampling 'x'.* Known: exact, moments",
    ),
    (lambda: neurons_of(W).age(-1), r"seconds = -1 is not allowed"),
    (lambda: neurons_of(W).scale_conductances(0), r"factor = 0 is not allowed"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
