"""The file of a sidecar: where it lies, and what is in it."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from devices.arguments import file_path
from nsm.disk import write_text
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.rows.sidecar_rows import Told, check_agreement, told_by
from nsm.sweeps.rows.stored_rows import journal_of

#: How the first line of a sidecar begins. A file without it is never written to.
MARK = "# Sidecar of sweep rows"
_FIRST = f"{MARK}: what they were computed with (SI units); nsm writes and extends this file.\n"
#: How the last line begins, which holds a hash of those before, so that an edit is noticed.
_CHECK = "# check: "
#: Note of a sidecar whose text is not the one that was written.
EDITED = "the sidecar was edited by hand, so that what it says is not certain"


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """What the rows of a file were computed with.

    Attributes:
        rows: Name of the file of rows.
        experiment: Hashes of what all rows of the file share, which each row repeats.
        started: When the first call began (UTC).
        command: The command of the first call; None in a notebook.
        versions: Versions of Python and of the libraries.
        machine: The machine of the first call.
        data: "name" if it is known, "images" (their number), "shape" of one image, "images_sha256"
            and "labels_sha256".
        seed: Seed of the sweep.
        spawn_key: Path of the seed below it, if a `SeedSequence` or Generator was given.
        chips: Chips of every point.
        samples: Noisy passes per image.
        sampling: "exact" or "moments".
        calibration: Number of images and options; empty if chips are not calibrated.
        until: When chips have read enough images; empty if they read all.
        networks: By name: "model", the hash of the network that rows repeat (or "models" by
            training seed); "error", its error in software, if that was told; and what
            `network_summary` returns.
        hardware: The hardware before the axes change it, as `read_hardware` takes it.
        devices: What the device of each entry of the hardware is like: a preset, and what differs.
        axes: The labels of every axis, in order; None is "none".
        calls: Later calls that added to the file with another command, version or machine.
        notes: What cannot be read back.
        finished: Rows in the file when a sweep into it last ended; None before.
    """

    rows: str
    experiment: str
    started: str
    command: str | None = None
    versions: dict[str, str]
    machine: dict[str, str]
    data: dict[str, Any]
    seed: int
    spawn_key: list[int] = field(default_factory=list)
    chips: int
    samples: int
    sampling: str
    calibration: dict[str, Any] = field(default_factory=dict)
    until: dict[str, Any] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]]
    hardware: dict[str, Any]
    devices: dict[str, str] = field(default_factory=dict)
    axes: dict[str, list[Any]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    finished: int | None = None

    def toml(self) -> str:
        """Return the text of the file."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        shown = {k: v for k, v in values.items() if v not in (None, [], {})}
        text = _FIRST + tomli_w.dumps(shown)
        return f"{text}{_CHECK}{_hash(text)}\n"

    def with_more(self, other: Sidecar) -> Sidecar:
        """Return this sidecar with the networks, values, chips and calls of another one."""
        axes = {name: list(values) for name, values in self.axes.items()}
        for name, values in other.axes.items():
            known = axes.setdefault(name, [])
            known += [v for v in values if not any(canonical(v) == canonical(k) for k in known)]
        networks = dict(self.networks)
        for name, network in other.networks.items():
            networks[name] = joined_network(networks.get(name, {}), network)
        calls = [*self.calls]
        for call in (other.call, *other.calls):
            if not any(_same_call(call, known) for known in (self.call, *calls)):
                calls.append(call)
        return replace(
            self,
            chips=max(self.chips, other.chips),
            axes=axes,
            networks=networks,
            calls=calls,
            notes=list(dict.fromkeys([*self.notes, *other.notes])),
        )

    @property
    def call(self) -> dict[str, Any]:
        """The first call: when it began, its command, versions and machine."""
        call = {"started": self.started, "versions": self.versions, "machine": self.machine}
        return call if self.command is None else {"command": self.command, **call}


def _hash(text: str) -> str:
    """Return the hash of a sidecar's text that its last line holds."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_edited(text: str) -> bool:
    """Return whether the text of a sidecar is another than its last line says."""
    body, found, check = text.rpartition(_CHECK)
    return bool(found) and _hash(body) != check.strip()


def joined_network(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the descriptions of a network as one, with the trainings of both."""
    models = {**one.get("models", {}), **other.get("models", {})}
    return {**other, **one, **({"models": models} if models else {})}


def _same_call(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two calls were made by the same command, versions and machine."""
    return all(one.get(k) == other.get(k) for k in ("command", "versions", "machine"))


def sidecar_paths(rows: str | Path) -> tuple[Path, Path]:
    """Return where the sidecar of a file may lie: by its stem, or else by its full name."""
    path = Path(rows)
    return path.with_suffix(".toml"), Path(f"{path}.toml")


def read_sidecar(rows: str | Path) -> Sidecar | None:
    """Return the sidecar of a file of rows; None if it has none.

    It is recognized by its experiment, so that rows and sidecar may be renamed or copied together.

    Args:
        rows: The file of rows, which need not exist.

    Returns:
        The sidecar. If its text was edited, its `notes` hold `EDITED`.

    Raises:
        ValueError: The sidecar is no TOML or lacks a key; or it has other samples, fewer chips or
            another experiment than the rows.
    """
    path = file_path("rows", rows)
    told = told_by(path)
    found = _place(path, told)
    if found is None:
        return None
    sidecar = _read(found)
    if told is not None:
        check_agreement(found, sidecar, told)
    return sidecar


def _place(rows: Path, told: Told | None) -> Path | None:
    """Return the file of the sidecar of `rows`; None if there is none.

    Args:
        rows: The file of rows.
        told: What its rows say; None if there are none yet.
    """
    for path in reversed(sidecar_paths(rows)):
        if not is_sidecar(path):
            continue
        sidecar = _read(path)
        if sidecar.rows == rows.name:
            return path
        # Rows and sidecar may have been renamed or copied together; the sidecar of another file of
        # the same stem, such as levels.csv beside levels.parquet, is not theirs.
        other = path.parent / sidecar.rows
        is_of_other = path in sidecar_paths(other) and (
            other.exists() or journal_of(other).exists()
        )
        if not is_of_other and (told is None or told.experiment == sidecar.experiment):
            return path
    return None


def is_sidecar(path: Path) -> bool:
    """Return whether a file is a sidecar, which its first line says."""
    if not os.path.isfile(path):  # Path.is_file fails for names that are too long
        return False
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().startswith(MARK)


def _read(path: Path) -> Sidecar:
    """Return the sidecar in a file."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
        _check_keys(table)
    except (ValueError, UnicodeDecodeError) as problem:
        raise ValueError(
            f"{path} is a damaged sidecar ({problem}); remove it, and the next call of its sweep "
            "writes it again"
        ) from None
    known = {f.name for f in fields(Sidecar)}
    sidecar = Sidecar(**{key: value for key, value in table.items() if key in known})
    if not _is_edited(text) or EDITED in sidecar.notes:
        return sidecar
    return replace(sidecar, notes=[*sidecar.notes, EDITED])


def _check_keys(table: Mapping[str, Any]) -> None:
    """Raise ValueError if the table of a sidecar lacks a key, or has a value of another kind."""
    required = [f for f in fields(Sidecar) if f.default is MISSING and f.default_factory is MISSING]
    missing = [f"`{f.name}`" for f in required if f.name not in table]
    if missing:
        what = f"key {missing[0]} is" if len(missing) == 1 else f"keys {', '.join(missing)} are"
        raise ValueError(f"{what} missing")
    kinds = {
        **dict.fromkeys(("rows", "experiment", "started", "sampling"), (str, "a text")),
        **dict.fromkeys(("chips", "samples"), (int, "a whole number")),
        **dict.fromkeys(("versions", "machine", "data", "networks", "hardware"), (dict, "a table")),
    }
    for name, (kind, words) in kinds.items():
        if type(table[name]) is not kind:
            raise ValueError(f"{name} = {table[name]!r} is not {words}")


def save_sidecar(rows: str | Path, sidecar: Sidecar) -> Path:
    """Write the sidecar of a file of rows in one step, and return its path."""
    place = place_for(rows)
    write_text(place, sidecar.toml())
    return place


def note_finished(rows: str | Path, count: int) -> None:
    """Note in the sidecar of a file how many rows it has, now that a sweep into it has ended."""
    sidecar = read_sidecar(rows)
    if sidecar is not None and sidecar.finished != count:
        save_sidecar(rows, replace(sidecar, finished=count))


def finished_rows(rows: Path, experiment: str | None) -> int:
    """Return how many rows a file had when a sweep into it last ended; 0 if nothing tells.

    Args:
        rows: The file of rows.
        experiment: The experiment of its rows; the sidecar of another one tells nothing of them.
            None if no row is left.
    """
    told = None if experiment is None else Told(experiment=experiment, samples=0, chips=0)
    try:
        place = _place(rows, told)
        sidecar = None if place is None else _read(place)
    except ValueError:  # damaged; whoever needs the sidecar itself gets the message
        return 0
    if sidecar is None or experiment not in (None, sidecar.experiment):
        return 0
    return sidecar.finished if type(sidecar.finished) is int else 0


def place_for(rows: str | Path) -> Path:
    """Return where the sidecar of a file of rows lies, or is to be written.

    Raises:
        ValueError: Other files have both of its names.
    """
    place = _place(Path(rows), told_by(Path(rows)))
    if place is not None:
        return place
    first, second = sidecar_paths(rows)
    if first.exists() and second.exists():
        raise ValueError(
            f"{second} is not the sidecar of these rows, and {first} neither; name the rows "
            "otherwise, so that a sidecar can lie beside them"
        )
    return second if first.exists() else first
