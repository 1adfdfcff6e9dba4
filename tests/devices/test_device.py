"""The cell: levels, the order of what happens to a target, stuck cells, drift."""

import numpy as np
import pytest

import devices
from devices import (
    BlankOut,
    ConstantPulses,
    Device,
    Faults,
    LogTimeDrift,
    MetallicTemperature,
    NoDrift,
    NoFaults,
    NonlinearPulses,
    NoTemperature,
    PowerLawNoise,
    SetResetVariability,
    StateDependentError,
    StuckCells,
    WearOut,
    WriteVerify,
)
from tests.helpers.statistics import assert_frequency, assert_mean, assert_variance

CELLS = 40_000


def cell(**changes):
    return Device(**({"g_min": 1e-6, "g_max": 1e-5} | changes))


def test_levels_are_an_even_grid_and_targets_go_to_the_nearest():
    device = cell(levels=10)
    # Levels at 1, 2, ... 10 µS.
    np.testing.assert_allclose(device.step, 1e-6, rtol=1e-12)
    g = device.program(np.array([1e-6, 1.4e-6, 1.6e-6, 9.9e-6, 1e-5]), rng=0)
    np.testing.assert_allclose(g, [1e-6, 1e-6, 2e-6, 1e-5, 1e-5], rtol=1e-12)


@pytest.mark.parametrize("levels", [2, 5, 32])
def test_quantization_error_is_uniform_over_one_step(levels, rng):
    device = cell(levels=levels)
    target = rng.uniform(1e-6, 1e-5, CELLS)
    g = device.program(target, rng=0)
    assert len(np.unique(np.rint((g - 1e-6) / device.step))) == levels
    # Error within half a step; mean square step²/12.
    assert np.abs(g - target).max() <= device.step / 2 * (1 + 1e-9)
    assert_mean((g - target) ** 2, device.step**2 / 12)


def test_a_continuous_cell_has_no_step_and_keeps_its_target():
    target = np.array([1e-6, 3.3e-6, 1e-5])
    assert cell().step == 0
    np.testing.assert_array_equal(cell().program(target, rng=0), target)


def test_program_never_writes_into_its_input_nor_returns_it():
    target = np.array([1e-6, 5e-6])
    g = cell().program(target, rng=0)
    assert not np.shares_memory(g, target)


def test_on_off_ratio_is_the_quotient_of_the_ends():
    np.testing.assert_allclose(cell().on_off_ratio, 10, rtol=1e-12)
    assert cell(g_min=0).on_off_ratio == float("inf")


def test_same_seed_same_cells_and_another_seed_others():
    device = cell(write=StateDependentError(coefficients=(1e-7,)))
    target = np.full((3, 4), 5e-6)
    np.testing.assert_array_equal(device.program(target, rng=1), device.program(target, rng=1))
    assert not np.array_equal(device.program(target, rng=1), device.program(target, rng=2))


def test_a_generator_gives_new_cells_on_every_call(rng):
    device = cell(write=StateDependentError(coefficients=(1e-7,)))
    target = np.full(5, 5e-6)
    assert not np.array_equal(device.program(target, rng=rng), device.program(target, rng=rng))


def test_stuck_cells_are_binomial_counts_at_the_ends_of_the_range(rng):
    target = np.full(CELLS, 4e-6)
    g = cell(faults=StuckCells(p_stuck_lrs=0.1, p_stuck_hrs=0.03)).program(target, rng=rng)
    # Low-resistance state = high conductance; counts are binomial.
    assert_frequency((g == 1e-5).sum(), CELLS, 0.1)
    assert_frequency((g == 1e-6).sum(), CELLS, 0.03)
    assert_frequency((g == 4e-6).sum(), CELLS, 0.87)


def test_stuck_cells_are_independent_between_neighboring_cells(rng):
    g = StuckCells(p_stuck_lrs=0.2).apply(np.zeros(CELLS), 0.0, 1.0, rng=rng)
    # Both of a pair stuck: p².
    assert_frequency((g[::2] * g[1::2]).sum(), CELLS // 2, 0.04)


def test_a_stuck_cell_carries_the_programming_error_of_the_state_it_is_stuck_in(rng):
    device = cell(
        faults=StuckCells(p_stuck_lrs=1.0), write=StateDependentError(coefficients=(0, 0.01))
    )
    g = device.program(np.full(CELLS, 2e-6), rng=rng)
    # Order: stuck first, then σ(g) = 1 % of g_max, not of the target, and half of it is clipped.
    assert (g <= 1e-5).all()
    assert_mean((g - 1e-5) ** 2, (1e-7) ** 2 / 2)
    assert_mean(g, 1e-5 - 1e-7 / np.sqrt(2 * np.pi))


def test_all_cells_may_be_faulty():
    g = StuckCells(p_stuck_lrs=0.4, p_stuck_hrs=0.6).apply(
        np.full(1000, 0.5), 0.0, 1.0, rng=np.random.default_rng(0)
    )
    assert set(np.unique(g)) == {0.0, 1.0}


def test_no_faults_and_no_drift_leave_the_cell_alone(rng):
    g = np.array([1e-6, 5e-6])
    np.testing.assert_array_equal(NoFaults().apply(g, 1e-6, 1e-5, rng=rng), g)
    np.testing.assert_array_equal(cell(retention=NoDrift()).age(g, 1e6, rng=0), g)


@pytest.mark.parametrize("seconds", [1.0, 60.0, 86_400.0])
def test_drift_has_the_closed_form_in_log_time(seconds, rng):
    device = cell(retention=LogTimeDrift(mean=-8e-8, std=4e-7, std_rate=4e-8))
    g = np.full(CELLS, 5e-5)
    moved = device.age(g, seconds, rng=rng) - g
    # Mean · ln t and (std + std_rate ln t)², t in seconds.
    assert_mean(moved, -8e-8 * np.log(seconds) if seconds > 1 else 0.0)
    assert_variance(moved, (4e-7 + 4e-8 * np.log(seconds)) ** 2)


def test_published_drift_after_one_day_is_reproduced():
    drift = LogTimeDrift(mean=-8.90021e-8, std=4.11833e-7, std_rate=4.20114e-8)
    # CMO/HfOx at one day: mean shift −1.01 µS, spread 0.89 µS, to the printed digits.
    moved = drift.age(np.full(1_000_000, 5e-5), 86_400, rng=np.random.default_rng(3)) - 5e-5
    assert abs(moved.mean() * 1e6 + 1.01) <= 0.005
    assert abs(moved.std() * 1e6 - 0.89) <= 0.005


def test_programming_is_clipped_to_the_range_and_its_error_is_told_after_clipping(rng):
    device = cell(write=StateDependentError(coefficients=(2e-6,)))
    target = np.array([1e-6, 2e-6, 5.5e-6, 1e-5])
    g = device.program(np.tile(target, (CELLS, 1)), rng=rng)
    assert (g.min(), g.max()) == (1e-6, 1e-5)
    error = device.programming_error(target)
    assert_mean((g - target) ** 2, error**2)
    # At an end of the range half of the cells have no error: σ²/2, up to the other end.
    np.testing.assert_allclose(error[[0, 3]], 2e-6 / np.sqrt(2), rtol=1e-3)
    np.testing.assert_array_equal(device.write.sigma(target), 2e-6)
    np.testing.assert_array_equal(cell().programming_error(target), 0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda device, g: device.age(g, 1.0, rng=0),
        lambda device, g: device.gamma(g),
        lambda device, g: device.programming_error(g),
    ],
)
def test_conductances_in_microsiemens_are_refused(ask):
    with pytest.raises(ValueError, match=r"(g|target) holds 50 S, more than .*: 50 µS is 50e-6"):
        ask(cell(), np.array([50.0]))


def test_a_write_model_with_a_range_of_its_own_is_not_clipped(rng):
    binary = SetResetVariability.hennen2024()
    device = Device(g_min=1 / 75.5e3, g_max=1 / 4523.6, levels=2, write=binary)
    g = device.program(np.full(CELLS, device.g_max), rng=rng)
    # The end of the range is the median of the set state.
    assert_frequency((g > device.g_max).sum(), CELLS, 0.5)
    np.testing.assert_array_equal(
        device.programming_error(np.array([device.g_max])), binary.sigma(np.array([device.g_max]))
    )


def test_a_verified_normal_pulse_is_clipped_and_its_error_is_that_before():
    verified = WriteVerify(pulse=StateDependentError(coefficients=(2e-6,)), tolerance=1e-6)
    device = cell(write=verified)
    g = device.program(np.full(CELLS, 1e-5), rng=0)
    assert g.max() == 1e-5
    before = device.programming_error(np.array([1e-5]))
    assert before == verified.sigma(np.array([1e-5]))
    assert np.sqrt(np.mean((g - 1e-5) ** 2)) < before


def test_relaxation_within_the_first_second_begins_at_zero():
    drift = LogTimeDrift(mean=-1e-7, std=1e-7, std_rate=0)
    g = np.full(CELLS, 5e-6)
    for t in (0.25, 1.0):
        assert_mean((drift.age(g, t, rng=4) - g) ** 2, drift.spread(g, t) ** 2)
        np.testing.assert_allclose(drift.spread(g, t), 1e-7 * np.sqrt(t), rtol=1e-12)
    # After a nanosecond one cell in a billion has moved.
    for t in (0.0, 1e-9):
        np.testing.assert_array_equal(drift.age(g, t, rng=4), g)


def test_a_relaxation_that_programming_contains_adds_nothing_within_the_first_second():
    drift = LogTimeDrift(mean=-1e-7, std=1e-7, std_rate=2e-8, programmed_std=1e-7)
    g = np.full(CELLS, 5e-6)
    for t in (1e-9, 0.5, 1.0):
        np.testing.assert_array_equal(drift.age(g, t, rng=4), g)
    later = drift.age(g, 100.0, rng=4)
    extra = (1e-7 + 2e-8 * np.log(100)) ** 2 - 1e-7**2
    assert_variance(later, extra, 5e-6 - 1e-7 * np.log(100))
    with pytest.raises(
        ValueError, match=r"programmed_std = 2e-07 is not allowed; .*\[0, 1e-07\] S"
    ):
        LogTimeDrift(mean=0, std=1e-7, std_rate=0, programmed_std=2e-7)


def test_one_cell_drifts_along_one_path_of_independent_increments():
    drift = LogTimeDrift(mean=0, std=0, std_rate=1e-8)
    g = np.full(CELLS, 5e-6)
    ten, again, hundred = (drift.age(g, t, rng=4) - g for t in (10, 10, 100))
    np.testing.assert_array_equal(ten, again)
    # Cov = Var(10 s), so that the increment is independent of what was before.
    assert_mean(ten * hundred, (1e-8 * np.log(10)) ** 2)
    assert_mean(hundred**2, (1e-8 * np.log(100)) ** 2)


def test_drift_is_floored_at_zero_conductance():
    g = LogTimeDrift(mean=-1e-6, std=0, std_rate=0).age(
        np.array([1e-6, 1e-5]), np.e**5, rng=np.random.default_rng(0)
    )
    np.testing.assert_allclose(g, [0, 5e-6], rtol=1e-12)


def test_an_empty_cell_may_conduct_nothing():
    device = cell(g_min=0)
    np.testing.assert_array_equal(device.program(np.array([0.0, 1e-5]), rng=0), [0, 1e-5])
    assert cell(g_min=0, levels=3).step == 5e-6


def test_by_default_a_cell_has_no_temperature_law_and_no_pulses():
    assert cell().temperature_law == NoTemperature()
    assert cell().pulses is None
    np.testing.assert_array_equal(
        cell().temperature_law.factor(np.array([1e-6, 5e-6]), 400.0), [1, 1]
    )


def test_programming_and_aging_do_not_depend_on_temperature_law_and_pulses():
    target = np.full(1000, 4e-6)
    options = {
        "write": StateDependentError(coefficients=(1e-7,)),
        "retention": LogTimeDrift(mean=0, std=1e-7, std_rate=0),
    }
    plain = cell(**options)
    rich = cell(
        **options,
        temperature_law=MetallicTemperature(alpha=0.01, t_ref=100.0),
        pulses=NonlinearPulses(g_min=1e-6, g_max=1e-5, pulses=32, c2c=0.1),
    )
    np.testing.assert_array_equal(rich.program(target, rng=1), plain.program(target, rng=1))
    np.testing.assert_array_equal(rich.age(target, 1e4, rng=1), plain.age(target, 1e4, rng=1))


def test_worn_cells_are_stuck_before_the_programming_error(rng):
    worn = WearOut(cycles=1e6, characteristic_life=1e6, shape=1.0, p_lrs=1.0)
    g = cell(faults=worn, write=StateDependentError(coefficients=(0, 0.01))).program(
        np.full(CELLS, 2e-6), rng=rng
    )
    # 1 − 1/e have failed and sit at g_max with 1 % of error, far from 2 µS with its own 1 %.
    assert_frequency((g > 5e-6).sum(), CELLS, 1 - np.exp(-1))
    # Clipped at g_max, where half of the errors would be above it.
    assert_mean((g[g > 5e-6] - 1e-5) ** 2, (1e-7) ** 2 / 2)
    assert_variance(g[g < 5e-6], (2e-8) ** 2, 2e-6)


def test_gamma_is_the_exponent_of_the_read_noise():
    device = cell(read_noise=PowerLawNoise(0.1, 0.35, 1e-5))
    np.testing.assert_allclose(device.gamma(np.array([1e-6, 1e-5])), 0.35, rtol=1e-6)
    assert np.isnan(cell().gamma(np.array([5e-6]))).all()  # no noise, no exponent


BAD = [
    (
        lambda: cell(g_min=-1e-6),
        r"Device\.g_min = -1e-06 is not allowed; give a finite number in \[0, inf\) S",
    ),
    (lambda: cell(g_min=float("nan")), r"Device\.g_min = nan is not allowed"),
    (
        lambda: cell(g_max=50),
        r"Device\.g_max = 50 S is more than any device .*: 50 µS is 50e-6",
    ),
    (
        lambda: cell(g_max=0),
        r"Device\.g_max = 0 is not allowed; give a finite number in \(0, inf\) S",
    ),
    (lambda: cell(g_max="high"), r"Device\.g_max = 'high' is not a number"),
    (lambda: cell(g_min=1e-5), r"Device\.g_min = 1e-05 S must be below g_max = 1e-05 S"),
    (lambda: cell(g_min=2e-5), r"Device\.g_min = 2e-05 S must be below g_max = 1e-05 S"),
    (
        lambda: cell(levels=1),
        r"Device\.levels = 1 is not allowed; give a whole number of at least 2",
    ),
    (lambda: cell(levels=2.5), r"Device\.levels = 2\.5 is not allowed"),
    (lambda: cell(levels=True), r"Device\.levels = True is not allowed"),
    (lambda: cell(write=BlankOut()), r"Device\.write = BlankOut\(p=0\.5\) is not a WriteModel"),
    (
        lambda: cell(read_noise=0.1),
        r"Device\.read_noise = 0\.1 is not a ReadNoise; give a model, such as GaussianNoise\(",
    ),
    (
        lambda: cell(read_noise=BlankOut),
        r"Device\.read_noise = .* is not a ReadNoise; give an object of this class, BlankOut\(",
    ),
    (lambda: cell(retention=None), r"Device\.retention = None is not a Retention"),
    (lambda: cell(faults=0.1), r"Device\.faults = 0\.1 is not a Faults"),
    (
        lambda: cell(temperature_law=300.0),
        r"Device\.temperature_law = 300\.0 is not a TemperatureLaw",
    ),
    (lambda: cell(temperature_law=None), r"Device\.temperature_law = None is not a TemperatureLaw"),
    (
        lambda: cell(pulses=32),
        r"Device\.pulses = 32 is not a PulseResponse or None; give a model, such as LinearPulses\(",
    ),
    (
        lambda: cell(pulses=BlankOut()),
        r"Device\.pulses = BlankOut\(p=0\.5\) is not a PulseResponse or None",
    ),
    (
        lambda: cell(write=ConstantPulses(g_min=1e-6, g_max=1e-5, step=0.1)),
        r"Device\.write = ConstantPulses\(.*\) is not a WriteModel",
    ),
    (lambda: cell().gamma([np.nan]), r"g holds 1 values that are NaN or infinite"),
    (
        lambda: cell().program([1e-6, np.nan], rng=0),
        r"target holds 1 values that are NaN or infinite",
    ),
    (lambda: cell().program(["a"], rng=0), r"target is not an array of real numbers \(got list\)"),
    (
        lambda: cell().program(np.array([1e-6 + 1j]), rng=0),
        r"target is not an array of real numbers \(got ndarray\)",
    ),
    (
        lambda: cell().program([[1e-6], [1e-6, 2e-6]], rng=0),
        r"target is not an array of real numbers",
    ),
    (
        lambda: cell().program([5e-7, 5e-6], rng=0),
        r"target conductances range from 5e-07 to 5e-06 S, outside .* 1e-06 to 1e-05 S",
    ),
    (
        lambda: cell().program([2e-5], rng=0),
        r"map the weights with a smaller siemens_per_weight, or clip them",
    ),
    (lambda: cell().program([5e-6], rng=-1), r"rng = -1 is not allowed; give a seed"),
    (lambda: cell().program([5e-6], rng="seed"), r"rng = 'seed' is not allowed; give a seed"),
    (
        lambda: cell().age([5e-6], -1, rng=0),
        r"seconds = -1 is not allowed; give a finite number in \[0, inf\) s",
    ),
    (lambda: cell().age([5e-6], float("nan"), rng=0), r"seconds = nan is not allowed"),
    (lambda: cell().age([np.inf], 1, rng=0), r"g holds 1 values that are NaN or infinite"),
    (lambda: cell().age([5e-6], 1, rng=1.5), r"rng = 1\.5 is not allowed; give a seed"),
    (
        lambda: StuckCells(p_stuck_lrs=1.1),
        r"StuckCells\.p_stuck_lrs = 1\.1 is not allowed; give a finite number in \[0, 1\]",
    ),
    (lambda: StuckCells(p_stuck_hrs=-0.1), r"StuckCells\.p_stuck_hrs = -0\.1"),
    (
        lambda: StuckCells(p_stuck_lrs=0.6, p_stuck_hrs=0.6),
        r"StuckCells\.p_stuck_lrs \+ p_stuck_hrs = 1\.2",
    ),
    (lambda: LogTimeDrift(mean=np.nan, std=0, std_rate=0), r"LogTimeDrift\.mean = nan"),
    (lambda: LogTimeDrift(mean=0, std=-1, std_rate=0), r"LogTimeDrift\.std = -1"),
    (lambda: LogTimeDrift(mean=0, std=0, std_rate=-1), r"LogTimeDrift\.std_rate = -1"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_abstract_models_cannot_be_built():
    with pytest.raises(TypeError, match="abstract"):
        Faults()


@pytest.mark.parametrize(
    "slot", ["write", "read_noise", "retention", "faults", "temperature_law", "iv", "pulses"]
)
def test_the_models_that_messages_name_can_be_made(slot):
    with pytest.raises(ValueError, match="give a model, such as ") as refused:
        cell(**{slot: 0.1})
    for model in str(refused.value).split("such as ")[1].split(" or "):
        cell(**{slot: eval(model, vars(devices))})
