"""The law of nucleation-limited switching: Weibull statistics, Merz's law, switched fractions."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta as beta_function

from devices import FEFET_DENG2020, MFM_ALESSANDRI, MFM_NI
from tests.helpers.ferroelectrics import ALIKE, MV_CM, TAU
from tests.helpers.statistics import assert_frequency


def gb2_density(e, a=12.1, b=1.79, p=0.691, q=0.633):
    return (a / b) * (e / b) ** (a * p - 1) / (beta_function(p, q) * (1 + (e / b) ** a) ** (p + q))


def test_switching_probability_is_weibull_with_shape_beta_and_time_tau():
    t = np.geomspace(TAU / 30, 2 * TAU, 9)
    # ln(−ln(1 − p)) = β ln t − β ln τ: a straight line of slope β that is 0 at t = τ.
    weibull = np.log(-np.log1p(-ALIKE.probability(1.5, t, 2.0)))
    np.testing.assert_allclose(np.diff(weibull) / np.diff(np.log(t)), 2.0, rtol=1e-9)
    np.testing.assert_allclose(weibull, 2 * np.log(t / TAU), rtol=1e-9, atol=1e-9)


def test_merz_law_is_alpha_one():
    # α = 1: ln τ falls as E_a/F; p = 1 − 1/e at t = τ for any β.
    merz = replace(ALIKE, alpha=1.0, beta=0.7)
    f = np.array([0.5, 1.0, 4.0])
    np.testing.assert_allclose(
        merz.probability(f, 20e-9 * np.exp(2 / f), 2.0), 1 - np.exp(-1), rtol=1e-12
    )


@given(st.floats(0.001, 0.999), st.floats(-7, 2), st.floats(0.1, 5))
def test_the_field_for_a_probability_gives_that_probability(p, log_t, activation):
    t = 10**log_t
    f = ALIKE.field_for(p, t, activation)
    np.testing.assert_allclose(ALIKE.probability(f, t, activation), p, rtol=1e-9)
    np.testing.assert_allclose(ALIKE.probability(-f, t, activation), p, rtol=1e-9)


def test_no_field_no_time_or_tiny_fields_switch_nothing_and_huge_times_everything():
    assert ALIKE.probability(0.0, 1e3, 2.0) == 0
    assert ALIKE.probability(1.0, 0.0, 2.0) == 0
    assert ALIKE.probability(1e-200, 1e30, 2.0) == 0  # τ = e^(1e600): in logarithms no overflow
    assert ALIKE.probability(10.0, 1e300, 2.0) == 1


@pytest.mark.parametrize(
    ("field", "seconds", "published"),
    [(1.5, 1e-6, 0.224), (2.0, 1e-6, 0.703), (2.5, 1e-6, 0.919), (1.5, 100e-6, 0.890)],
)
def test_switched_fraction_of_the_alessandri_set(field, seconds, published, rng):
    got = MFM_ALESSANDRI.switched_fraction(field * MV_CM, seconds)

    # An independent, adaptive quadrature over the density of E_a.
    def switched(e):
        return gb2_density(e) * -np.expm1(
            -((seconds / (387e-9 * np.exp((e / field) ** 4.11))) ** 2.07)
        )

    exact, _ = quad(switched, 0, 6, points=[1, 1.5, 2, 2.5], limit=400)
    np.testing.assert_allclose(got, exact, rtol=1e-8)
    # Values computed independently, to one unit of the last digit; one is from a Monte Carlo run.
    assert abs(got - published) <= 0.001
    # Monte Carlo: 60 devices of 2,000 domains.
    state = MFM_ALESSANDRI.pulse(
        MFM_ALESSANDRI.init((60,), rng=rng), field * MV_CM, seconds, rng=rng
    )
    assert_frequency(state.up.sum(), state.up.size, got)


def test_fractions_of_a_point_mass_are_probabilities():
    np.testing.assert_allclose(
        ALIKE.switched_fraction([1.2, 1.5], 1e-7), ALIKE.probability([1.2, 1.5], 1e-7, 2.0)
    )
    np.testing.assert_allclose(
        ALIKE.field_for_fraction(0.3, 1e-6), ALIKE.field_for(0.3, 1e-6, 2.0), rtol=1e-12
    )


@pytest.mark.parametrize(
    "model", [FEFET_DENG2020, MFM_ALESSANDRI, MFM_NI], ids=["deng", "alessandri", "ni"]
)
def test_the_field_for_a_fraction_gives_that_fraction(model):
    wanted = np.array([[0.5, 0.02], [0.98, 0.5]])
    f = model.field_for_fraction(wanted, 1e-4)
    assert f.shape == (2, 2)
    np.testing.assert_allclose(model.switched_fraction(f, 1e-4), wanted, rtol=1e-9)


def test_fields_and_times_broadcast():
    table = FEFET_DENG2020.switched_fraction(np.array([1.0, 1.5, 2.0]), np.array([[1e-7], [1e-6]]))
    assert table.shape == (2, 3)
    np.testing.assert_allclose(table[1, 2], FEFET_DENG2020.switched_fraction(2.0, 1e-6), rtol=1e-12)
