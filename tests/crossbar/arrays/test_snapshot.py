"""What an array remembers: put into another array of the same hardware, it reads the same."""

from dataclasses import replace

import numpy as np
import pytest

from crossbar import Adc, BitSliced, Dac, Hardware, NeuronArray, ReferenceColumn, TiledArray
from crossbar.arrays.snapshot import array_snapshot, restore, restore_array, snapshot
from devices import (
    Device,
    FlickerNoise,
    LogTimeDrift,
    StateDependentError,
    StochasticSelector,
    TelegraphNoise,
)

CELL = Device(
    g_min=1e-6,
    g_max=5e-5,
    write=StateDependentError(coefficients=(1e-6,)),
    read_noise=TelegraphNoise(amplitude=0.2, tau_capture=3e-6, tau_emission=5e-6),
    retention=LogTimeDrift(mean=-1e-7, std=2e-7, std_rate=1e-7),
)
HARDWARE = Hardware(device=CELL, tile_shape=(4, 3))


def programmed(rng, seed, hardware=HARDWARE, shape=(5, 6)):
    w = rng.uniform(-1, 1, shape)
    return TiledArray.program(w, hardware, siemens_per_weight=4e-5, rng=seed)


def lives(array, x):
    """What an array draws while it is read, waits, and is scaled."""
    out = [array.read(x, rng=1)]
    array.age(10.0)
    out.append(array.read(x, rng=2))
    array.scale_conductances(0.5)
    array.age(1.0)
    return np.concatenate([*out, array.read(x, rng=3), array.weights.T[: len(x), :]])


def test_another_array_continues_where_the_first_one_was(rng):
    x = rng.uniform(-1, 1, (4, 6))
    first, other = programmed(rng, 0), programmed(rng, 1)
    first.read(x, rng=0)  # the traps move
    first.age(5.0)
    first.scale_conductances(0.7)
    remembered = array_snapshot(first)
    restore_array(other, remembered)
    alive = lives(first, x)
    assert (lives(other, x) == alive).all()
    restore_array(other, remembered)
    assert (lives(other, x) == alive).all()


@pytest.mark.parametrize(
    "noise",
    [
        FlickerNoise(q=0.02, f_low=1e3, f_high=1e5),
        StochasticSelector(sigma=0.05, correlation=0.4),
    ],
)
def test_states_of_every_kind_are_carried_on(noise, rng):
    hardware = Hardware(device=Device(g_min=1e-6, g_max=5e-5, read_noise=noise), tile_shape=(4, 3))
    x = rng.uniform(-1, 1, (4, 6))
    first, other = (programmed(rng, seed, hardware) for seed in (0, 1))
    restore_array(other, array_snapshot(first))
    assert (other.read(x, rng=0) == first.read(x, rng=0)).all()


def test_tiles_of_other_shapes_are_refused(rng):
    first = programmed(rng, 0)
    with pytest.raises(ValueError, match=r"stored tiles have shapes \[\(\(4, 3\), \(4, 3\)\)"):
        restore_array(programmed(rng, 0, shape=(5, 7)), array_snapshot(first))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"adc": Adc(bits=6, noise=1e-8, offset=1e-7)},
        {"adc": Adc(bits=6, per="tile", offset=1e-7), "dac": Dac(bits=4, serial=True)},
        {"bias": "reference", "mapping": ReferenceColumn()},
        {"mapping": BitSliced(bits=4), "adc": Adc(bits=6, noise=1e-8)},
    ],
)
def test_a_layer_continues_where_another_was(options, rng):
    hardware = replace(HARDWARE, **options)
    w, x = rng.uniform(-1, 1, (5, 6)), rng.uniform(-1, 1, (3, 6))

    def layer(seed):
        a, b = np.full(5, 0.3), rng.uniform(-1, 1, 5)
        return NeuronArray.program(
            w, hardware, siemens_per_weight=2e-5, a=a, b=b, converted=True, rng=seed
        )

    first, other = layer(0), layer(1)
    if hardware.dac is not None:
        first.drivers.calibrate(0.9)
    if hardware.adc is not None:
        first.converters.calibrate(1.5 * first.converters.limits)
    first.age(3.0)
    restore(other, snapshot(first))
    counts = [layer.drivers.clips.conversions for layer in (first, other)]
    assert counts[0] == counts[1]
    assert (first.read(x, rng=0) == other.read(x, rng=0)).all()
    assert all((a == b).all() for a, b in zip(first.moments(x), other.moments(x), strict=True))


def test_a_layer_with_other_arrays_or_converters_is_refused(rng):
    w = rng.uniform(-1, 1, (5, 6))

    def layer(hardware, **options):
        return NeuronArray.program(w, hardware, siemens_per_weight=4e-5, rng=0, **options)

    plain = layer(HARDWARE)
    with pytest.raises(ValueError, match="the stored arrays are {'main': 1, 'bias': 1}"):
        restore(plain, snapshot(layer(HARDWARE, b=np.ones(5))))
    converted = layer(replace(HARDWARE, adc=Adc()), converted=True)
    with pytest.raises(ValueError, match="only one of the stored layer and this one has"):
        restore(plain, snapshot(converted))


def test_what_has_driven_a_layer_is_carried_on(rng):
    w = rng.uniform(-1, 1, (5, 6))
    first, other = (
        NeuronArray.program(w, HARDWARE, siemens_per_weight=2e-5, rng=seed) for seed in (0, 1)
    )
    first.read(np.full((2, first.inputs), 0.5), rng=0)
    restore(other, snapshot(first))
    assert (other.drivers.largest, other.drivers.sees_parts) == (0.5, True)
    other.drivers.calibrate(1.0)
    assert (other.drivers.largest, other.drivers.sees_parts) == (0.0, False)
