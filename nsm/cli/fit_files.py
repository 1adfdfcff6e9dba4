"""Files of `nsm fit`: which kind each one is, and the options that concern it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nsm.cli.options import say


class File(NamedTuple):
    """A file and the kind of its measurement."""

    kind: str
    path: Path


def files_of(kind: str, source: Path) -> list[File]:
    """Return the files to fit, in the order of their names; files of no kind are named.

    Args:
        kind: Kind of the measurement, or "all" for a folder.
        source: The file, or the folder.

    Raises:
        ValueError: `source` is no file or folder as `kind` needs it, or the folder has no file
            that is named by a kind.
    """
    from nsm.measurements.kinds import KINDS
    from nsm.measurements.tables import ENDINGS

    if kind != "all":
        if source.is_dir():
            raise ValueError(
                f"{source} is a folder; name one of its files, or fit all of them with nsm fit all "
                f"{source}"
            )
        return [File(kind, source)]
    if not source.is_dir():
        raise ValueError(f"nsm fit all needs a folder, and {source} is none")
    found, others = [], []
    for path in sorted(p for p in source.iterdir() if p.is_file()):
        # The longest name first, in case one kind's name begins another's.
        names = sorted((k for k in KINDS if path.name.lower().startswith(k)), key=len)
        if names and path.suffix.lower() in ENDINGS:
            found.append(File(names[-1], path))
        else:
            others.append(path.name)
    if not found:
        raise ValueError(
            f"no file in {source} is named by what was measured ({', '.join(KINDS)}), as "
            f"read-noise.csv is; it has {', '.join(others[:5]) or 'no files'}"
        )
    found.sort(key=lambda file: bool(KINDS[file.kind].base))  # after the fits that they complete
    if others:
        say(
            f"not fitted, because their names begin with no kind ({', '.join(KINDS)}): "
            f"{', '.join(others)}"
        )
    return found


def kinds_to_write(files: Sequence[File]) -> list[str]:
    """Return the kinds of files.

    Raises:
        ValueError: Two files give the same slot of a device; the message names both.
    """
    from nsm.measurements.kinds import KINDS

    taken: dict[str, File] = {}
    for file in files:
        slot = f"the {file.kind} of " * bool(KINDS[file.kind].base) + KINDS[file.kind].slot
        if slot in taken:
            raise ValueError(
                f"{taken[slot].path.name} and {file.path.name} both give {slot}, of which a device "
                "has one; move one of them elsewhere"
            )
        taken[slot] = file
    return [file.kind for file in files]


def limits_of(g_min: str | None, g_max: str | None) -> dict[str, Any]:
    """Return g_min and g_max [S] of texts such as "1 µS"; None for what is not given."""
    from nsm.measurements.units import quantity

    return {
        name: None if text is None else quantity(text, name, "conductance")
        for name, text in (("g_min", g_min), ("g_max", g_max))
    }


def fit_options_of(files: Sequence[File], options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of the fit of each kind; those that are None were not given.

    Raises:
        ValueError: An option concerns none of the files, or its value is none.
    """
    from nsm.measurements.fits import fit_options
    from nsm.measurements.kinds import KINDS

    kinds = [file.kind for file in files]
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if not any(name in KINDS[kind].options for kind in kinds):
            fit_options(kinds[0], {name: given[name]})  # which refuses it by name
    return {
        kind: fit_options(kind, {n: v for n, v in given.items() if n in KINDS[kind].options})
        for kind in kinds
    }


def read_all(files: Sequence[File], **options: Any) -> list[Any]:
    """Return the measurements in files.

    Args:
        files: The files.
        **options: Those of `nsm.measurements.read.read_file`. With several files, each option must
            have an effect on one of them.
    """
    from nsm.measurements.kinds import KINDS
    from nsm.measurements.read import read_file, refuse_without_effect

    if len(files) == 1:
        return [read_file(files[0].path, files[0].kind, **options)]
    for role in options["columns"]:
        if not any(role in KINDS[file.kind].roles for file in files):
            raise ValueError(f"--column {role}={options['columns'][role]}: no file has this role")
    measurements = []
    for file in files:
        own = {r: c for r, c in options["columns"].items() if r in KINDS[file.kind].roles}
        measurements.append(
            read_file(file.path, file.kind, **options | {"columns": own}, strict=False)
        )
    used = {name for m in measurements for name in m.used}
    for role, column in options["columns"].items():
        if f"column {role}" not in used:
            raise ValueError(
                f"--column {role}={column}: no file that has this role has a column {column!r}"
            )
    given = [n for n in ("period", "read_voltage", "reads", "cell") if options[n]]
    refuse_without_effect(
        [*given, *(f"unit {key}" for key in options["unit"])],
        used,
        str(files[0].path.parent),
        "all",
    )
    return measurements
