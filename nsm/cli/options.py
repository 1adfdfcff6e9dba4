"""What several commands share: their options, the output, threads, and the hardware of `--set`.

Like all modules of commands, this file imports typer alone; everything else is imported where it is
used, so that `nsm --help` and wrong options are answered at once.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.datasets.registry import LOADERS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from crossbar import Hardware
    from nsm.chips.hardware_table import HardwareTable

Seed = Annotated[
    int, typer.Option(help="Seed of everything random: same seed, same result.", min=0)
]
Threads = Annotated[int, typer.Option(help="Threads of the numerical libraries.", min=1)]
Workers = Annotated[int, typer.Option(help="Processes.", min=1)]
Samples = Annotated[int, typer.Option(help="Noisy passes per test image.", min=1)]
DataName = Annotated[
    str,
    typer.Option(
        help=f"Data set: {', '.join(LOADERS)}; or your own: an .npz or .csv file, a folder of IDX "
        "files or of images by class, or module:callable."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of a published set's files (default: NSM_DATA_DIR, else download)."),
]
DataOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--data-option",
        help="Of data of your own, as NAME=VALUE: white=16, label_column=last, "
        "image_shape=1,28,28.",
    ),
]
TileShape = Annotated[
    str | None,
    typer.Option(help="Size of a tile, WORD_LINESxBIT_LINES, such as 64x64 (default: 128x128)."),
]


#: Columns of the output where it is no terminal, such as a file or a pipe.
FILE_WIDTH = 120


@cache
def console() -> Console:
    """Return the console on stdout that all commands print to.

    Where the output is no terminal and COLUMNS is not set, it has `FILE_WIDTH` columns.
    """
    from rich.console import Console

    found = Console(markup=False)  # names of networks and files may look like marks
    return Console(markup=False, width=FILE_WIDTH) if _has_no_width(found) else found


def say(text: str, *, soft_wrap: bool = False) -> None:
    """Print a text without colors.

    Args:
        text: The text.
        soft_wrap: Whether the terminal breaks its lines, so that they can be copied whole.
    """
    console().print(text, highlight=False, soft_wrap=soft_wrap)


def _has_no_width(found: Console) -> bool:
    """Return whether nothing limits the width of the output: no terminal, and no COLUMNS."""
    return not found.is_terminal and "COLUMNS" not in os.environ


def terminal_width() -> float:
    """Return the columns that a table may have [characters]; inf if nothing limits its width."""
    return float("inf") if _has_no_width(console()) else console().width


def show_table(table: Table) -> None:
    """Print a table; where nothing limits the width of the output, as wide as its texts are."""
    from rich.console import Console
    from rich.measure import Measurement

    out = console()
    if _has_no_width(out):
        unlimited = out.options.update(max_width=10_000)
        out = Console(width=max(out.width, Measurement.get(out, unlimited, table).maximum))
    out.print(table)


def use_threads(threads: int) -> None:
    """Set the number of threads that torch, BLAS and the compiled loops use."""
    import torch
    from threadpoolctl import threadpool_limits

    from crossbar.threads import set_threads

    torch.set_num_threads(threads)
    threadpool_limits(threads)
    set_threads(threads)


def hardware_from(
    device: str, gate: str, settings: list[str] | None, tile_shape: str | None = None
) -> Hardware | HardwareTable:
    """Return the hardware that the options of a command describe.

    Args:
        device: name of a device preset, or a device file.
        gate: name of a gate preset, or a gate file.
        settings: texts PATH=VALUE, or LAYER:PATH=VALUE for the layers of a name or pattern, of
            `--set`; None for none.
        tile_shape: word lines and bit lines of a tile as a text, such as "64x64"; None if it is not
            given.

    Raises:
        ValueError: a text without "=", an unknown name or path, a path that is set twice, or a
            value that its field refuses.
    """
    from crossbar.field_values import value_of_text
    from crossbar.paths import build_hardware
    from nsm.sweeps.layer_options import by_layer

    of_all: dict[str, Any] = {}
    if tile_shape is not None:
        of_all["tile_shape"] = shape_of(tile_shape)
    layers: dict[str, dict[str, Any]] = {}
    for name, equals, text in (s.partition("=") for s in settings or []):
        if not equals:
            raise ValueError(
                f"--set {name!r} has no value; write --set PATH=VALUE, e.g. --set device.levels=16"
            )
        layer, _, path = name.rpartition(":")
        table = layers.setdefault(layer, {}) if layer else of_all
        if path in table:
            twice = name != "tile_shape" or tile_shape is None
            where = "is given twice" if twice else "and --tile-shape are the same"
            raise ValueError(f"--set {name} {where}; leave one out")
        table[path] = value_of_text(text)
    return by_layer(build_hardware({"device": device, "gate": gate, **of_all}), layers)


def shape_of(text: str) -> list[int]:
    """Return word lines and bit lines of a text such as "64x64".

    Raises:
        ValueError: The text is no shape.
    """
    sizes = text.lower().replace("×", "x").split("x")
    if len(sizes) != 2 or not all(size.strip().isdecimal() for size in sizes):
        raise ValueError(
            f"--tile-shape {text!r} is no shape; give WORD_LINESxBIT_LINES, such as 64x64"
        )
    return [int(size) for size in sizes]
