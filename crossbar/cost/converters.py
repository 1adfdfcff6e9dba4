"""Energy and area of converters by bits and rate, from figures of merit of a survey."""

import math

from crossbar.cost.constants import CostConstants

#: Regression of the area of ADCs on a survey (accelergy-adc-plug-in, model.yaml; Andrulis et al.
#: 2024, arXiv:2404.06553): ln(area/µm²) = 4.851 + 0.0667 ln(rate·s) + 0.797 ln(technology/nm)
#: − 0.134 bits + 0.424 ln(energy/pJ).
AREA_INTERCEPT = 4.850567073004403
AREA_BY_RATE = 0.06665851895885958
AREA_BY_TECHNOLOGY = 0.797323960429599
AREA_BY_BITS = -0.13437278622014803
AREA_BY_ENERGY = 0.4236571760437834


def sndr(bits: float) -> float:
    """Return the signal-to-noise-and-distortion ratio of an ideal converter, 6.02 bits + 1.76 [dB].

    The effective number of bits of a real one is smaller than its resolution; that is left out,
    so that all its bits are counted as effective.
    """
    return 6.02 * bits + 1.76


def adc_energy(bits: float, rate: float, constants: CostConstants) -> float:
    """Return the energy of one conversion [J], the larger one of two limits of published ADCs.

    E = max(FoM_W 2^bits, 10^((SNDR − FoM_S)/10)/2 · √(1 + (rate/corner)²)): the Walden limit holds
    at low resolution, the Schreier limit (thermal noise) at high one, and above the corner rate the
    Schreier figure falls by 10 dB per decade. The figures of merit and the form of the roll-off
    follow Murmann's ADC survey, github.com/bmurmann/ADC-survey.

    Args:
        bits: Resolution, all of it effective.
        rate: Conversions per second [1/s].
        constants: The figures of merit.
    """
    walden = constants.adc_walden * 2.0**bits
    schreier = 10 ** ((sndr(bits) - constants.adc_schreier) / 10) / 2
    return max(walden, schreier * math.hypot(1, rate / constants.adc_corner_rate))


def adc_area(bits: float, rate: float, constants: CostConstants) -> float:
    """Return the area of one ADC [m²], see `AREA_INTERCEPT`; arguments as of `adc_energy`."""
    picojoules = adc_energy(bits, rate, constants) * 1e12
    if picojoules == 0:
        return 0.0
    logarithm = (
        AREA_INTERCEPT
        + AREA_BY_RATE * math.log(rate)
        + AREA_BY_TECHNOLOGY * math.log(constants.technology * 1e9)
        + AREA_BY_BITS * bits
        + AREA_BY_ENERGY * math.log(picojoules)
    )
    return math.exp(logarithm) * 1e-12


def dac_energy(bits: float, constants: CostConstants) -> float:
    """Return the energy of one conversion of a DAC [J], proportional to its 2^bits levels."""
    return constants.dac_energy_per_level * 2.0**bits


def dac_area(bits: float, constants: CostConstants) -> float:
    """Return the area of a DAC [m²], proportional to its 2^bits levels."""
    return constants.dac_area_per_level * 2.0**bits
