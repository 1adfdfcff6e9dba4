"""Nucleation-limited switching: Weibull statistics, pulse trains, averages, finite domains."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from devices import FEFET_DENG2020, Gb2Activation, NormalActivation
from tests.helpers.ferroelectrics import ALIKE, TAU
from tests.helpers.statistics import (
    assert_covariance,
    assert_frequency,
    assert_mean,
    assert_variance,
)


def test_switching_times_of_single_domains_are_weibull_also_given_survival(rng):
    cells = 20_000
    state = ALIKE.init((cells,), rng=rng)
    counts = [0]
    for _ in range(8):
        state = ALIKE.pulse(state, 1.5, TAU / 4, rng=rng)
        counts.append(int(state.up.sum()))
    # Of those that had not switched at k τ/4, a part (p_{k+1} − p_k)/(1 − p_k) switches next; p_k =
    # 1 − exp(−(k/4)²).
    p = -np.expm1(-((np.arange(9) / 4) ** 2))
    for k in range(8):
        assert_frequency(
            counts[k + 1] - counts[k], cells - counts[k], (p[k + 1] - p[k]) / (1 - p[k])
        )


def test_a_device_of_one_domain_is_fully_up_or_fully_down(rng):
    state = ALIKE.pulse(ALIKE.init((500,), rng=rng), 1.5, TAU, rng=rng)
    assert set(np.unique(ALIKE.polarization(state))) == {-0.25, 0.25}


# --- pulse trains


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_sub_pulses_are_one_pulse_to_the_bit(n, seed):
    rng = np.random.default_rng(seed)
    armed = FEFET_DENG2020.init((20,), rng=rng)
    whole = FEFET_DENG2020.pulse(armed, 1.4, 1e-6, rng=rng)
    parts = armed
    for _ in range(n):
        parts = FEFET_DENG2020.pulse(parts, 1.4, 1e-6 / n, rng=rng)
    np.testing.assert_array_equal(parts.up, whole.up)
    same = ~whole.up
    np.testing.assert_array_equal(parts.threshold[same], whole.threshold[same])
    np.testing.assert_allclose(parts.growth[same], whole.growth[same], rtol=1e-12)


def test_weak_pulses_accumulate(rng):
    # Six pulses of τ/6 switch p(τ) = 1 − 1/e, not 1 − (1 − p(τ/6))⁶ = 1 − e^(−1/6): nuclei grow
    # from pulse to pulse (β = 2).
    cells = 20_000
    state = ALIKE.init((20_000,), rng=rng)
    for _ in range(6):
        state = ALIKE.pulse(state, 1.5, TAU / 6, rng=rng)
    assert_frequency(state.up.sum(), cells, 1 - np.exp(-1))


def test_growth_falls_in_the_opposite_field_but_not_below_zero(rng):
    # h = ½ − ¼ + ¼ on fields +, −, +; and −, of any length, leaves 0. Of the domains that never
    # switched.
    state = ALIKE.init((2000,), rng=rng)
    waiting = np.ones(state.up.shape, dtype=bool)
    for sign, fraction, expected in (
        (1, 0.5, 0.5),
        (-1, 0.25, 0.25),
        (1, 0.25, 0.5),
        (-1, 7.0, 0.0),
    ):
        state = ALIKE.pulse(state, sign * 1.5, fraction * TAU, rng=rng)
        waiting &= ~state.up
        np.testing.assert_allclose(state.growth[waiting], expected, rtol=1e-12)
    assert waiting.sum() > 1000


def test_relaxed_growth_switches_with_the_conditional_probability_of_its_step(rng):
    # A step switches with 1 − exp(h_old^β − h_new^β): up to ½, down to ¼, up to ½ again (a
    # threshold drawn once and kept would let none switch here), then down to 0 and afresh.
    cells = 40_000
    state = ALIKE.init((cells,), rng=rng)
    h = 0.0
    for sign, fraction in ((1, 0.5), (-1, 0.25), (1, 0.25), (-1, 3.0), (1, 0.5)):
        new = max(h + sign * fraction, 0.0)
        before = state.up[:, 0].copy()
        state = ALIKE.pulse(state, sign * 1.5, fraction * TAU, rng=rng)
        if sign > 0:
            assert_frequency(
                (state.up[:, 0] & ~before).sum(), (~before).sum(), -np.expm1(h**2 - new**2)
            )
        # Account for those that never switched.
        keep = ~state.up[:, 0]
        state = replace(
            state,
            **{
                name: getattr(state, name)[keep]
                for name in ("activation", "weight", "up", "growth", "threshold")
            },
        )
        h = new


def test_a_domain_switches_back_with_a_fresh_threshold(rng):
    cells = 20_000
    armed = ALIKE.init((cells,), rng=rng)
    state = ALIKE.pulse(armed, 1.5, 100 * TAU, rng=rng)
    assert state.up.all()
    np.testing.assert_array_equal(state.growth, 0)
    # Armed anew: exponential, and without memory of the threshold that it has crossed.
    assert kstest(state.threshold[:, 0], "expon").pvalue > 1e-4
    assert_covariance(state.threshold[:, 0], armed.threshold[:, 0], 0)
    state = ALIKE.pulse(state, -1.5, 0.8 * TAU, rng=rng)
    assert_frequency((~state.up).sum(), cells, -np.expm1(-(0.8**2)))


def test_every_device_may_have_its_own_field(rng):
    deng = FEFET_DENG2020
    armed = deng.init((2, 3), rng=rng)
    f = np.array([[0.0, 1.0, 9.0], [-9.0, 1.3, 9.0]])
    state = deng.pulse(armed, f, 1e-6, rng=rng)
    p = deng.polarization(state)
    assert p.shape == (2, 3)
    np.testing.assert_array_equal(p[[0, 1, 0, 1], [0, 0, 2, 2]], [-0.25, -0.25, 0.25, 0.25])
    alone = replace(
        armed,
        **{
            k: getattr(armed, k)[1, 1]
            for k in ("activation", "weight", "up", "growth", "threshold")
        },
    )
    np.testing.assert_array_equal(deng.pulse(alone, 1.3, 1e-6, rng=rng).up, state.up[1, 1])


def test_pulses_do_not_write_into_the_state_and_the_same_seed_gives_the_same(rng):
    armed = FEFET_DENG2020.init((5,), rng=rng)
    threshold = armed.threshold.copy()
    growth = armed.growth.copy()
    after = [FEFET_DENG2020.pulse(armed, 1.5, 1e-6, rng=np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(armed.threshold, threshold)
    np.testing.assert_array_equal(armed.growth, growth)
    assert not armed.up.any()
    assert after[0].up.any()
    np.testing.assert_array_equal(after[0].threshold, after[1].threshold)
    other = FEFET_DENG2020.init((5,), rng=np.random.default_rng(4))
    assert not np.array_equal(other.threshold, threshold)


def test_erase_keeps_the_devices_and_arms_them_anew(rng):
    state = FEFET_DENG2020.pulse(FEFET_DENG2020.init((50,), rng=rng), 2.0, 1e-6, rng=rng)
    for up in (False, True):
        erased = FEFET_DENG2020.erase(state, rng=rng, up=up)
        assert (erased.up == up).all()
        assert erased.activation is state.activation
        assert not erased.growth.any()
        assert not np.isin(erased.threshold, state.threshold).any()
        np.testing.assert_array_equal(FEFET_DENG2020.polarization(erased), 0.25 if up else -0.25)


# --- finite domains


@pytest.mark.parametrize("weight_std", [0.0, 0.27])
def test_variance_splits_into_cycles_and_devices(weight_std, rng):
    model = replace(FEFET_DENG2020, weight_std=weight_std)
    field = 1.3
    seconds = 1e-6
    devices = 40_000
    cycle, device = model.variance_split(field, seconds)
    mean = model.switched_fraction(field, seconds)
    armed = model.init((devices,), rng=rng)
    share = armed.weight / armed.weight.sum(axis=1, keepdims=True)
    p = model.probability(field, seconds, armed.activation)
    # Given its domains, a device is Poisson-binomial: Var = Σ w² p(1 − p)/(Σ w)², averaged; its
    # mean Σ w p/Σ w varies.
    assert_mean(np.sum(share**2 * p * (1 - p), axis=1), cycle)
    assert_variance(np.sum(share * p, axis=1), device, mean)
    # The same by simulation, over devices and nucleation together.
    fraction = (model.polarization(model.pulse(armed, field, seconds, rng=rng)) / 0.25 + 1) / 2
    assert_mean(fraction, mean)
    assert_variance(fraction, cycle + device, mean)


def test_total_variance_of_equal_domains_is_binomial():
    cycle, device = FEFET_DENG2020.variance_split(1.4, 1e-6)
    p = FEFET_DENG2020.switched_fraction(1.4, 1e-6)
    np.testing.assert_allclose(cycle + device, p * (1 - p) / 20, rtol=1e-12)
    # Without differences between domains there is no device-to-device variance.
    np.testing.assert_allclose(ALIKE.variance_split(1.4, 1e-6)[1], 0, atol=1e-15)


def test_cycles_of_one_device_are_poisson_binomial(rng):
    one = FEFET_DENG2020.init((), rng=rng)
    p = FEFET_DENG2020.probability(1.4, 1e-6, one.activation)
    cycles = 20_000
    repeated = replace(
        FEFET_DENG2020.init((cycles,), rng=rng),
        activation=np.broadcast_to(one.activation, (cycles, 20)),
    )
    fraction = FEFET_DENG2020.pulse(repeated, 1.4, 1e-6, rng=rng).up.mean(axis=1)
    assert_mean(fraction, p.mean())
    assert_variance(fraction, np.sum(p * (1 - p)) / 20**2, p.mean())


@pytest.mark.parametrize("n_domains", [1, 2, 5, 20])
def test_unequal_areas_leave_fewer_effective_domains(n_domains, rng):
    model = replace(FEFET_DENG2020, n_domains=n_domains, weight_std=0.5)
    w = model.init((40_000,), rng=rng).weight
    p = model.switched_fraction(1.4, 1e-6)
    # Total variance p(1 − p) E[Σ w²/(Σ w)²]: 1 for a single domain, else above 1/N.
    concentration = sum(model.variance_split(1.4, 1e-6)) / (p * (1 - p))
    assert_mean(np.sum(w**2, axis=1) / np.sum(w, axis=1) ** 2, concentration)
    assert concentration >= 1 / n_domains


# --- bad arguments

BAD = [
    (
        lambda: replace(ALIKE, n_domains=0),
        r"DomainSwitching\.n_domains = 0 is not allowed; give a whole number",
    ),
    (
        lambda: replace(ALIKE, activation=2.3),
        r"DomainSwitching\.activation = 2\.3 is not an ActivationLaw",
    ),
    (
        lambda: replace(ALIKE, tau0=0),
        r"DomainSwitching\.tau0 = 0 is not allowed; give a finite number in \(0, inf\) s",
    ),
    (lambda: replace(ALIKE, alpha=-1), r"DomainSwitching\.alpha = -1 is not allowed"),
    (lambda: replace(ALIKE, beta=0), r"DomainSwitching\.beta = 0 is not allowed"),
    (lambda: replace(ALIKE, p_r=0), r"DomainSwitching\.p_r = 0 is not allowed"),
    (
        lambda: replace(ALIKE, weight_std=-0.1),
        r"DomainSwitching\.weight_std = -0\.1 is not allowed",
    ),
    (lambda: NormalActivation(mean=0, std=1), r"NormalActivation\.mean = 0 is not allowed"),
    (lambda: NormalActivation(mean=1, std=-1), r"NormalActivation\.std = -1 is not allowed"),
    *(
        (
            lambda k=k: Gb2Activation(**({"a": 1, "b": 1, "p": 1, "q": 1} | {k: 0})),
            rf"Gb2Activation\.{k} = 0 is not",
        )
        for k in "abpq"
    ),
    (
        lambda: ALIKE.probability(1.0, -1e-9, 2.0),
        r"seconds = -1e-09 is not allowed; give times of at least 0 s",
    ),
    (
        lambda: ALIKE.field_for(1.0, 1e-6, 2.0),
        r"p ranges from 1 to 1; a pulse of 1e-06 s .* below 1",
    ),
    (lambda: ALIKE.field_for(0.0, 1e-6, 2.0), r"p ranges from 0 to 0; a pulse of 1e-06 s"),
    (
        lambda: ALIKE.field_for(0.5, 2e-9, 2.0),
        r"p ranges from 0\.5 to 0\.5; a pulse of 2e-09 s .* below 0\.00995017",
    ),
    (
        lambda: ALIKE.field_for(0.5, 0, 2.0),
        r"seconds = 0 is not allowed; give a finite number in \(0, inf\) s",
    ),
    (
        lambda: ALIKE.field_for_fraction([0.1, 2.0], 1e-6),
        r"fraction ranges from 0\.1 to 2; a pulse of 1e-06 s",
    ),
    (
        lambda: ALIKE.pulse(
            ALIKE.init((3,), rng=np.random.default_rng(0)),
            [1.0, 2.0],
            1e-6,
            rng=np.random.default_rng(0),
        ),
        r"field has shape \(2,\); give one number, or one for each device: \(3,\)",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_models_fields_and_times_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
