"""What rows tell of themselves, and whether a sidecar agrees with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nsm.sweeps.rows.stored_rows import row_columns, stored_rows

if TYPE_CHECKING:
    from nsm.sweeps.rows.sidecar_file import Sidecar


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the rows of a file say of the sweep that made them.

    Attributes:
        experiment: Hashes of what all rows share.
        samples: Noisy passes per image.
        chips: One more than the largest number of a chip.
    """

    experiment: str
    samples: int
    chips: int


def told_by(path: Path) -> Told | None:
    """Return what the rows of a file say; None if there are none that can be read."""
    try:
        row_columns(path)
        rows = stored_rows(path)
    except (ValueError, OSError, ImportError):  # whoever needs the rows themselves gets the message
        return None
    if not rows:
        return None
    first = rows[0]
    chips = 1 + max(int(row["chip"]) for row in rows)
    return Told(experiment=first["experiment"], samples=first["samples"], chips=chips)


def check_agreement(place: Path, sidecar: Sidecar, told: Told) -> None:
    """Raise ValueError if a sidecar says something else than its rows.

    Fewer chips in the rows are those of an unfinished sweep.

    Args:
        place: The file of the sidecar.
        sidecar: What is in it.
        told: What the rows say.
    """
    disagree = [
        f"{name} = {said!r}, the rows have {found!r}"
        for name, said, found, agrees in (
            ("samples", sidecar.samples, told.samples, sidecar.samples == told.samples),
            ("chips", sidecar.chips, told.chips, sidecar.chips >= told.chips),
            (
                "experiment",
                sidecar.experiment,
                told.experiment,
                sidecar.experiment == told.experiment,
            ),
        )
        if not agrees
    ]
    if disagree:
        raise ValueError(
            f"{place.name} says {'; it says '.join(disagree)}; it was edited, or belongs to other "
            f"rows: put the right one there, or remove {place}, and the next call of the sweep "
            "writes it again"
        )
