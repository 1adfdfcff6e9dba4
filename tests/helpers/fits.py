"""Fits of small synthetic measurements, made once."""

from functools import cache

import numpy as np

import devices

PERIOD = 0.01


@cache
def telegraph():
    """Return the fit of a trace with one trap."""
    trap = devices.TelegraphNoise(0.05, 0.3, 0.2)
    cell = np.array([20e-6])
    xi, _ = trap.sample(cell, trap.init(cell, rng=1), 3000, rng=1, period=PERIOD)
    noise = np.random.default_rng(1).normal(0, 0.1e-6, 3000)
    return devices.fit_telegraph(cell * xi[:, 0] + noise, PERIOD)


@cache
def read_noise():
    """Return the fit of traces of four cells with 1/f noise."""
    g = np.array([5e-6, 1e-5, 2e-5, 4e-5])
    noise = devices.FlickerNoise(q=0.02, f_low=0.01, f_high=50.0)
    xi, _ = noise.sample(g, noise.init(g, rng=2), 2000, rng=2, period=PERIOD)
    white = np.random.default_rng(2).normal(0, 1e-8, (4, 2000))
    return devices.fit_read_noise((g * xi).T + white, PERIOD, telegraph=False)


@cache
def programmed():
    """Return targets and conductances [S] of cells of eight levels."""
    rng = np.random.default_rng(3)
    target = np.repeat(np.linspace(5e-6, 40e-6, 8), 40)
    return target, target + rng.normal(0.2e-6, 0.5e-6 + 0.02 * target)


@cache
def programming():
    """Return the fit of their programming error."""
    return devices.fit_programming(*programmed())


@cache
def levels():
    """Return the fit of their levels."""
    return devices.fit_levels(*programmed())


@cache
def pulses():
    """Return the fit of noisy pulse curves."""
    response = devices.NonlinearPulses(g_min=1e-6, g_max=3e-5, pulses=60, nl_up=2.0, nl_down=-2.0)
    up, down = response.curve(60)
    rng = np.random.default_rng(4)
    noisy = (curve + rng.normal(0, 2e-7, curve.shape) for curve in (up, down))
    responses = (devices.NonlinearPulses, devices.LinearPulses)
    return devices.fit_pulses(*noisy, responses=responses, resamples=4)


@cache
def relaxed():
    """Return start, later conductances [S] and times [s] of cells that relax."""
    start = np.repeat(np.linspace(5e-6, 4e-5, 5), 80)
    process = devices.preset("rram_levy2021").retention
    times = (0.01, 1.0, 100.0, 1e4)
    return start, np.array([process.age(start, t, rng=5) for t in times]), times


@cache
def relaxation():
    """Return the fit of their relaxation."""
    return devices.fit_relaxation(*relaxed(), resamples=4)


@cache
def heated():
    """Return conductances [S], (temperatures, cells), and temperatures [K]."""
    kelvin = np.linspace(280, 400, 6)
    law = devices.ActivatedTemperature(activation_energy_ev=0.05)
    cells = np.array([1e-6, 5e-6, 2e-5])
    noise = np.exp(np.random.default_rng(6).normal(0, 0.01, (6, 3)))
    return np.array([cells * law.factor(cells, t) for t in kelvin]) * noise, kelvin


@cache
def temperature():
    """Return the fit of their temperature law."""
    return devices.fit_temperature(*heated())
