"""Sweep files: a TOML text that says which networks, hardware and axes, checked whole before any work is done."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from crossbar import Hardware
from crossbar.paths import build_hardware, flattened
from devices.validation import choice, integer
from nsm.datasets.registry import LOADERS
from nsm.nn.checkpoint import load
from nsm.sweeps.run import Task, grid

KEYS = (
    "network",
    "networks",
    "data",
    "samples",
    "chips",
    "seed",
    "images",
    "sampling",
    "hardware",
    "axes",
)
SAMPLE = """\
# nsm sweep levels.toml --out levels.csv        (unknown keys are errors)
network = "mnist_mlp"              # a shipped network or a file; or a table [networks] of NAME = "file"
data = "mnist"                     # see nsm.datasets.registry.LOADERS
samples = 20                       # noisy passes per image
chips = 3                          # seeded programmings per point
seed = 0
images = 1000                      # of the test set, from its start (leave out: all)
sampling = "moments"               # or "exact": every cell drawn on its own

[hardware]
device = "fefet_jerry2017"         # see: nsm presets; or a file: nsm presets export NAME > mine.toml
gate = "nsm_bernoulli"
gate_sharing = "pair"              # pair, cell, word_line
mapping = "differential_pair"      # differential_pair, balanced_pair, reference_column
weight_scale = "layer"             # or "row": every row uses all levels
tile_shape = [128, 128]            # word lines, bit lines
"device.write.error_factor" = 1.0  # any dotted path into Hardware

[axes]
"device.levels" = [2, 4, 8, 16, 32]
gain = [0.1, 1.0]                  # also reprogrammed_scale, seconds
"""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A checked sweep file."""

    networks: Mapping[str, nn.Module]
    hardware: Hardware
    axes: Mapping[str, list[Any]]
    data: str
    samples: int
    chips: int
    seed: int
    images: int | None
    sampling: str

    def tasks(self) -> list[Task]:
        """Return the grid of tasks."""
        return grid(self.networks, self.hardware, self.axes)


def _located(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the options with the names of device and gate files that lie in `folder` as paths."""

    def located(value: Any) -> Any:
        if isinstance(value, list):
            return [located(v) for v in value]
        is_file = isinstance(value, str) and value.endswith(".toml") and (folder / value).is_file()
        return str(folder / value) if is_file else value

    return {
        key: located(value) if key in ("device", "gate") else value
        for key, value in options.items()
    }


def parse(text: str, *, folder: Path, name: str = "the sweep file") -> Sweep:
    """Return the sweep that a TOML text describes; network files are looked for beside it, in `folder`.

    Raises ValueError naming what is wrong: a syntax error and its line, an unknown key and the nearest known one, a
    missing network, an axis without values.
    """
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
    for section in ("networks", "hardware", "axes"):
        if not isinstance(table.get(section, {}), dict):
            raise ValueError(f"{section} in {name} must be a table: [{section}]")
    files = (
        table["networks"]
        if "networks" in table
        else {Path(str(table["network"])).stem: table["network"]}
    )
    found = {
        key: folder / str(f) if (folder / str(f)).is_file() else Path(str(f))
        for key, f in files.items()
    }
    images = table.get("images")
    return Sweep(
        networks={key: load(path) for key, path in found.items()},
        hardware=build_hardware(_located(flattened(table.get("hardware", {})), folder)),
        axes=_located(flattened(table.get("axes", {})), folder),
        data=choice(f"data in {name}", table.get("data", "digits"), LOADERS),
        samples=integer("samples", table.get("samples", 20), at_least=1),
        chips=integer("chips", table.get("chips", 3), at_least=1),
        seed=integer("seed", table.get("seed", 0), at_least=0),
        images=None if images is None else integer("images", images, at_least=1),
        sampling=choice("sampling", table.get("sampling", "exact"), ("exact", "moments")),
    )


def read_sweep(path: str | Path) -> Sweep:
    """Return the sweep in a TOML file. Raises FileNotFoundError, or ValueError as `parse`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"no sweep file {path}; `nsm sweep --example` prints one to start from"
        )
    return parse(path.read_text(encoding="utf-8"), folder=path.parent, name=str(path))
