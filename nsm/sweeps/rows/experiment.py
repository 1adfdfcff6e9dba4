"""What rows of one file share, and how a row of another experiment is told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devices.seeding import law_mark
from nsm.sweeps.axes import TRAINING_SEED
from nsm.sweeps.labels import from_cell

#: The first part of an experiment's hash: how rows are identified. Earlier versions of the program
#: hashed what Python printed of a value, so that their rows cannot be told apart safely.
IDENTITY = "canonical"
#: What each further part covers, in the words of the message that refuses a file.
SHARED = (
    "the images or labels",
    "the hardware before the axes",
    "samples, seed, sampling, calibration or until",
)

#: Hash of every network, by its name and the seed of its training (None if it has none).
Models = Mapping[tuple[str, Any], str]


def way_of_marks() -> str:
    """Return the first part of an experiment's hash, with the version of the law of draws.

    Version 1 is not written: files had no version before there was another one.
    """
    mark = law_mark()
    return ".".join([IDENTITY, *map(str, mark.values())])


def _law(way: str) -> str | None:
    """Return the version of the law of draws in the first part of a hash; None if it is another."""
    identity, _, law = way.partition(".")
    return (law or "1") if identity == IDENTITY else None


def difference(
    found: str, training: tuple[str, Any], model: str | None, experiment: str, models: Models
) -> str:
    """Return what tells a row from those of an experiment, in words; "" if nothing does.

    Args:
        found: The experiment of the row.
        training: Name of its network and seed of its training, see `training_of`.
        model: Hash of its network.
        experiment: `way_of_marks()` and one hash for each of `SHARED`, joined by "-".
        models: The networks of the experiment. A network that is not among them is a further one.
    """
    way, *hashes = found.split("-")
    law = _law(way)
    if law is None or len(hashes) != len(SHARED):
        return "its rows are identified in another way, as by an earlier version"
    own, *wanted = experiment.split("-")
    if law != _law(own):
        return (
            f"its rows were drawn by version {law} of the law of draws, and others by version "
            f"{_law(own)}: another version of the program draws other numbers from one seed"
        )
    differ = [name for name, a, b in zip(SHARED, hashes, wanted, strict=True) if a != b]
    if differ:
        return f"{' and '.join(differ)} differ"
    network, seed = training
    if models.get(training, model) != model:
        of = "" if seed is None else f" of training seed {seed}"
        return f"its network {network!r}{of} has other weights"
    return ""


def training_of(row: Mapping[str, str]) -> tuple[str, Any]:
    """Return network and training seed of the texts of a row; the seed is None without one."""
    return from_cell(row.get("network", "")), from_cell(row.get(TRAINING_SEED, ""))
