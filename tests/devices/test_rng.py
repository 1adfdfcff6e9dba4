"""`rng` is a seed, a Generator, a SeedSequence or None wherever it is an argument."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import devices
from devices.seeding import RNG, generator
from tests.helpers.device_models import (
    ACTIVATION_LAWS,
    DOMAIN_MODELS,
    FAULTS,
    GATE_BIAS,
    PULSE_RESPONSES,
    READ_NOISES,
    RETENTIONS,
    TIME_LAWS,
    TRANSISTOR,
    WRITE_MODELS,
)

SEED = 7
G = np.linspace(1.2e-6, 9e-6, 6).reshape(2, 3)


def _targets(write):
    """Return targets that `write` can reach."""
    if not isinstance(write, devices.DomainWrite):
        return G
    low, high = TRANSISTOR.conductance_range(GATE_BIAS)
    return np.linspace(low + 0.1 * (high - low), high - 0.1 * (high - low), 6)


def _read_noise_calls(noise):
    state = noise.init(G, rng=1)
    yield "init", lambda rng: noise.init(G, rng=rng)
    yield "sample", lambda rng: noise.sample(G, state, 3, rng=rng, period=1e-3)
    yield "advance", lambda rng: noise.advance(G, state, 0.5, rng=rng)


def _write_calls(write):
    target = _targets(write)
    yield "program", lambda rng: write.program(target, rng=rng)
    if isinstance(write, devices.WriteVerify):
        yield "program_counted", lambda rng: write.program_counted(target, rng=rng)
    if isinstance(write, devices.SetResetVariability):
        yield "cycles", lambda rng: write.cycles(target, 3, rng=rng)


def _pulse_calls(pulses):
    cells = pulses.init(G.shape, rng=1)
    n = np.array([[1, -2, 3], [0, 5, -4]])
    yield "init", lambda rng: pulses.init(G.shape, rng=rng)
    yield "respond", lambda rng: pulses.respond(G, n, cells, rng=rng)
    yield "with_write_noise", lambda rng: pulses.with_write_noise(G, rng=rng)


def _domain_calls(domains):
    state = domains.init((4,), rng=1)
    yield "init", lambda rng: vars(domains.init((4,), rng=rng))
    yield "erase", lambda rng: vars(domains.erase(state, rng=rng))
    yield "pulse", lambda rng: vars(domains.pulse(state, 2.0, 1e-6, rng=rng))


def _calls():
    """Yield a function of rng for every method that draws, of an example of every model."""
    for models, calls in (
        (READ_NOISES, _read_noise_calls),
        (WRITE_MODELS, _write_calls),
        (PULSE_RESPONSES, _pulse_calls),
        (DOMAIN_MODELS, _domain_calls),
        (FAULTS, lambda m: [("apply", lambda rng: m.apply(G, 1e-6, 1e-5, rng=rng))]),
        (RETENTIONS, lambda m: [("age", lambda rng: m.age(G, 3600.0, rng=rng))]),
        (TIME_LAWS, lambda m: [("sample", lambda rng: m.sample(5, rng=rng))]),
        (ACTIVATION_LAWS, lambda m: [("sample", lambda rng: m.sample((5,), rng=rng))]),
    ):
        for model in models:
            for method, call in calls(model):
                yield pytest.param(call, id=f"{type(model).__name__}.{method}")
    device = devices.Device(
        g_min=1e-6, g_max=1e-5, write=WRITE_MODELS[1], faults=FAULTS[1], retention=RETENTIONS[1]
    )
    yield pytest.param(lambda rng: device.program(G, rng=rng), id="Device.program")
    yield pytest.param(lambda rng: device.age(G, 60.0, rng=rng), id="Device.age")


every_draw = pytest.mark.parametrize("call", list(_calls()))


def assert_equal(a, b):
    """Assert that two results are equal, also those made of tuples, dicts and None."""
    if isinstance(a, dict):
        a, b = list(a.values()), list(b.values())
    if isinstance(a, (tuple, list)) and not all(isinstance(x, slice) for x in a):
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


@every_draw
def test_a_seed_works_and_the_same_seed_gives_the_same_draws(call):
    drawn = call(SEED)
    assert_equal(call(SEED), drawn)
    assert_equal(call(np.int64(SEED)), drawn)
    assert_equal(call(np.random.SeedSequence(SEED)), drawn)


@every_draw
def test_a_generator_on_a_seed_draws_what_the_seed_draws(call):
    assert_equal(call(np.random.default_rng(SEED)), call(SEED))


@every_draw
def test_none_draws_from_fresh_entropy(call):
    call(None)


@every_draw
@pytest.mark.parametrize("rng", [-1, 1.5, True, "seed", np.random])
def test_another_rng_is_refused_by_name(call, rng):
    with pytest.raises(ValueError, match="rng = .* is not allowed"):
        call(rng)


def test_a_generator_is_passed_through_from_where_it_stands(rng):
    assert generator(rng) is rng


def test_noise_with_memory_needs_a_period_and_memoryless_noise_does_not():
    for noise in READ_NOISES:
        state = noise.init(G, rng=1)
        if noise.has_memory:
            with pytest.raises(ValueError, match="period = None is not a number"):
                noise.sample(G, state, 2, rng=2)
        else:
            with_period = noise.sample(G, state, 2, rng=2, period=1e-6)
            assert_equal(noise.sample(G, state, 2, rng=2), with_period)


def test_every_public_function_with_an_rng_takes_all_its_forms():
    for module in pkgutil.walk_packages(devices.__path__, "devices."):
        if module.name.split(".")[-1].startswith("_"):
            continue
        for owner in vars(importlib.import_module(module.name)).values():
            if getattr(owner, "__module__", None) != module.name:
                continue
            for name, function in [("", owner), *inspect.getmembers(owner, inspect.isfunction)]:
                if name.startswith("_") or not inspect.isfunction(function):
                    continue
                parameter = inspect.signature(function).parameters.get("rng")
                assert parameter is None or parameter.annotation == RNG, function.__qualname__
