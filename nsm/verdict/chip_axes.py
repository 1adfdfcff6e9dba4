"""Axes of the chip around the cells: gain, age, temperature, wires, comparators, converters."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from crossbar import Adc, Comparator, Dac, Hardware, Wires
from nsm.sweeps.refusals.inert_axes import inert_reason
from nsm.verdict.axis import Axis, Context, DoesNotAct, geometric
from nsm.verdict.setting import Setting

#: Age in whose units a tolerated age is told: what data sheets of memories promise [s].
TEN_YEARS = 10 * 365.25 * 86400
#: Temperature in whose excess over the given one a tolerated warming is told: 85 °C [K].
WARM = 358.0
#: Resistance of a segment in whose units that of ideal wires is told [Ω].
SEGMENT = 1.0
#: Largest resistance of a segment that is tried [Ω]; arrays have 0.5 to 20 Ω.
WORST_SEGMENT = 300.0
#: Bits in whose units those of ideal converters are told.
BITS = 8
_FINEST = 12


def _check_acts(name: str, context: Context, seconds: float = 0.0) -> None:
    """Raise DoesNotAct with the reason that sweeps give for an axis without effect."""
    point = {"hardware": context.given.hardware, "seconds": seconds}
    reason = inert_reason(name, [point])
    if reason:
        raise DoesNotAct(reason)


def drift_time(context: Context) -> Axis:
    """Age of the chip when it is read."""
    _check_acts("seconds", context)
    return Axis(
        unit="s",
        given=0.0,
        outward=(0.0, *geometric(1.0, 3 * TEN_YEARS, max(context.step, 3.0))),
        reference=TEN_YEARS,
        reference_text="ten years",
        apply=lambda setting, value: replace(setting, seconds=value),
    )


def temperature(context: Context) -> Axis:
    """Warming of the cells when they are read."""
    _check_acts("temperature", context)
    given = context.common(lambda h: h.temperature)

    def apply(setting: Setting, value: float) -> Setting:
        return setting.each(lambda h: replace(h, temperature=given + value))

    return Axis(
        unit="K of warming",
        given=0.0,
        outward=(0.0, *geometric(5.0, 200.0, context.step)),
        reference=max(WARM - given, 1.0),
        reference_text="85 °C",
        apply=apply,
    )


def _gain(context: Context, worst: float, compensation: str | None) -> Axis:
    """Return the axis of a common-mode gain from 1 to a worst one."""
    if not context.facts.sees_scale and compensation is not None:
        raise DoesNotAct("all layers end in comparators, whose signs need no compensation")
    return Axis(
        unit="",
        given=1.0,
        outward=geometric(1.0, worst, context.step),
        reference=1.0,
        reference_text="no gain",
        falling=worst < 1,
        apply=lambda setting, value: replace(setting, gain=value, compensation=compensation),
    )


def gain_falls(context: Context) -> Axis:
    """Smallest common-mode gain."""
    return _gain(context, 1e-3, None)


def gain_rises(context: Context) -> Axis:
    """Largest common-mode gain."""
    return _gain(context, 1e3, None)


def gain_falls_compensated(context: Context) -> Axis:
    """Smallest common-mode gain, with one measured factor per layer."""
    return _gain(context, 1e-3, "layer")


def gain_rises_compensated(context: Context) -> Axis:
    """Largest common-mode gain, with one measured factor per layer."""
    return _gain(context, 1e3, "layer")


def wires(context: Context) -> Axis:
    """Resistance of the segments, r_row = r_col; a factor on them where wires are given.

    Neighboring values differ by the square of the step: each is a circuit that is solved anew.
    """
    step = context.step**2
    own = [part.wires for part in context.given.parts]
    if all(w is None for w in own):

        def add(hardware: Hardware, ohms: float) -> Hardware:
            return replace(hardware, wires=Wires(r_row=ohms, r_col=ohms))

        return Axis(
            unit="Ω per segment",
            given=0.0,
            outward=(0.0, *geometric(0.1, WORST_SEGMENT, step)),
            reference=SEGMENT,
            reference_text=f"{SEGMENT:g} Ω per segment",
            apply=lambda setting, value: setting.each(lambda h: add(h, value)),
        )

    def scale(hardware: Hardware, factor: float) -> Hardware:
        w = hardware.wires
        if w is None:
            return hardware
        row, col = (np.asarray(r, dtype=np.float64) * factor for r in (w.r_row, w.r_col))
        numbers: list[Any] = [float(r) if r.ndim == 0 else r for r in (row, col)]
        return replace(hardware, wires=replace(w, r_row=numbers[0], r_col=numbers[1]))

    return Axis(
        unit="× given",
        given=1.0,
        outward=geometric(1.0, 100.0, step),
        inward=(1e-3, *geometric(0.03, 1.0, step)[:-1]),
        reference=1.0,
        apply=lambda setting, value: setting.each(lambda h: scale(h, value)),
    )


def _comparator(context: Context, field: str) -> Axis:
    """Return the axis of a field of the comparators [A]."""
    if not context.facts.has_comparators:
        raise DoesNotAct("no layer of this network ends in comparators")
    given = context.common(lambda h: getattr(h.comparator, field))
    cell = max(h.read_voltage * (h.device.g_max - h.device.g_min) for h in context.given.parts)

    def apply(setting: Setting, value: float) -> Setting:
        def change(hardware: Hardware) -> Hardware:
            comparator: Comparator = replace(hardware.comparator, **{field: value})
            return replace(hardware, comparator=comparator)

        return setting.each(change)

    if given:
        return Axis(
            unit="A",
            given=given,
            outward=geometric(given, max(1e3 * cell, given), context.step),
            inward=(0.0, *geometric(given / 30, given, context.step)[:-1]),
            reference=given,
            apply=apply,
        )
    return Axis(
        unit="A",
        given=0.0,
        outward=(0.0, *geometric(1e-2 * cell, 1e3 * cell, context.step)),
        reference=cell,
        reference_text="the full-scale current of one cell",
        apply=apply,
    )


def comparator_offset(context: Context) -> Axis:
    """Standard deviation of the offsets of comparators."""
    return _comparator(context, "offset")


def comparator_noise(context: Context) -> Axis:
    """Standard deviation of the noise of comparators."""
    return _comparator(context, "noise")


def _bits(
    context: Context, given: int | None, least: int, apply: Callable[[Setting, float], Setting]
) -> Axis:
    """Return the axis of the bits of converters; infinite for exact ones."""
    if given is None:
        return Axis(
            unit="bits",
            given=math.inf,
            outward=(math.inf, *(float(b) for b in range(_FINEST, least - 1, -1))),
            reference=BITS,
            reference_text=f"{BITS} bits",
            falling=True,
            apply=apply,
        )
    finer = range(max(_FINEST, given + 4), given, -1)
    return Axis(
        unit="bits",
        given=given,
        outward=tuple(float(b) for b in range(given, least - 1, -1)),
        inward=(math.inf, *(float(b) for b in finer)),
        reference=given,
        falling=True,
        apply=apply,
    )


def adc_bits(context: Context) -> Axis:
    """Bits of the converters of all layers that do not end in comparators."""
    if not context.facts.has_linear_outputs:
        raise DoesNotAct("every layer on tiles ends in comparators")
    given = context.common(lambda h: None if h.adc is None else h.adc.bits)

    def change(hardware: Hardware, value: float) -> Hardware:
        if math.isinf(value):
            return replace(hardware, adc=None)
        adc = Adc(int(value)) if hardware.adc is None else replace(hardware.adc, bits=int(value))
        return replace(hardware, adc=adc)

    return _bits(context, given, 1, lambda s, value: s.each(lambda h: change(h, value)))


def dac_bits(context: Context) -> Axis:
    """Bits of the converters of all inputs."""
    given = context.common(lambda h: None if h.dac is None else h.dac.bits)

    def change(hardware: Hardware, value: float) -> Hardware:
        if math.isinf(value):
            return replace(hardware, dac=None)
        dac = Dac(int(value)) if hardware.dac is None else replace(hardware.dac, bits=int(value))
        return replace(hardware, dac=dac)

    return _bits(context, given, 2, lambda s, value: s.each(lambda h: change(h, value)))
