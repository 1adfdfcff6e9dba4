"""In which values two sweeps differ, as their sidecars tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crossbar.paths import flattened
from devices.validation import shortened
from nsm.sweeps.hashing.identity import canonical

if TYPE_CHECKING:
    from nsm.sweeps.rows.sidecar_file import Sidecar

#: How chips are read: what the third part of an experiment's hash covers.
_SETTINGS = ("samples", "seed", "spawn_key", "sampling", "calibration", "until")
#: Differing values that a message shows.
_SHOWN = 3


def differences(one: Sidecar, other: Sidecar, where: tuple[str, str]) -> str:
    """Return the first values in which two sweeps differ, in words; "" if none does.

    Args:
        one: What is known of the one.
        other: What is known of the other.
        where: What the message calls them, such as ("there", "here").
    """
    data = [{k: v for k, v in each.data.items() if _is_of_data(k)} for each in (one, other)]
    settings = [{name: getattr(each, name) for name in _SETTINGS} for each in (one, other)]
    hardware = [_paths(each.hardware) for each in (one, other)]
    found = [
        f"{name}: {a} {where[0]}, {b} {where[1]}"
        for pair in (data, hardware, settings)
        for name, a, b in _differing(*pair)
    ]
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + more


def _is_of_data(name: str) -> bool:
    """Return whether an entry of the data decides what the images and labels are."""
    return name in ("images", "shape", "images_sha256", "labels_sha256")


def _paths(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a hardware by dotted paths; one by layer, or several, by their names too."""
    if "several" in table:
        return {"several": table["several"]}
    if "layers" in table:
        entries = table["layers"].items()
        return {f"{key}:{p}": v for key, of in entries for p, v in flattened(of).items()}
    return dict(flattened(table))


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name and both values, as texts, of every entry that differs."""
    names = dict.fromkeys([*one, *other])
    found = [n for n in names if canonical(one.get(n)) != canonical(other.get(n))]
    if "images" in found or "shape" in found:  # then the hashes differ too, which tells no more
        found = [name for name in found if not name.endswith("sha256")]
    return [(name, _text(one.get(name)), _text(other.get(name))) for name in found]


def _text(value: Any) -> str:
    """Return a value as messages show it; what is not given, or empty, is none."""
    if value is None or value in ([], {}):
        return "none"
    return f"{value[:8]}…" if isinstance(value, str) and len(value) == 64 else shortened(value)
