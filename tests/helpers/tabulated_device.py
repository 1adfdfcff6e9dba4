"""A device whose slots are all tables, as a measurement gives them; sizes are those of an RRAM."""

from devices import (
    Device,
    TabulatedCurrent,
    TabulatedDrift,
    TabulatedError,
    TabulatedNoise,
    TabulatedSpectrum,
)

KNOTS = (1e-6, 5e-6, 2e-5, 4e-5)
ERROR = TabulatedError(
    conductances=KNOTS, std=(3e-7, 6e-7, 8e-7, 7e-7), mean=(1e-7, 0.0, -1e-7, -2e-7)
)
NOISE = TabulatedNoise(conductances=KNOTS, sigma=(1e-8, 5e-8, 1.5e-7, 2e-7))
SPECTRUM = TabulatedSpectrum(
    conductances=KNOTS,
    sigma=(1e-8, 5e-8, 1.5e-7, 2e-7),
    frequencies=(1e3, 1e4, 1e5, 1e6),
    density=(1.0, 0.1, 0.01, 0.001),
)
DRIFT = TabulatedDrift(
    times=(1.0, 1e3, 1e6),
    conductances=(1e-6, 4e-5),
    std=((1e-7, 2e-7), (2e-7, 6e-7), (3e-7, 9e-7)),
    mean=((0.0, -1e-7), (1e-8, -4e-7), (2e-8, -8e-7)),
)
CURRENT = TabulatedCurrent(
    voltages=(0.1, 0.2, 0.4), conductances=(1e-5,), currents=((1.05e-6, 2.3e-6, 6e-6),)
)
DEVICE = Device(
    g_min=1e-6, g_max=4e-5, levels=16, write=ERROR, read_noise=NOISE, retention=DRIFT, iv=CURRENT
)
