"""Arrays whose cells answer pulses, against closed forms and against the responses of devices."""

import numpy as np
import pytest

import crossbar
import devices
from crossbar.arrays.pulsed import PulsedArray
from devices import (
    ConstantPulses,
    ExpStepPulses,
    LinearPulses,
    NonlinearPulses,
    PiecewisePulses,
    PowerPulses,
    SoftBoundsPulses,
)

RANGE = {"g_min": 1e-6, "g_max": 1e-4}
#: An example of every law, with differences between devices and without noise of pulses.
LAWS = [
    ConstantPulses(step=0.02, d2d_step=0.3, d2d_w_max=0.1, **RANGE),
    LinearPulses(step=0.02, decrease_up=0.4, decrease_down=0.7, d2d_step=0.2, **RANGE),
    SoftBoundsPulses(step=0.1, d2d_step=0.3, d2d_w_max=0.2, d2d_up_down=0.1, **RANGE),
    ExpStepPulses(
        step=0.02,
        a=-0.5,
        b=-0.5,
        a_up=0.3,
        a_down=0.2,
        gamma_up=1.0,
        gamma_down=0.8,
        d2d_w_min=0.1,
        **RANGE,
    ),
    PowerPulses(step=0.05, gamma_up=1.7, gamma_down=0.6, d2d_step=0.2, **RANGE),
    PiecewisePulses(step=0.05, up=(1.0, 0.8, 0.2), down=(0.3, 0.9, 1.1), d2d_step=0.2, **RANGE),
    NonlinearPulses(pulses=100, nl_up=5.0, nl_down=-5.0, **RANGE),
    NonlinearPulses(pulses=32, nl_up=1.75, nl_down=1.46, d2d_nl=0.3, **RANGE),
    NonlinearPulses(pulses=50, nl_up=0.0, nl_down=0.0, **RANGE),
]


def array_of(response, *, shape=(12, 20), mapping=None, rng=0, w=None, **fields):
    device = devices.Device(pulses=response, **RANGE, **fields)
    mapping = crossbar.BalancedPair() if mapping is None else mapping
    hardware = crossbar.Hardware(device=device, mapping=mapping, tile_shape=(16, 8))
    if w is None:
        w = np.random.default_rng(5).uniform(-0.9, 0.9, shape)
    k = mapping.siemens_per_weight(1.0, device)
    return crossbar.TiledArray.program(w, hardware, siemens_per_weight=k, rng=rng)


@pytest.mark.parametrize("response", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("mapping", [crossbar.BalancedPair(), crossbar.ReferenceColumn()])
def test_pulses_do_to_tiles_what_the_response_does_to_cells(response, mapping):
    array = array_of(response, mapping=mapping)
    before = array.tiles[1][1]
    n = np.random.default_rng(1).integers(-4, 5, (12, 20))
    of_tile = n[8:, 16:].T
    expected = response.respond(before.g_pos, of_tile, before.pulse_cells(0), rng=0)
    array.pulse(n, rng=3)
    moved = of_tile != 0
    np.testing.assert_allclose(
        array.tiles[1][1].g_pos[moved], expected[moved], rtol=2e-5, atol=1e-10
    )
    if not mapping.shares_reference:
        down = response.respond(
            array_of(response).tiles[1][1].g_neg, -of_tile, before.pulse_cells(1), rng=0
        )
        np.testing.assert_allclose(
            array.tiles[1][1].g_neg[moved], down[moved], rtol=2e-5, atol=1e-10
        )


def test_cells_without_pulses_stay_as_they_are():
    array = array_of(LAWS[2])
    before = array.weights
    n = np.zeros((12, 20), dtype=int)
    n[3, 4] = 1
    array.pulse(n, rng=0)
    changed = ~np.isclose(array.weights, before, rtol=0, atol=1e-6)
    assert np.argwhere(changed).tolist() == [[3, 4]]


def test_soft_bounds_leave_the_closed_fraction_of_the_way_and_converge():
    # After n pulses the fraction (1 − α/w_max)^n of the distance to the bound is left.
    response = SoftBoundsPulses(step=0.1, **RANGE)
    array = array_of(response, mapping=crossbar.ReferenceColumn(), w=np.zeros((3, 4)))
    pulsed = PulsedArray(array, rng=0)
    pulsed.pulse(np.full((3, 4), 7))
    np.testing.assert_allclose(pulsed.weights, 1 - 0.9**7, rtol=1e-5)
    pulsed.pulse(np.full((3, 4), 400))
    np.testing.assert_allclose(pulsed.weights, 1.0, rtol=1e-5)
    for _ in range(300):  # alternating pulses lead to the symmetry point of a pair of equal laws
        pulsed.pulse(np.full((3, 4), -1))
        pulsed.pulse(np.full((3, 4), 1))
    # Just after a pulse up, w = 1 − 0.9 (1 − w') with w' = 0.9 w − 0.1: w = 0.1/1.9.
    np.testing.assert_allclose(pulsed.weights, 0.1 / 1.9, rtol=1e-4)


def test_the_variance_of_noisy_soft_bounds_is_that_of_the_closed_form():
    # Var = d² {[q² + (α s)²]^n − q^(2n)}, q = 1 − α, d the distance to the bound at the start.
    alpha, s, n = 0.1, 0.4, 6
    response = SoftBoundsPulses(step=alpha, c2c=s, **RANGE)
    array = array_of(response, mapping=crossbar.ReferenceColumn(), w=np.zeros((100, 100)))
    pulsed = PulsedArray(array, rng=2)
    pulsed.pulse(np.full((100, 100), n))
    q = 1 - alpha
    expected = (q**2 + (alpha * s) ** 2) ** n - q ** (2 * n)
    size = pulsed.weights.size
    assert pulsed.weights.mean() == pytest.approx(1 - q**n, abs=4 * np.sqrt(expected / size))
    assert pulsed.weights.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / size) + 0.02)


def test_the_mean_of_coincidences_is_the_rank_one_update():
    response = ConstantPulses(step=2 / 1200, **RANGE)
    shape = (8, 12)
    random = np.random.default_rng(0)
    e, x = random.normal(size=8), random.uniform(-1, 1, 12)
    array = array_of(response, mapping=crossbar.ReferenceColumn(), w=np.zeros(shape))
    pulsed = PulsedArray(array, rng=1)
    rate, updates = 1e-3, 400
    # No probability reaches 1, so that the expectation is exact.
    largest = np.abs(e).max() * np.abs(x).max() * rate / (31 * pulsed.step)
    assert largest < 1
    for _ in range(updates):
        pulsed.coincide(e, x, rate=rate)
    expected = -rate * updates * np.outer(e, x)
    counted = np.abs(expected) / pulsed.step
    # The count of a cell is binomial, with at most the variance of a Poisson number.
    bound = 4.5 * pulsed.step * np.sqrt(counted + 1)
    assert (np.abs(pulsed.weights - expected) < bound).all()
    chi = ((pulsed.weights - expected) / (pulsed.step * np.sqrt(counted))) ** 2
    assert chi.mean() < 1.5


def test_pulses_and_the_states_before_them_are_counted():
    response = ConstantPulses(step=0.02, **RANGE)
    array = array_of(response, w=np.zeros((2, 3)))
    pulsed = PulsedArray(array, rng=0)
    n = np.array([[2, 0, -1], [0, 0, 3]])
    pulsed.pulse(n)
    plus, minus = pulsed.sides
    assert (plus.counts.up, plus.counts.down) == (5, 1)
    assert (minus.counts.up, minus.counts.down) == (1, 5)
    assert plus.number.reshape(2, 3).tolist() == np.abs(n).tolist()
    # Σ u before the pulses: ½ + (½ + δ) and ½ + (½ + δ) + (½ + 2δ) with δ = 0.01 of the range.
    siemens, _ = plus.counts.siemens(RANGE["g_min"], RANGE["g_max"])
    width = RANGE["g_max"] - RANGE["g_min"]
    assert siemens == pytest.approx(5 * RANGE["g_min"] + width * (2.5 + 0.04), rel=1e-6)


def test_stuck_cells_stay_stuck_and_new_faults_join_them():
    faults = devices.StuckCells(p_stuck_lrs=0.1, p_stuck_hrs=0.1)
    response = SoftBoundsPulses(step=0.1, **RANGE)
    array = array_of(response, shape=(40, 40), faults=faults)
    tile = array.tiles[0][0]
    stuck = tile.stuck(0)
    ends = np.isclose(tile.g_pos, RANGE["g_max"]) | np.isclose(tile.g_pos, RANGE["g_min"])
    assert (stuck <= ends).all()
    assert 0.05 < stuck.mean() < 0.4
    before = tile.g_pos[stuck]
    array.pulse(np.full((40, 40), 2), rng=0)
    assert tile.g_pos[stuck] == pytest.approx(before)
    assert (tile.stuck(0) == stuck).all()
    array.fail(devices.StuckCells(p_stuck_lrs=0.5), rng=1)
    more = tile.stuck(0)
    assert (more >= stuck).all()
    assert more.mean() > 0.3
    held = tile.g_pos[more]
    array.pulse(np.full((40, 40), -3), rng=0)
    assert tile.g_pos[more] == pytest.approx(held)
    assert not np.isclose(tile.g_pos[~more], RANGE["g_max"]).any()


def test_only_potentiation_fills_pairs_and_a_refresh_frees_them():
    response = SoftBoundsPulses(step=0.1, **RANGE)
    array = array_of(response, mapping=crossbar.DifferentialPair(), w=np.zeros((4, 5)))
    pulsed = PulsedArray(array, rng=0, pair="up")
    for _ in range(20):
        pulsed.pulse(np.ones((4, 5), dtype=int))
        pulsed.pulse(-np.ones((4, 5), dtype=int))
    pulsed.pulse(np.ones((4, 5), dtype=int))
    plus, minus = pulsed.sides
    assert plus.counts.down == minus.counts.down == 0
    assert min(plus.u.min(), minus.u.min()) > 0.6
    w = pulsed.weights.copy()
    assert pulsed.refresh(above=0.6) == 20
    np.testing.assert_allclose(pulsed.weights, w, atol=1e-6)
    assert minus.u.max() == pytest.approx(0, abs=1e-6)
    assert plus.counts.writes == minus.counts.writes == 20
    assert pulsed.refresh(above=0.6) == 0


def test_write_noise_changes_what_is_read_and_not_the_state():
    response = ConstantPulses(step=0.02, write_noise=5.0, **RANGE)
    array = array_of(response, mapping=crossbar.ReferenceColumn(), w=np.zeros((80, 80)))
    pulsed = PulsedArray(array, rng=0)
    pulsed.pulse(np.ones((80, 80), dtype=int))
    np.testing.assert_allclose(pulsed.sides[0].u, 0.51, rtol=1e-5)
    sigma = 5.0 * 0.02
    assert pulsed.weights.std() == pytest.approx(sigma, rel=4 / np.sqrt(2 * 6400))
    assert pulsed.weights.mean() == pytest.approx(0.02, abs=4 * sigma / 80)


def test_squares_of_rows_follow_the_weights():
    pulsed = PulsedArray(array_of(LAWS[2]), rng=0)
    random = np.random.default_rng(0)
    for _ in range(30):
        pulsed.coincide(random.normal(size=12), random.normal(size=20), rate=0.02)
    np.testing.assert_allclose(pulsed.squares, (pulsed.weights**2).sum(axis=1), rtol=1e-4)


def test_a_restored_array_goes_on_bit_for_bit():
    response = SoftBoundsPulses(step=0.1, c2c=0.3, d2d_step=0.2, write_noise=0.5, **RANGE)
    random = np.random.default_rng(0)
    steps = [(random.normal(size=12), random.normal(size=20)) for _ in range(8)]

    def after(pulsed, some):
        for e, x in some:
            pulsed.coincide(e, x, rate=0.02)
        return pulsed

    whole = after(PulsedArray(array_of(response), rng=7), steps)
    first = after(PulsedArray(array_of(response), rng=7), steps[:4])
    second = PulsedArray(array_of(response), rng=7)
    second.restore(first.state())
    after(second, steps[4:])
    assert (whole.weights == second.weights).all()
    assert (whole.squares == second.squares).all()
    whole.commit()
    second.commit()
    for one, other in zip(whole.tiles.all_tiles(), second.tiles.all_tiles(), strict=True):
        assert (one.g_pos == other.g_pos).all()


def test_an_aged_array_learns_from_the_conductances_of_today():
    drift = devices.PowerLawDrift(nu_mean=0.05, nu_std=0.01)
    response = ConstantPulses(step=0.02, **RANGE)
    array = array_of(response, retention=drift)
    array.age(1e6)
    array.scale_conductances(0.5)
    today = array.weights
    pulsed = PulsedArray(array, rng=0)
    np.testing.assert_allclose(pulsed.weights, today, atol=1e-5)
    pulsed.pulse(np.ones((12, 20), dtype=int))
    pulsed.commit()
    np.testing.assert_allclose(array.weights, pulsed.weights, atol=1e-5)
    assert array.tiles[0][0].seconds == 0
    assert array.tiles[0][0].gain == 0.5


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"wires": crossbar.Wires(r_row=1.0, r_col=1.0)}, "wires = "),
        (
            {"gate": devices.StochasticSelector(on_conductance=1e-3)},
            "gate.series_resistance = 1000",
        ),
    ],
)
def test_hardware_that_pulses_cannot_follow_is_refused_by_name(fields, message):
    device = devices.Device(pulses=ConstantPulses(step=0.02, **RANGE), **RANGE)
    hardware = crossbar.Hardware(device=device, tile_shape=(16, 8), **fields)
    k = hardware.mapping.siemens_per_weight(1.0, device)
    array = crossbar.TiledArray.program(np.zeros((4, 5)), hardware, siemens_per_weight=k, rng=0)
    with pytest.raises(ValueError, match=message):
        PulsedArray(array, rng=0)


def test_what_has_no_pulses_or_no_pairs_is_refused():
    device = devices.Device(**RANGE)
    hardware = crossbar.Hardware(device=device)
    k = hardware.mapping.siemens_per_weight(1.0, device)
    array = crossbar.TiledArray.program(np.zeros((4, 5)), hardware, siemens_per_weight=k, rng=0)
    with pytest.raises(ValueError, match=r"device\.pulses = None"):
        array.pulse(np.zeros((4, 5), dtype=int), rng=0)
    single = array_of(LAWS[0], mapping=crossbar.ReferenceColumn())
    with pytest.raises(ValueError, match='pair = "up" needs two cells'):
        PulsedArray(single, rng=0, pair="up")
    with pytest.raises(ValueError, match="reference column has no pairs"):
        PulsedArray(single, rng=0).refresh()
    with pytest.raises(ValueError, match=r"n has the shape \(3, 3\)"):
        PulsedArray(single, rng=0).pulse(np.zeros((3, 3), dtype=int))
    with pytest.raises(ValueError, match=r"length = 65 is not .* in \[1, 64\]"):
        single.coincide(np.ones(12), np.ones(20), rate=0.1, rng=0, length=65)


def test_transposed_reads_are_those_of_the_transposed_weights():
    device = devices.Device(read_noise=devices.GaussianNoise(0.1), **RANGE)
    e = np.random.default_rng(1).normal(size=(1, 12))
    w = np.random.default_rng(0).uniform(-1, 1, (12, 20))
    for sharing in crossbar.hardware.GATE_SHARINGS:
        hardware = crossbar.Hardware(
            device=device, gate=devices.BlankOut(0.25), gate_sharing=sharing, tile_shape=(16, 8)
        )
        k = hardware.mapping.siemens_per_weight(1.0, device)
        array = crossbar.TiledArray.program(w, hardware, siemens_per_weight=k, rng=0)
        ideal = e @ array.weights
        np.testing.assert_allclose(array.read_transposed(e, rng=0, reads="ideal"), ideal)
        many = np.repeat(e, 3000, axis=0)
        exact = array.read_transposed(many, rng=1)
        normal = array.read_transposed(many, rng=1, sampling="moments")
        for reads in (exact, normal):
            error = reads.std(axis=0) / np.sqrt(3000)
            assert (np.abs(reads.mean(axis=0) - 0.25 * ideal[0]) < 4.5 * error).all()
        ratio = exact.std(axis=0) / normal.std(axis=0)
        assert (np.abs(ratio - 1) < 0.12).all()
        ungated = array.read_transposed(many[:500], rng=1, reads="ungated")
        error = ungated.std(axis=0) / np.sqrt(500)
        assert (np.abs(ungated.mean(axis=0) - ideal[0]) < 4.5 * error).all()
        assert ungated.std(axis=0).mean() < exact.std(axis=0).mean()
    with pytest.raises(ValueError, match="unknown reads 'backwards'"):
        array.read_transposed(e, rng=0, reads="backwards")
