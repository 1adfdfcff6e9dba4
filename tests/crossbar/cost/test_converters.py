"""Converters: figures of merit come back from energies; published converters are near."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import CostConstants
from crossbar.cost.converters import adc_area, adc_energy, dac_area, dac_energy, sndr

C = CostConstants()


def test_at_low_resolution_the_walden_figure_comes_back():
    for bits in (1, 4, 8):
        np.testing.assert_allclose(adc_energy(bits, 1e6, C) / 2**bits, 8.8e-15, rtol=1e-4)


def test_at_high_resolution_the_schreier_figure_comes_back():
    # FoM_S = SNDR + 10 lg(B/P) with the bandwidth B = f/2.
    rate = 1e6
    power = adc_energy(16, rate, C) * rate
    np.testing.assert_allclose(sndr(16) + 10 * np.log10(rate / 2 / power), 180.1, rtol=1e-5)


def test_the_thermal_limit_rises_with_the_rate_beyond_the_corner():
    slow, corner = adc_energy(16, 1.0, C), adc_energy(16, C.adc_corner_rate, C)
    np.testing.assert_allclose(corner / slow, np.sqrt(2), rtol=1e-12)
    np.testing.assert_allclose(adc_energy(16, 1e12, C) / slow, 1e12 / C.adc_corner_rate, rtol=1e-6)
    # At 8 bits the Walden limit lies 48 times higher and hides it.
    assert adc_energy(8, 1e9, C) == adc_energy(8, 1e6, C) < adc_energy(8, 1e11, C)


def test_published_converters_are_within_a_factor_of_a_few():
    # ISAAC's ADC: 8 bits, 1.28 GS/s, 2 mW, 1200 µm² in 32 nm.
    in_32_nm = replace(C, technology=32e-9)
    assert 1 < adc_energy(8, 1.28e9, C) / 1.56e-12 < 2
    assert 1 < adc_area(8, 1.28e9, in_32_nm) / 1.2e-9 < 5


def test_area_grows_with_technology_and_rate_as_the_regression_says():
    twice = replace(C, technology=2 * C.technology)
    np.testing.assert_allclose(
        adc_area(8, 1e6, twice) / adc_area(8, 1e6, C), 2**0.797323960429599, rtol=1e-9
    )
    assert adc_area(8, 1e7, C) > adc_area(8, 1e6, C)
    assert adc_area(8, 1e6, replace(C, adc_walden=0.0, adc_schreier=1e4)) == 0


@pytest.mark.parametrize("cost", [dac_energy, dac_area])
def test_a_dac_doubles_with_every_bit(cost):
    np.testing.assert_allclose(cost(8, C), 256 * cost(0, C), rtol=1e-12)
    np.testing.assert_allclose(cost(5, C), 2 * cost(4, C), rtol=1e-12)
