"""From a measurement to a fit, and to the range of conductance that it spans."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from devices import Fit, LevelsFit, ProgrammingFit, PulsesFit
from devices.seeding import RNG, seed_sequence
from devices.validation import Floats, boolean, choice, instance, integer
from nsm.measurements.active import check_trace_options, fit_trace
from nsm.measurements.kinds import KINDS, Kind
from nsm.measurements.reading import Measurement
from nsm.measurements.units import quantity

#: Cells tell the range of a device if their conductances differ by this factor.
WIDE = 2.0


def fit_options(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a fit in SI.

    Args:
        kind: What was measured, a key of `KINDS`.
        options: Options by name, as numbers in SI or texts such as "25 °C".

    Raises:
        ValueError: If the fit of this kind has no such option, or a value is not one.
    """
    known = KINDS[kind].options
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has no options"
            raise ValueError(
                f"--{name.replace('_', '-')} has no effect on the fit of {kind}; {has}"
            )
        if known[name] in ("integer", "flag"):
            found[name] = (
                integer(name, value, at_least=0)
                if known[name] == "integer"
                else boolean(name, value)
            )
        else:
            found[name] = quantity(value, name, known[name])
    if kind == "telegraph":
        check_trace_options(**found)
    return found


def fit_measurement(
    measurement: Measurement, *, rng: RNG = 0, process: Any = None, **options: Any
) -> Fit:
    """Return the fit of a measurement, with the counts of its table.

    Args:
        measurement: What `read_measurement` returns.
        rng: A seed, a Generator, a SeedSequence or None, for fits that draw resamples; default 0.
        process: The `RelaxationProcess` that bakes complete; None for other kinds.
        **options: Options of the fit: `instrument` [S] of read noise; `levels`, `active` and
            `window` [s] of telegraph noise; `measured_at` [K] of relaxation; `t_ref` [K] of
            temperature.

    Raises:
        ValueError: If the fit has no such option, a process is missing or has no effect, or the
            data cannot be fitted; the message names the file.
    """
    advice = "give what nsm.read_measurement returns"
    instance("measurement", measurement, Measurement, advice=advice)
    seed_sequence(rng)
    kind = KINDS[choice("kind of measurement", measurement.kind, KINDS)]
    given = fit_options(kind.name, options) | ({"rng": rng} if kind.is_random else {})
    if bool(kind.base) != (process is not None):
        raise ValueError(
            f"{measurement.path}, fitted as {kind.name}: "
            + (
                f"it completes the model of {kind.base}; give process=, the model of its fit"
                if kind.base
                else "process has no effect on it; leave it out"
            )
        )
    if kind.base:
        given["process"] = process
    if kind.takes_names and measurement.cells:
        given["names"] = measurement.cells
    try:
        fit: Fit = _function_of(kind)(**measurement.arrays, **given)
    except ValueError as problem:
        raise ValueError(f"{measurement.path}, fitted as {kind.name}: {problem}") from None
    return replace(fit, counts={**measurement.counts, **fit.counts})


def _function_of(kind: Kind) -> Callable[..., Fit]:
    """Return the fit of a kind."""
    import devices

    if kind.name == "telegraph":
        return fit_trace
    function: Callable[..., Fit] = getattr(devices, kind.fit)
    return function


def conductance_range(measurement: Measurement, fit: Fit) -> tuple[float, float] | None:
    """Return the smallest and largest conductance [S] of a device by one measurement.

    Levels and pulses tell it by their fit, programming by its targets, and relaxation, set and
    reset by the 0.5 and 99.5 % quantiles of cells. Read noise and temperature tell it if cells
    differ by a factor `WIDE`; a single trace and bakes do not, which is None.
    """
    arrays = measurement.arrays
    if isinstance(fit, LevelsFit):
        return fit.levels[0], fit.levels[-1]
    if isinstance(fit, ProgrammingFit):
        return _ends(arrays["target"])
    if isinstance(fit, PulsesFit):
        return _ends(np.concatenate([fit.up, fit.down]))
    if measurement.kind == "relaxation":
        return _ends(arrays["start"], tail=0.005)
    if measurement.kind == "set-reset":
        return _ends(np.concatenate([arrays["set_"].ravel(), arrays["reset"].ravel()]), tail=0.005)
    if measurement.kind in ("read-noise", "temperature"):
        g = np.atleast_2d(arrays["g"])
        cells = np.nanmedian(g, axis=1 if measurement.kind == "read-noise" else 0)
        low, high = _ends(cells)
        return (low, high) if high > WIDE * low else None
    return None


def may_tell_range(measurement: Measurement) -> bool:
    """Return whether the range of a device can come of a measurement, before its fit."""
    if measurement.kind not in ("read-noise", "telegraph", "temperature", "bake"):
        return True
    return conductance_range(measurement, Fit(model=None)) is not None


def _ends(g: Floats, tail: float = 0.0) -> tuple[float, float]:
    """Return lower and upper quantile of conductances [S], at least 0."""
    low, high = np.nanquantile(g, [tail, 1 - tail])
    return max(float(low), 0.0), max(float(high), 0.0)


def common_range(
    fitted: Sequence[tuple[Measurement, Fit]],
) -> tuple[float, float] | None:
    """Return the range [S] that holds those of all measurements; None if none tells one."""
    ranges = [r for m, fit in fitted if (r := conductance_range(m, fit)) is not None]
    if not ranges:
        return None
    return min(low for low, _ in ranges), max(high for _, high in ranges)
