"""Axes of the cells: levels, programming error, noise, traps, faults, range."""

import math
from dataclasses import replace
from typing import Any

from crossbar import Hardware
from devices import (
    Device,
    GaussianNoise,
    IdealWrite,
    NoFaults,
    NoNoise,
    ReadNoise,
    StateDependentError,
    StuckCells,
    TelegraphNoise,
    TrapEnsemble,
    WriteModel,
    with_on_off_ratio,
)
from devices.read_noise.product import factors_of, product_of
from devices.read_noise.thermal import split_current_noise
from nsm.verdict.axis import Axis, Context, DoesNotAct, geometric, whole
from nsm.verdict.models import FrozenTraps, ScaledError, scaled_noise
from nsm.verdict.setting import Setting

#: ΔG/G of the traps whose time is varied where the device has none of its own.
AMPLITUDE_OF_TIME = 0.5


def _with_device(setting: Setting, **changes: Any) -> Setting:
    """Return the setting with changed fields of all devices."""
    return setting.each(lambda h: replace(h, device=replace(h.device, **changes)))


def levels(context: Context) -> Axis:
    """Number of evenly spaced conductance levels; the given levels may be measured ones."""
    of_device = context.common(lambda h: h.device.levels)
    count = len(of_device) if isinstance(of_device, tuple) else of_device

    def apply(setting: Setting, value: float) -> Setting:
        if value == count:  # measured levels need not be evenly spaced
            return setting
        return _with_device(setting, levels=None if math.isinf(value) else int(value))

    if count is None:
        return Axis(
            unit="levels",
            given=math.inf,
            outward=(math.inf, *whole(256, 2, context.step)),
            reference=256,
            reference_text="256 levels",
            falling=True,
            apply=apply,
        )
    finer = whole(16 * count, count, context.step)[:-1]
    return Axis(
        unit="levels",
        given=count,
        outward=whole(count, 2, context.step),
        inward=(math.inf, *finer),
        reference=count,
        falling=True,
        apply=apply,
    )


def _scaled_write(write: WriteModel, factor: float) -> WriteModel:
    """Return a write model whose error is multiplied by a factor."""
    if factor == 0:
        return IdealWrite()
    own = getattr(write, "error_factor", None)
    if own is None:
        return ScaledError(write=write, factor=factor)
    changed: WriteModel = replace(write, error_factor=own * factor)  # type: ignore[type-var]
    return changed


def programming_error(context: Context) -> Axis:
    """Factor on the given programming error; a normal error where an ideal one is given."""
    if all(isinstance(part.device.write, IdealWrite) for part in context.given.parts):
        return Axis(
            unit="of the range",
            given=0.0,
            outward=(0.0, *geometric(1e-3, 1.0, context.step)),
            reference=1.0,
            reference_text="the conductance range",
            apply=lambda setting, value: setting.each(lambda h: _with_normal_error(h, value)),
        )
    return Axis(
        unit="× given",
        given=1.0,
        outward=geometric(1.0, 100.0, context.step),
        inward=(0.0, *geometric(0.03, 1.0, context.step)[:-1]),
        reference=1.0,
        apply=lambda setting, value: setting.each(
            lambda h: replace(
                h, device=replace(h.device, write=_scaled_write(h.device.write, value))
            )
        ),
    )


def _with_normal_error(hardware: Hardware, share: float) -> Hardware:
    """Return hardware with a normal programming error that is a share of the range."""
    device = hardware.device
    error = StateDependentError(coefficients=(share * (device.g_max - device.g_min),))
    return replace(hardware, device=replace(device, write=error))


def _with_factors(device: Device, factors: ReadNoise) -> Device:
    """Return a device with other factors of read noise, which keeps its thermal noise."""
    _, current = split_current_noise(device.read_noise)
    if current is None:
        return replace(device, read_noise=factors)
    return replace(device, read_noise=product_of(factors, current))


def read_noise(context: Context) -> Axis:
    """Factor on the given read noise; normal noise is added where none is given."""
    parts = context.given.parts
    factors = [split_current_noise(part.device.read_noise)[0] for part in parts]
    if all(isinstance(noise, NoNoise) for noise in factors):

        def add(hardware: Hardware, sigma: float) -> Hardware:
            return replace(hardware, device=_with_factors(hardware.device, GaussianNoise(sigma)))

        return Axis(
            unit="σ(G)/G",
            given=0.0,
            outward=(0.0, *geometric(3e-3, 2.0, context.step)),
            reference=1.0,
            reference_text="σ(G) = G",
            apply=lambda setting, value: setting.each(lambda h: add(h, value)),
        )

    def scale(hardware: Hardware, factor: float) -> Hardware:
        own = split_current_noise(hardware.device.read_noise)[0]
        if isinstance(own, NoNoise):
            return hardware
        changed = NoNoise() if factor == 0 else scaled_noise(own, factor)
        return replace(hardware, device=_with_factors(hardware.device, changed))

    return Axis(
        unit="× given",
        given=1.0,
        outward=geometric(1.0, 30.0, context.step),
        inward=(0.0, *geometric(0.03, 1.0, context.step)[:-1]),
        reference=1.0,
        apply=lambda setting, value: setting.each(lambda h: scale(h, value)),
        reads_cells=any(noise.has_memory for noise in factors),
    )


def _traps_of(noise: ReadNoise) -> TelegraphNoise | None:
    """Return the telegraph noise among the factors of a read noise; None if there is none."""
    return next((f for f in factors_of(noise) if isinstance(f, TelegraphNoise)), None)


def _with_traps(device: Device, traps: TelegraphNoise | None) -> Device:
    """Return a device whose telegraph noise is replaced, or added; None takes it away."""
    kept = [f for f in factors_of(device.read_noise) if not isinstance(f, TelegraphNoise)]
    return replace(device, read_noise=product_of(*kept, traps or NoNoise()))


def _check_no_ensemble(context: Context) -> None:
    """Raise DoesNotAct for ensembles of traps, whose amplitudes and times are laws."""
    for part in context.given.parts:
        if any(isinstance(f, TrapEnsemble) for f in factors_of(part.device.read_noise)):
            raise DoesNotAct(
                "the read noise has an ensemble of traps, whose amplitudes and times differ; the "
                "axis read noise scales them together, and a sweep of device.read_noise.delta_sat "
                "or of its laws of time changes them alone"
            )


def telegraph_amplitude(context: Context) -> Axis:
    """ΔG/G of one trap per cell: as given, or of traps that keep their state in all reads."""
    _check_no_ensemble(context)
    own = context.common(lambda h: _traps_of(h.device.read_noise))
    if own is None:

        def freeze(hardware: Hardware, amplitude: float) -> Hardware:
            d = hardware.device
            write = FrozenTraps(write=d.write, amplitude=amplitude, g_min=d.g_min, g_max=d.g_max)
            return replace(hardware, device=replace(d, write=write))

        return Axis(
            unit="ΔG/G, slow traps",
            given=0.0,
            outward=(0.0, *geometric(1e-2, 1.0, context.step)),
            reference=1.0,
            reference_text="ΔG = G",
            apply=lambda setting, value: setting.each(lambda h: freeze(h, value)),
        )
    traps = own

    def vary(hardware: Hardware, amplitude: float) -> Hardware:
        changed = replace(traps, amplitude=amplitude) if amplitude else None
        return replace(hardware, device=_with_traps(hardware.device, changed))

    return Axis(
        unit="ΔG/G",
        given=own.amplitude,
        outward=geometric(own.amplitude, 1.0, context.step),
        inward=(0.0, *geometric(own.amplitude / 30, own.amplitude, context.step)[:-1]),
        reference=own.amplitude,
        apply=lambda setting, value: setting.each(lambda h: vary(h, value)),
        reads_cells=True,
    )


def telegraph_time(context: Context) -> Axis:
    """Correlation time 1/λ of the traps; where the device has none, of traps with ΔG/G = 0.5."""
    _check_no_ensemble(context)
    own = context.common(lambda h: _traps_of(h.device.read_noise))
    period = context.common(lambda h: h.read_period)

    def apply(setting: Setting, value: float) -> Setting:
        if own is None:
            traps = TelegraphNoise(AMPLITUDE_OF_TIME, 2 * value, 2 * value)
        else:
            factor = value * own.rate
            traps = replace(
                own, tau_capture=own.tau_capture * factor, tau_emission=own.tau_emission * factor
            )
        return setting.each(lambda h: replace(h, device=_with_traps(h.device, traps)))

    step = max(context.step, 4.0)
    if own is None:
        return Axis(
            unit=f"s at ΔG/G = {AMPLITUDE_OF_TIME:g}",
            given=0.0,
            outward=(0.0, *geometric(period / 10, period * 1e4, step)),
            reference=period,
            reference_text="the read period",
            apply=lambda setting, value: apply(setting, value) if value else setting,
            reads_cells=True,
        )
    return Axis(
        unit="s",
        given=1 / own.rate,
        outward=geometric(1 / own.rate, 1e6 / own.rate, step),
        inward=geometric(1e-4 / own.rate, 1 / own.rate, step)[:-1],
        reference=1 / own.rate,
        apply=apply,
        reads_cells=True,
    )


def stuck_cells(context: Context) -> Axis:
    """Share of stuck cells; half of them at either end of the range, or as given."""
    faults = context.common(lambda h: h.device.faults)
    low = high = 0.5
    given = 0.0
    if isinstance(faults, StuckCells):
        given = faults.p_stuck_lrs + faults.p_stuck_hrs
        if given:
            low, high = faults.p_stuck_lrs / given, faults.p_stuck_hrs / given
    elif not isinstance(faults, NoFaults):
        raise DoesNotAct(f"{type(faults).__name__} has no share of stuck cells to vary")

    def apply(setting: Setting, value: float) -> Setting:
        stuck = StuckCells(p_stuck_lrs=low * value, p_stuck_hrs=high * value)
        return _with_device(setting, faults=stuck)

    if not given:
        return Axis(
            unit="of the cells",
            given=0.0,
            outward=(0.0, *geometric(1e-4, 0.5, context.step)),
            reference=1.0,
            reference_text="all cells",
            apply=apply,
        )
    return Axis(
        unit="of the cells",
        given=given,
        outward=geometric(given, max(0.5, given), context.step),
        inward=(0.0, *geometric(given / 30, given, context.step)[:-1]),
        reference=given,
        apply=apply,
    )


def on_off_ratio(context: Context) -> Axis:
    """g_max/g_min, whose g_min moves, and the pulses that begin there."""
    given = context.common(lambda h: h.device.on_off_ratio)

    def apply(setting: Setting, value: float) -> Setting:
        if value == given:
            return setting
        return setting.each(lambda h: replace(h, device=with_on_off_ratio(h.device, value)))

    if math.isinf(given):
        return Axis(
            unit="",
            given=math.inf,
            outward=(math.inf, *geometric(1000.0, 1.1, context.step)),
            reference=10.0,
            reference_text="a ratio of 10",
            falling=True,
            apply=apply,
        )
    return Axis(
        unit="",
        given=given,
        outward=geometric(given, min(1.1, given), context.step),
        inward=(math.inf, *geometric(30 * given, given, context.step)[:-1]),
        reference=given,
        falling=True,
        apply=apply,
    )
