"""Sweep files: a TOML text that names networks, hardware and axes, fully checked before any work.

Everything but the network files is checked without torch, so that a mistake is answered at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossbar.hardware import Hardware
from crossbar.paths import build_hardware, flattened
from devices.validation import choice, integer
from nsm.chips.hardware_table import HardwareTable
from nsm.datasets.registry import LOADERS, check_source
from nsm.sweeps.calibration import OPTIONS, checked_options
from nsm.sweeps.layer_options import by_layer, with_entries
from nsm.sweeps.networks import check_network, load_network, network_name
from nsm.sweeps.tasks import Task, grid, points
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
    "axes",
)
#: Options of `nsm.load_data` that [data_options] takes. Those of the split are not among them: a
#: network is then never tested on images that another split trained it on.
DATA_OPTIONS = ("white", "label_column", "image_shape")
#: What `nsm sweep --example` prints.
SAMPLE = """\
# nsm sweep levels.toml --out levels.csv        (unknown keys are errors)
network = "mnist_mlp"              # shipped, a file, or module:callable; or several in [networks]
data = "mnist"                     # see nsm train --help; or data of your own
samples = 20                       # noisy passes per image
chips = 3                          # seeded programmings per point
seed = 0
images = 1000                      # the first 1000 test images (leave out: all)
sampling = "moments"               # or "exact": every cell is drawn

[hardware]
device = "fefet_jerry2017"         # see nsm presets; or a file, see nsm presets export --help
gate = "nsm_bernoulli"
gate_sharing = "pair"              # pair, cell, word_line
mapping = "differential_pair"      # differential_pair, balanced_pair, reference_column
weight_scale = "layer"             # or "row", "tile": each uses all levels
tile_shape = [128, 128]            # word lines, bit lines
"device.write.error_factor" = 1.0  # any dotted path into Hardware
# [hardware.layers]                # layers that differ, by name or pattern
# "4" = "digital"
# "blocks.*" = {"device.levels" = 16}

[axes]
"device.levels" = [2, 4, 8, 16, 32]
gain = [0.1, 1.0]                  # also reprogrammed_scale, seconds, compensation
# "device.read_noise" = ["none", {name = "5 %", kind = "gaussian", sigma = 0.05}]
# "head:layer" = ["tiles", "digital"]

# [data_options]                   # of data of your own: white, label_column, image_shape
# white = 16
# [calibrate]                      # converters of open range, on the first training images
# images = 200
# method = "least_squares"         # max, percentile (percentile = 99.9), least_squares
# [until]                          # a chip stops when it has read enough images
# errors = 100                     # wrong ones among them; or precision = 0.1, relative
"""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A checked sweep file.

    Attributes:
        networks: The loaded networks by name.
        hardware: The hardware before the axes change it, for all layers or by layer.
        axes: Name -> values, see `nsm.sweeps.grid`.
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
    hardware: Hardware | HardwareTable
    axes: Mapping[str, list[Any]]
    data: str
    data_options: Mapping[str, Any]
    samples: int
    chips: int
    seed: int
    images: int | None
    sampling: str
    calibrate: Mapping[str, Any] | None
    until: Until | None

    def tasks(self) -> list[Task]:
        """Return the grid of tasks."""
        return grid(self.networks, self.hardware, self.axes)


def _located(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the options, with device and gate files that exist in `folder` as paths to them."""

    def located(value: Any) -> Any:
        if isinstance(value, list):
            return [located(v) for v in value]
        if isinstance(value, dict) and "preset" in value:
            return {**value, "preset": located(value["preset"])}
        is_file = isinstance(value, str) and value.endswith(".toml") and (folder / value).is_file()
        return str(folder / value) if is_file else value

    return {
        key: located(value) if key.rpartition(":")[2] in ("device", "gate") else value
        for key, value in options.items()
    }


def _data(source: Any, folder: Path) -> str:
    """Return what names a data set, checked; files and folders are looked for in `folder` first."""
    if not isinstance(source, str):
        raise ValueError(f'data = {source!r} is no data set; give a text, such as data = "mnist"')
    if source not in LOADERS and (folder / source).exists():
        return str(folder / source)
    return check_source(source)


def _data_options(table: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the checked options of [data_options]."""
    for key in table:
        choice("key in [data_options]", key, DATA_OPTIONS)
    if table and source in LOADERS:
        key, value = next(iter(table.items()))
        raise ValueError(
            f"{key} = {value!r} in [data_options] is for data of your own, but {source} is a "
            "published set; leave it out"
        )
    if table:
        from nsm.datasets.own.options import Options

        Options(**table)
    return dict(table)


def _calibrate(table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the checked table [calibrate]; None if there is none."""
    if table is None:
        return None
    for key in table:
        choice("key in [calibrate]", key, ("images", *OPTIONS))
    if "images" not in table:
        raise ValueError(
            "[calibrate] has no images; say on how many training images, such as images = 200"
        )
    images = integer("images in [calibrate]", table["images"], at_least=1)
    return {"images": images, **checked_options({k: v for k, v in table.items() if k != "images"})}


def _until(table: Mapping[str, Any] | None) -> Until | None:
    """Return the rule of the table [until]; None if there is none."""
    if table is None:
        return None
    for key in table:
        choice("key in [until]", key, ("errors", "precision"))
    return Until(**table)


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
    for section in ("networks", "hardware", "axes", "data_options", "calibrate", "until"):
        if not isinstance(table.get(section, {}), dict):
            raise ValueError(f"{section} in {name} must be a table: [{section}]")
    return table


def _sources(table: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return the checked source of each network by its name; `folder` is searched first."""
    if "networks" in table:
        sources = {key: str(value) for key, value in table["networks"].items()}
    else:
        sources = {network_name(str(table["network"])): str(table["network"])}
    return {key: check_network(source, folder) for key, source in sources.items()}


def _hardware(table: dict[str, Any], folder: Path) -> Hardware | HardwareTable:
    """Return the hardware of a section [hardware] and of its table of layers."""
    section = dict(table)
    layers = section.pop("layers", {})
    if not isinstance(layers, dict):
        raise ValueError("layers in [hardware] must be a table: [hardware.layers]")
    hardware = build_hardware(_located(flattened(section), folder))
    located = {
        key: _located(flattened(value), folder) if isinstance(value, dict) else value
        for key, value in layers.items()
    }
    return by_layer(hardware, located)


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
    images = table.get("images")
    data = _data(table.get("data", "digits"), folder)
    settings: dict[str, Any] = {
        "data": data,
        "data_options": _data_options(table.get("data_options", {}), data),
        "calibrate": _calibrate(table.get("calibrate")),
        "until": _until(table.get("until")),
        "samples": integer("samples", table.get("samples", 20), at_least=1),
        "chips": integer("chips", table.get("chips", 3), at_least=1),
        "seed": integer("seed", table.get("seed", 0), at_least=0),
        "images": None if images is None else integer("images", images, at_least=1),
        "sampling": choice("sampling", table.get("sampling", "exact"), ("exact", "moments")),
    }
    hardware = _hardware(table.get("hardware", {}), folder)
    axes = _located(flattened(table.get("axes", {})), folder)
    for axis, values in axes.items():
        if not isinstance(values, list):
            raise ValueError(f"axis {axis!r} has no values ({values!r}); give a list of them")
    hardware = with_entries(hardware, axes)
    points(hardware, axes)
    networks = {key: load_network(source) for key, source in _sources(table, folder).items()}
    return Sweep(networks=networks, hardware=hardware, axes=axes, **settings)


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
