"""What `nsm map` refuses before any work: options without effect, and outputs without a place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nsm.chips.chip import MappedNetwork

#: Files of `nsm map --out`: report, cost of reads, cost of programming, needs of circuits.
TABLES = ("report.csv", "cost.csv", "write_cost.csv", "circuit_needs.csv")


def check_method(calibrate: int | None, method: str | None) -> None:
    """Raise ValueError for an unknown way to calibrate, or one without calibration."""
    if method is None:
        return
    from nsm.sweeps.calibration import checked_options

    checked_options({"method": method})
    if calibrate is None:
        raise ValueError(
            f"--calibrate-method {method} has no effect without --calibrate; add the number of "
            "training images, such as --calibrate 200"
        )


def check_ranges(chip: MappedNetwork, calibrate: int | None) -> None:
    """Raise ValueError if a DAC of a chip needs a calibration, or nothing takes the given one."""
    from nsm.chips.calibration import has_open_converters

    if calibrate is not None and not has_open_converters(chip.layers):
        raise ValueError(
            f"--calibrate {calibrate} has no effect: no converter of this chip has an open range; "
            "leave it out, or add converters, such as --set adc.bits=8"
        )
    for layer in chip.layers:
        dac = layer.neurons.drivers.dac
        if calibrate is None and dac is not None and dac.range is None:
            raise ValueError(
                f"the DAC of {layer.name} has no range; add --calibrate 200, which sets it from "
                "200 training images, or --set dac.range=1, the largest input"
            )


def check_outputs(
    out: Path | None, spice: Path | None, tile: str | None, image: int | None
) -> None:
    """Raise ValueError if a folder cannot be written, or options of netlists have no effect.

    Args:
        out: Folder of the report; None for none.
        spice: Folder of netlists; None for none.
        tile: The only tile to write; None for all.
        image: Number of the image that drives the word lines; None for none.
    """
    from nsm.chips.tile_choice import TileChoice
    from nsm.places import check_folder

    for folder, files in ((out, TABLES), (spice, ())):
        if folder is not None:
            check_folder(folder, files)
    for option, value in (("--tile", tile), ("--image", image)):
        if value is not None and spice is None:
            raise ValueError(
                f"{option} {value} has no effect without --spice; add the folder for the "
                "netlists, such as --spice netlists"
            )
    if tile is not None:
        TileChoice.parse(tile)


def check_image(image: int | None, images: int, data: str) -> None:
    """Raise ValueError unless there is an image of this number, from 0; None is allowed."""
    if image is not None and not 0 <= image < images:
        raise ValueError(
            f"--image {image} is not there; {data} has the test images 0 to {images - 1}"
        )
