"""Rows of an experiment on several devices: kept in a file, by which a killed one resumes."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from crossbar import Hardware
from devices.seeding import law_mark
from nsm.chips.hardware_table import as_table
from nsm.disk import write_file
from nsm.learning.settings import Settings
from nsm.places import check_file, check_name
from nsm.training.hardware_aware.identity import hardware_identity
from nsm.training.mark import mark_of_arrays

if TYPE_CHECKING:
    import pandas as pd

#: Options of `learn` that change nothing in the settings.
_NO_SETTINGS = ("validation", "pulses", "progress")

#: Device and number of a chip.
Place = tuple[str, int]


def settings_of(epochs: float, options: Mapping[str, Any]) -> Settings:
    """Return the settings among the options of `nsm.learn`, or raise ValueError."""
    own = {name: value for name, value in options.items() if name not in _NO_SETTINGS}
    return Settings.of(epochs, own, has_validation=options.get("validation") is not None)


def identity_of(
    model: nn.Module,
    epochs: float,
    options: Mapping[str, Any],
    x: ArrayLike,
    y: ArrayLike,
    scale: float,
    seed: np.random.SeedSequence,
) -> str:
    """Return a text by which two experiments on the same hardware differ.

    Args:
        model: The network at the start.
        epochs: Passes over the images.
        options: Other options of `nsm.learn`.
        x: Images.
        y: Class numbers.
        scale: Factor of the weights at the start.
        seed: Seed of the experiment.

    Raises:
        ValueError: An option is unknown or not allowed.
    """
    settings = settings_of(epochs, options)
    of_data = [x, y, *(options.get("validation") or ())]
    weights = [t.detach().cpu().numpy() for t in model.state_dict().values()]
    hashes = [mark_of_arrays(*of_data), mark_of_arrays(*weights)]
    described = [repr(model), repr(settings), repr(options.get("pulses")), repr(scale)]
    return "\n".join([*hashes, *described, str(seed.generate_state(4).tolist())])


def run_of(identity: str, hardware: Hardware, number: int) -> str:
    """Return the hash by which the row of a chip knows its experiment."""
    identity = "\n".join([identity, *map(str, law_mark().values())])
    text = f"{identity}\n{hardware_identity(as_table(hardware))}\n{number}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class KeptRows:
    """The rows so far, in a CSV file if there is a path.

    Args:
        save_to: The file; None keeps the rows in memory alone.
        runs: The hash of every row that is wanted, by device and number of the chip.

    Attributes:
        checkpoint: File for the chip that learns now; None without a path.

    Raises:
        ValueError: The file cannot be written, or holds something else, or a wanted row of another
            experiment.
    """

    def __init__(self, save_to: str | Path | None, runs: Mapping[Place, str]):
        path = None if save_to is None else Path(save_to)
        if path is not None:
            check_file(path)
        self._path = path
        self._runs = runs
        self.checkpoint = None if path is None else path.with_name(f"{path.name}.learning")
        if self.checkpoint is not None:
            check_name(self.checkpoint)
        self._rows = {} if path is None or not path.exists() else _read(path, runs)

    def missing(self) -> list[Place]:
        """Return the chips that have no row yet."""
        return [place for place in self._runs if place not in self._rows]

    def add(self, name: str, number: int, numbers: Mapping[str, float]) -> None:
        """Add a row, write the file in one step, and delete the checkpoint."""
        own = {"device": name, "chip": number, **numbers, "run": self._runs[name, number]}
        self._rows[name, number] = own
        if self._path is None or self.checkpoint is None:
            return
        table = _table(self._rows.values())
        write_file(self._path, lambda place: table.to_csv(place, index=False))
        self.checkpoint.unlink(missing_ok=True)

    def table(self) -> "pd.DataFrame":
        """Return the wanted rows, in their order."""
        return _table(self._rows[place] for place in self._runs)


def _table(rows: Any) -> "pd.DataFrame":
    import pandas as pd  # imported here because it takes half a second

    return pd.DataFrame(list(rows))


def _read(path: Path, runs: Mapping[Place, str]) -> dict[Place, dict[str, Any]]:
    """Return the rows of a file, by device and number of the chip."""
    import pandas as pd  # imported here because it takes half a second

    table = pd.read_csv(path, dtype={"device": str, "run": str})  # hashes may look like numbers
    if not {"device", "chip", "run"} <= set(table):
        raise ValueError(
            f"{path} has no rows of learn_on_devices (columns {', '.join(map(str, table))}); name "
            "another file"
        )
    records: list[dict[str, Any]] = [
        {str(name): value for name, value in row.items()} for row in table.to_dict("records")
    ]
    rows = {(str(row["device"]), int(row["chip"])): row for row in records}
    for place, row in rows.items():
        if runs.get(place, row["run"]) != row["run"]:
            raise ValueError(
                f"{path} has a row of device {place[0]!r}, chip {place[1]}, from another "
                "experiment (its network, data, hardware, seed or settings differ); name another "
                "file, or delete this one to start anew"
            )
    return rows
