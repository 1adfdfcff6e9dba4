"""Sweep files: a TOML text that names networks, hardware and axes, fully checked before any work.

Everything but the network files is checked without torch, so that a mistake is answered at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devices.validation import choice, integer
from nsm.sweeps.hardwares import Hardwares
from nsm.sweeps.layer_options import with_entries
from nsm.sweeps.networks import load_network
from nsm.sweeps.points import AnyHardware, points
from nsm.sweeps.spec.sweep_sample import SAMPLE as SAMPLE
from nsm.sweeps.spec.sweep_sections import DATA_OPTIONS as DATA_OPTIONS
from nsm.sweeps.spec.sweep_sections import (
    axes_of,
    calibration,
    data_options,
    data_source,
    hardware_of,
    network_sources,
    until_of,
    zips_of,
)
from nsm.sweeps.tasks import Task, grid
from nsm.sweeps.until import Until

if TYPE_CHECKING:
    from torch import nn

#: Keys of a sweep file.
KEYS = (
    "network",
    "networks",
    "data",
    "data_options",
    "samples",
    "chips",
    "seed",
    "images",
    "sampling",
    "calibrate",
    "until",
    "hardware",
    "hardwares",
    "axes",
    "zip",
)
#: Sections that are tables.
SECTIONS = (
    "networks",
    "hardware",
    "hardwares",
    "axes",
    "data_options",
    "calibrate",
    "until",
)
#: Ways to draw reads.
SAMPLINGS = ("exact", "moments")


def _at_least(least: int, default: int | None) -> Any:
    """Return a field of `Sweep` that is a whole number in a file; the schema reads it, too."""
    return field(default=default, metadata={"at_least": least})


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A checked sweep file.

    Attributes:
        networks: The loaded networks by name.
        hardware: The hardware before the axes change it, for all layers or by layer; or several by
            name.
        axes: Name -> values, see `nsm.sweeps.grid`.
        zipped: Axes that move together, see `nsm.sweeps.grid`.
        data: The data set, as `nsm.load_data` takes it.
        data_options: Options of `nsm.load_data` for it.
        samples: Noisy passes per image.
        chips: Chips per point.
        seed: Seed of the sweep.
        images: How many test images are read, from the first; None: all.
        sampling: "exact" or "moments".
        calibrate: On how many training images every chip is calibrated, as "images", and the
            options of the calibration; None: it is not.
        until: When a chip has read enough images; None: it reads all.
    """

    networks: Mapping[str, nn.Module]
    hardware: AnyHardware
    axes: Mapping[str, Any]
    zipped: Sequence[Mapping[str, Any]] = ()
    data: str = "digits"
    data_options: Mapping[str, Any] = field(default_factory=dict)
    samples: int = _at_least(1, 20)
    chips: int = _at_least(1, 3)
    seed: int = _at_least(0, 0)
    images: int | None = _at_least(1, None)
    sampling: str = field(default="exact", metadata={"choices": SAMPLINGS})
    calibrate: Mapping[str, Any] | None = None
    until: Until | None = None

    def tasks(self) -> list[Task]:
        """Return the grid of tasks."""
        return grid(self.networks, self.hardware, self.axes, zipped=self.zipped)


def _settings(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers and names of a sweep file, checked by the fields of `Sweep`."""
    found: dict[str, Any] = {}
    for each in fields(Sweep):
        if each.metadata and each.name in table:
            value = table[each.name]
            if "choices" in each.metadata:
                found[each.name] = choice(each.name, value, each.metadata["choices"])
            else:
                least = each.metadata["at_least"]
                found[each.name] = integer(each.name, value, at_least=least)
    return found


def _in_every_hardware(hardware: AnyHardware, axes: Iterable[str]) -> AnyHardware:
    """Return the hardware with an entry for the layers of every axis, see `with_entries`."""
    if not isinstance(hardware, Hardwares):
        return with_entries(hardware, axes)
    names = list(axes)
    return Hardwares({name: with_entries(each, names) for name, each in hardware.items()})


def _table(text: str, name: str) -> dict[str, Any]:
    """Return the TOML table of a sweep file, its keys and sections checked."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(f"{name} is not TOML: {problem}") from None
    for key in table:
        choice(f"key in {name}", key, KEYS)
    if ("network" in table) == ("networks" in table):
        raise ValueError(
            f'{name} needs either network = "file" or a table [networks] of NAME = "file"'
        )
    for section in SECTIONS:
        if not isinstance(table.get(section, {}), dict):
            raise ValueError(f"{section} in {name} must be a table: [{section}]")
    return table


def parse(text: str, *, folder: Path, name: str = "the sweep file") -> Sweep:
    """Return the sweep that a TOML text describes.

    Args:
        text: The content of the sweep file.
        folder: Where network, device and gate files are looked for first.
        name: How messages call the file.

    Raises:
        ValueError: A syntax error, an unknown key (the message suggests the nearest), a missing
            network or device, a wrong value, or an axis without values.
        FileNotFoundError: A network file that does not exist.
    """
    table = _table(text, name)
    data = data_source(table.get("data", "digits"), folder)
    settings: dict[str, Any] = {
        "data": data,
        "data_options": data_options(table.get("data_options", {}), data),
        "calibrate": calibration(table.get("calibrate")),
        "until": until_of(table.get("until")),
        **_settings(table),
    }
    if table.get("axes") == {}:
        raise ValueError("[axes] is empty; give an axis, or leave it out")
    axes = axes_of(table.get("axes", {}), folder)
    zipped = zips_of(table["zip"], folder) if "zip" in table else []
    names = [*axes, *(axis for of_zip in zipped for axis in of_zip)]
    hardware = _in_every_hardware(hardware_of(table, folder), names)
    points(hardware, axes, zipped)
    sources = network_sources(table, folder)
    networks = {key: load_network(source) for key, source in sources.items()}
    return Sweep(networks=networks, hardware=hardware, axes=axes, zipped=zipped, **settings)


def read_sweep(path: str | Path) -> Sweep:
    """Return the sweep in a TOML file.

    Raises:
        FileNotFoundError: There is no such file, or no network file that it names.
        ValueError: As `parse`.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no sweep file {path}; `nsm sweep --example` prints one to start from"
        )
    return parse(path.read_text(encoding="utf-8"), folder=path.parent, name=str(path))
