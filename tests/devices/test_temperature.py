"""Temperature laws: closed forms, what is common to all cells, what depends on their state."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import ActivatedTemperature, MetallicTemperature, MixedTemperature, NoTemperature

G = np.array([[1e-7, 1e-6], [1e-5, 1e-4]])
METAL = MetallicTemperature(alpha=3.92e-3)
HOPPING = ActivatedTemperature(activation_energy_ev=0.1)
MIXED = MixedTemperature(lrs=METAL, hrs=HOPPING, g_lrs=1e-4, g_hrs=1e-6)
LAWS = {"none": NoTemperature(), "metallic": METAL, "activated": HOPPING, "mixed": MIXED}
laws = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


@laws
def test_at_the_reference_temperature_nothing_changes(law):
    np.testing.assert_allclose(law.factor(G, 300.0), np.ones((2, 2)), rtol=1e-14)


def test_metals_conduct_less_when_hot():
    # 1/(1 + α ΔT): 50 K at 3.92e-3 per K.
    np.testing.assert_allclose(METAL.factor(G, 350.0), 1 / 1.196, rtol=1e-12)
    np.testing.assert_allclose(METAL.factor(G, 250.0), 1 / 0.804, rtol=1e-12)


def test_activated_conduction_is_an_arrhenius_line():
    # ln G falls as E_A/k · 1/T; k = 8.617333262e-5 eV/K.
    t = np.array([250.0, 300.0, 400.0])
    slope = np.diff(np.log([HOPPING.factor(np.array(1e-6), x) for x in t])) / np.diff(1 / t)
    np.testing.assert_allclose(slope, -0.1 / 8.617333262e-5, rtol=1e-9)


@pytest.mark.parametrize(
    "law", [NoTemperature(), METAL, HOPPING], ids=["none", "metallic", "activated"]
)
def test_a_uniform_change_is_one_gain_for_all_cells(law):
    assert np.ptp(law.factor(G, 330.0)) == 0


def test_mixed_conduction_crosses_over_in_the_logarithm_of_conductance():
    g = np.array([1e-8, 1e-6, 1e-5, 1e-4, 1e-3])
    hot, cold = METAL.factor(np.array(1.0), 350.0), HOPPING.factor(np.array(1.0), 350.0)
    np.testing.assert_allclose(
        MIXED.factor(g, 350.0), [cold, cold, np.sqrt(hot * cold), hot, hot], rtol=1e-12
    )
    # Not a common gain: the states change their ratios.
    assert np.ptp(MIXED.factor(g, 350.0)) > 0.5


@given(st.floats(200, 400), st.floats(1e-6, 1e-4))
def test_mixed_conduction_lies_between_its_two_mechanisms(temperature, g):
    ends = METAL.factor(np.array(g), temperature), HOPPING.factor(np.array(g), temperature)
    assert (
        min(ends) * (1 - 1e-12) <= MIXED.factor(np.array(g), temperature) <= max(ends) * (1 + 1e-12)
    )


@laws
def test_a_gradient_across_the_chip_broadcasts(law):
    t = np.array([[300.0], [340.0]])
    got = law.factor(G, t)
    assert got.shape == (2, 2)
    np.testing.assert_allclose(got[1], law.factor(G[1], 340.0), rtol=1e-14)


def test_a_cell_of_0_siemens_has_a_finite_factor():
    assert np.isfinite(MIXED.factor(np.array([0.0]), 350.0)).all()


BAD = [
    (lambda: METAL.factor(G, 0.0), r"temperature = 0 is not allowed; give kelvins above 0"),
    (lambda: NoTemperature().factor(G, [300.0, -5.0]), r"temperature = -5 is not allowed"),
    (
        lambda: HOPPING.factor(G, float("nan")),
        r"temperature holds 1 values that are NaN or infinite",
    ),
    (
        lambda: METAL.factor(G, 40.0),
        r"temperatures of 40 to 40 K leave no resistance at alpha = 0\.00392 per K",
    ),
    (lambda: MetallicTemperature(alpha="x"), r"MetallicTemperature\.alpha = 'x' is not a number"),
    (
        lambda: MetallicTemperature(alpha=0.0, t_ref=0),
        r"MetallicTemperature\.t_ref = 0 is not allowed",
    ),
    (
        lambda: ActivatedTemperature(activation_energy_ev=-1),
        r"ActivatedTemperature\.activation_energy_ev = -1 .* eV",
    ),
    (
        lambda: ActivatedTemperature(activation_energy_ev=1, t_ref=-1),
        r"ActivatedTemperature\.t_ref = -1 is not allowed",
    ),
    (
        lambda: MixedTemperature(lrs=HOPPING, hrs=HOPPING, g_lrs=2, g_hrs=1),
        r"MixedTemperature\.lrs = .* MetallicTemp",
    ),
    (
        lambda: MixedTemperature(lrs=METAL, hrs=METAL, g_lrs=2, g_hrs=1),
        r"MixedTemperature\.hrs = .* ActivatedTemp",
    ),
    (
        lambda: MixedTemperature(lrs=METAL, hrs=HOPPING, g_lrs=0, g_hrs=1),
        r"MixedTemperature\.g_lrs = 0 is not allowed",
    ),
    (
        lambda: MixedTemperature(lrs=METAL, hrs=HOPPING, g_lrs=1, g_hrs=1),
        r"MixedTemperature\.g_hrs = 1 .* \(0, 1\) S",
    ),
    (
        lambda: MixedTemperature(
            lrs=MetallicTemperature(alpha=0, t_ref=293), hrs=HOPPING, g_lrs=2, g_hrs=1
        ),
        r"MixedTemperature: t_ref is 293 K in lrs and 300\.0 K in hrs",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_laws_and_temperatures_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
