"""Device files: written from fits, or updated with further ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from devices import Fit, Preset, ProgrammingFit, StuckCells, read_preset
from devices.tables import device_from, read_table, to_table
from devices.validation import number
from nsm.disk import atomic_write, check_folder_of, check_no_folder
from nsm.measurements.device_text import comments_of, device_text, slot_comments
from nsm.measurements.fits import common_range, may_tell_range
from nsm.measurements.kinds import KINDS
from nsm.measurements.reading import Measurement

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
    if path.suffix != ".toml":
        raise ValueError(f"cannot write {path}: a device file ends in .toml, as in mine.toml")
    check_folder_of(path)
    check_no_folder(path, "mine.toml")
    table = _existing(path)
    taken: dict[str, str] = {}
    for kind in kinds:
        slot = KINDS[kind].slot
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


def _existing(path: Path) -> dict[str, Any]:
    """Return what a device file has; nothing if there is no file."""
    if not path.exists():
        return {}
    table = read_table(path)
    if "gate" in table:
        raise ValueError(f"{path} describes a gate, and fits are for devices; name another file")
    device_from(table, str(path))
    return table


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

    A file that exists keeps its other slots, and the comments in lines above its fields; comments
    behind a value or inside a table are lost. Estimates stand above each slot as
    comments, and examples of what is not set. The file is written whole or not at all.

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
    path = Path(path)
    check_device_file(path, [m.kind for m, _ in fitted], replace=replace)
    table = _existing(path)
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    comments, others = comments_of(old, list(table))
    _set_texts(table, fitted, technology=technology, citation=citation, where=path, replace=replace)
    _set_range(table, fitted, g_min=g_min, g_max=g_max, where=path, replace=replace)
    for measurement, fit in fitted:
        slot = KINDS[measurement.kind].slot
        table[slot] = _plain(slot, fit.model)
        comments[slot] = slot_comments(measurement, fit)
        if isinstance(fit, ProgrammingFit) and fit.faults != StuckCells():
            if "faults" in table and not replace:
                raise ValueError(
                    f"{path} already has faults, and {measurement.path} tells stuck cells; add "
                    "--replace to put these in their place"
                )
            table["faults"] = to_table(fit.faults)
            comments["faults"] = [f"# Stuck cells by nsm fit programming to {measurement.path}."]
    text = device_text(table, comments, others)
    device_from(table, str(path))  # the fits make a device, or the file stays as it was
    with atomic_write(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return read_preset(path)


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
    for name, text in (("technology", technology), ("citation", citation)):
        if text and table.get(name, text) != text and not replace:
            raise ValueError(f"{where} has another {name}: {table[name]!r}; add --replace")
        if text:
            table[name] = text
    table.setdefault("technology", "")
    table["status"] = "refit"
    parts = [p for p in table.get("measured", "").split("; ") if p]
    lines = [x for x in table.get("notes", "").splitlines() if x]
    for measurement, fit in fitted:
        slot = KINDS[measurement.kind].slot
        same = [name for name, kind in KINDS.items() if kind.slot == slot]
        parts = [p for p in parts if not p.startswith(tuple(f"{name} (" for name in same))]
        lines = [x for x in lines if not x.startswith(tuple(f"{name}: " for name in same))]
        cells = f"{len(measurement.cells)} cells, " if len(measurement.cells) > 1 else ""
        parts.append(f"{measurement.kind} ({cells}{Path(measurement.path).name})")
        lines += [f"{measurement.kind}: {' '.join(note.split())}" for note in fit.notes]
    table["measured"] = "; ".join(parts)
    table["notes"] = "\n".join(lines)
