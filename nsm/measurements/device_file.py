"""Device files: written from fits, or updated with further ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devices import (
    Device,
    Fit,
    Preset,
    ProgrammingFit,
    RelaxationProcess,
    StuckCells,
    read_preset,
)
from devices.arguments import file_path, listed, text
from devices.tables import device_from, read_table, to_table
from devices.validation import boolean, instance, number, shortened
from nsm.disk import write_text
from nsm.measurements.device_text import OURS, device_text, new_comments
from nsm.measurements.fits import common_range, may_tell_range
from nsm.measurements.kinds import KINDS
from nsm.measurements.reading import Measurement
from nsm.measurements.written import Written, written_in
from nsm.places import check_file

_PROCESS = "relaxation_process"
_FROM_DATA = "range of conductance from the data"
Fitted = Sequence[tuple[Measurement, Fit]]


def check_device_file(path: str | Path, kinds: Sequence[str], *, replace: bool = False) -> None:
    """Raise ValueError unless the fits of these kinds can be written to a device file.

    Args:
        path: The file; it may exist.
        kinds: Kinds of the measurements.
        replace: Whether slots that the file has may be replaced.
    """
    path = Path(path)
    boolean("replace", replace)
    if path.suffix != ".toml":
        raise ValueError(f"cannot write {path}: a device file ends in .toml, as in mine.toml")
    check_file(path, "mine.toml")
    table = _existing(path)
    taken: dict[str, str] = {}
    for kind in kinds:
        slot, base = KINDS[kind].slot, KINDS[kind].base
        if base:
            _check_base(path, table, kind, kinds, replace=replace)
            continue
        if slot in taken:
            raise ValueError(
                f"{taken[slot]} and {kind} both give {slot} of a device, which has one; fit only "
                "one of them"
            )
        taken[slot] = kind
        if slot in table and not replace:
            raise ValueError(
                f"{path} already has {slot}, which {kind} would replace; add --replace for this, "
                "or write to another file"
            )


def _check_base(
    path: Path, table: dict[str, Any], kind: str, kinds: Sequence[str], *, replace: bool
) -> None:
    """Raise ValueError unless there is the model that a fit completes, and is not complete."""
    base, slot = KINDS[kind].base, KINDS[kind].slot
    if base in kinds:
        return
    model = table.get(slot, {})
    if model.get("kind") != _PROCESS:
        has = f"its {slot} is {model['kind']}" if model else f"it has no {slot}"
        raise ValueError(
            f"{kind} completes the relaxation process of a device, and {path} has none ({has}); "
            f"fit it before with nsm fit {base} FILE --out {path}, or both with nsm fit all"
        )
    if model.get("activation_energy_ev") and not replace:
        raise ValueError(
            f"{path} already has an activation energy of its {slot}, which {kind} would replace; "
            "add --replace for this"
        )


def process_for(path: str | Path, kind: str, fitted: Fitted) -> RelaxationProcess | None:
    """Return the process that a fit completes, from a fit before or a device file; None if none.

    Args:
        path: The device file.
        kind: What was measured.
        fitted: Measurements and fits so far.
    """
    if not KINDS[kind].base:
        return None
    for measurement, fit in fitted:
        if measurement.kind == KINDS[kind].base:
            return fit.model if isinstance(fit.model, RelaxationProcess) else None
    model = read_preset(Path(path)).model
    assert isinstance(model, Device), "it is no gate"
    return model.retention if isinstance(model.retention, RelaxationProcess) else None


def _existing(path: Path) -> dict[str, Any]:
    """Return what a device file has; nothing if there is no file."""
    if not path.exists():
        return {}
    table = read_table(path)
    if "gate" in table:
        raise ValueError(f"{path} describes a gate, and fits are for devices; name another file")
    device_from(table, str(path))
    return table


def _pairs(fitted: Fitted) -> list[tuple[Measurement, Fit]]:
    """Return measurements with their fits, or raise ValueError."""
    pairs = listed("fitted", fitted, "a list of (measurement, fit)")
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"fitted holds {shortened(pair)}; give pairs (measurement, fit)")
        instance("measurement in fitted", pair[0], Measurement)
        instance("fit in fitted", pair[1], Fit)
    if not pairs:
        raise ValueError("fitted is empty; give at least one (measurement, fit)")
    return [(measurement, fit) for measurement, fit in pairs]


def write_device(
    path: str | Path,
    fitted: Fitted,
    *,
    g_min: float | None = None,
    g_max: float | None = None,
    technology: str = "",
    citation: str = "",
    replace: bool = False,
) -> Preset:
    """Write fits to a device file, and return what is in it now.

    A file that exists keeps its other slots as they are written, and all comments; those inside of
    a slot that is replaced go to the end of the file. Estimates stand above each slot as comments,
    and examples of what is not set. The file is written whole or not at all.

    Args:
        path: The file, which ends in .toml.
        fitted: Measurements and their fits, of different slots.
        g_min: Smallest conductance of the device [S]; None for that of the file or of the data.
        g_max: Largest conductance of the device [S]; likewise.
        technology: What kind of cell it is.
        citation: Source of the measurement.
        replace: Whether slots, range and texts that the file has may be replaced; default False.

    Raises:
        ValueError: If the file has a slot already, two fits give the same slot, the data do not
            tell a range, or the fits do not make a device.
    """
    path = file_path("path", path)
    fitted = _pairs(fitted)
    check_device_file(path, [m.kind for m, _ in fitted], replace=replace)
    for name, said in {"technology": technology, "citation": citation}.items():
        text(name, said)
    fitted = sorted(fitted, key=lambda one: bool(KINDS[one[0].kind].base))
    table = _existing(path)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    written = written_in(old, OURS)
    _set_texts(table, fitted, technology=technology, citation=citation, where=path, replace=replace)
    _set_range(table, fitted, g_min=g_min, g_max=g_max, where=path, replace=replace)
    for measurement, fit in fitted:
        slot = KINDS[measurement.kind].slot
        table[slot] = _plain(slot, fit.model)
        written.above[slot] = new_comments(written.above.get(slot, ()), measurement, fit)
        if isinstance(fit, ProgrammingFit) and fit.faults != StuckCells():
            if "faults" in table and not replace:
                raise ValueError(
                    f"{path} already has faults, and {measurement.path} tells stuck cells; add "
                    "--replace to put these in their place"
                )
            table["faults"] = to_table(fit.faults)
            told = f"# Stuck cells by nsm fit programming to {measurement.path}."
            kept = [x for x in written.above.get("faults", ()) if not x.startswith(told[:14])]
            written.above["faults"] = [*kept, told]
    _keep_comments(written, table)
    content = device_text(table, written)
    device_from(table, str(path))  # the fits make a device, or the file stays as it was
    write_text(path, content)
    return read_preset(path)


def _keep_comments(written: Written, table: dict[str, Any]) -> None:
    """Put comments from inside of fields that have changed or gone to the end of the file."""
    for name in written.lines:
        if name not in table or not written.unchanged(name, table[name]):
            written.others += written.inside(name)
        if name not in table:
            written.others += written.above.get(name, [])


def check_range(
    path: str | Path,
    measurements: Sequence[Measurement],
    *,
    g_min: float | None = None,
    g_max: float | None = None,
) -> None:
    """Raise ValueError if it is known before the fits that nothing tells the range of the device.

    Args:
        path: The device file; it may exist.
        measurements: What is to be fitted.
        g_min: Smallest conductance by argument [S], or None.
        g_max: Largest conductance by argument [S], or None.
    """
    table = _existing(Path(path))
    if (g_min is not None or "g_min" in table) and (g_max is not None or "g_max" in table):
        return
    if not any(may_tell_range(m) for m in measurements):
        raise _no_range([m.path for m in measurements])


def _no_range(files: Sequence[str]) -> ValueError:
    """Return the error that files do not tell the range of a device."""
    return ValueError(
        f"the cells of {', '.join(files)} do not tell the range of the device; give its smallest "
        "and largest conductance, such as --g-min 1e-6 --g-max 100e-6, or add to a device file "
        "that has them"
    )


def _plain(slot: str, model: Any) -> Any:
    """Return a model as it stands in the file; levels are a list of numbers."""
    if slot == "levels":
        return [float(g) for g in model]
    return to_table(model)


def _set_range(
    table: dict[str, Any],
    fitted: Fitted,
    *,
    g_min: float | None,
    g_max: float | None,
    where: Path,
    replace: bool,
) -> None:
    """Set the range of conductance [S] in a table."""
    for name, value in (("g_min", g_min), ("g_max", g_max)):
        if value is None:
            continue
        number(name, value, at_least=0, unit="S")
        if name in table and table[name] != value and not replace:
            raise ValueError(
                f"{where} has {name} = {table[name]:g} S, not {value:g}; add --replace to change it"
            )
        table[name] = float(value)
        kept = [t for t in table.get("inferred", "").split("; ") if t not in ("", _FROM_DATA)]
        table["inferred"] = "; ".join(kept)
    is_from_data = _FROM_DATA in table.get("inferred", "") and g_min is None and g_max is None
    if "g_min" in table and "g_max" in table and not is_from_data:
        return
    found = common_range(fitted)
    if is_from_data:  # further data widen a range that came from data
        found = _united(found, (table.pop("g_min"), table.pop("g_max")))
    if found is None or found[0] >= found[1]:
        raise _no_range([m.path for m, _ in fitted])
    for name, value in zip(("g_min", "g_max"), found, strict=True):
        table.setdefault(name, float(f"{value:.4g}"))
    # Four digits may cut off the outer levels.
    levels = [g for m, fit in fitted if m.kind == "levels" for g in fit.model]
    if levels:
        table["g_min"] = min(table["g_min"], *levels) if g_min is None else table["g_min"]
        table["g_max"] = max(table["g_max"], *levels) if g_max is None else table["g_max"]
    if _FROM_DATA not in table.get("inferred", ""):
        table["inferred"] = "; ".join(filter(None, [table.get("inferred", ""), _FROM_DATA]))


def _united(a: tuple[float, float] | None, b: tuple[float, float]) -> tuple[float, float]:
    """Return the range [S] that holds two."""
    return b if a is None else (min(a[0], b[0]), max(a[1], b[1]))


def _set_texts(
    table: dict[str, Any],
    fitted: Fitted,
    *,
    technology: str,
    citation: str,
    where: Path,
    replace: bool,
) -> None:
    """Set the provenance in a table; what it tells of replaced slots is taken out."""
    for name, given in (("technology", technology), ("citation", citation)):
        if given and table.get(name, given) != given and not replace:
            raise ValueError(f"{where} has another {name}: {table[name]!r}; add --replace")
        if given:
            table[name] = given
    table.setdefault("technology", "")
    table["status"] = "refit"
    parts = [p for p in table.get("measured", "").split("; ") if p]
    lines = [x for x in table.get("notes", "").splitlines() if x]
    for measurement, fit in fitted:
        slot = KINDS[measurement.kind].slot
        of_slot = [name for name, kind in KINDS.items() if kind.slot == slot]
        same = [measurement.kind] if KINDS[measurement.kind].base else of_slot
        parts = [p for p in parts if not p.startswith(tuple(f"{name} (" for name in same))]
        lines = [x for x in lines if not x.startswith(tuple(f"{name}: " for name in same))]
        cells = f"{len(measurement.cells)} cells, " if len(measurement.cells) > 1 else ""
        parts.append(f"{measurement.kind} ({cells}{Path(measurement.path).name})")
        lines += [f"{measurement.kind}: {' '.join(note.split())}" for note in fit.notes]
    table["measured"] = "; ".join(parts)
    table["notes"] = "\n".join(lines)
