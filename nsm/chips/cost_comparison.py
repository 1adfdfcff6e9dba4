"""The cost of an answer from several chips, side by side: energy, time, area, and error."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from crossbar import CostConstants
from devices.arguments import table
from devices.seeding import RNG
from devices.validation import choice, instance, integer
from nsm.chips.cost import ENERGIES
from nsm.chips.programmed_network import ProgrammedNetwork

if TYPE_CHECKING:
    import pandas as pd


def compare_costs(
    chips: Mapping[str, ProgrammedNetwork],
    x: Any,
    y: ArrayLike,
    *,
    samples: Mapping[str, int],
    confidence: float | None = None,
    constants: CostConstants | None = None,
    rng: RNG = None,
) -> "pd.DataFrame":
    """Return what an image costs on several chips, and how many of the answers are wrong.

    Every chip reads all images. Energies are those of the inputs that these images cause, from one
    pass of each, times the passes per image. Outside of the comparison stays what
    `chip.cost().attrs["not_counted"]` lists.

    Args:
        chips: Chips by name.
        x: Images, as for `chip.sample`.
        y: Classes of the images, (batch,).
        samples: Passes per image of every chip by its name; with a `confidence`, the largest number
            of them for chips that take more than one.
        confidence: None (default) makes all passes. A number in (0, 1) stops reading an image once
            its class is certain, see `chip.classify`; the mean number of passes is then counted.
        constants: What circuits cost; None for `crossbar.CostConstants()`.
        rng: Seed, Generator or None; a seed gives every chip the same one.

    Returns:
        A row for each chip: `network`; `samples`, the mean number of passes; `error`, the share of
        images with a wrong class; the energies, `latency [s]` and `area [m²]` of the last row of
        `chip.cost(x, samples=...)`; `energy ratio`, the total energy over that of the first chip.

    Raises:
        ValueError: There is no chip, samples do not name the same chips or are below 1, or x or y
            are wrong.
    """
    import pandas as pd

    _check(chips, x, y, samples, constants)
    rows = []
    for name, chip in chips.items():
        stops = confidence if samples[name] > 1 else None
        labels, taken = chip.classify(x, samples[name], confidence=stops, rng=rng)
        total = chip.cost(x, samples=float(taken.mean()), constants=constants, rng=rng).iloc[-1]
        rows.append(
            {
                "network": name,
                "samples": float(taken.mean()),
                "error": float((labels != np.asarray(y)).mean()),
                **{column: total[column] for column in (*ENERGIES, "total [J]")},
                "latency [s]": total["latency [s]"],
                "area [m²]": total["area [m²]"],
            }
        )
    frame = pd.DataFrame(rows)
    frame["energy ratio"] = frame["total [J]"] / frame["total [J]"][0]
    return frame


def _check(
    chips: Mapping[str, ProgrammedNetwork],
    x: Any,
    y: ArrayLike,
    samples: Mapping[str, int],
    constants: CostConstants | None,
) -> None:
    """Raise ValueError, before any chip is read, for samples, images or classes that do not fit."""
    table("chips", chips, "chips by name, such as {'NSM': chip}")
    table("samples", samples, "the passes of each chip by its name, such as {'NSM': 20}")
    if not chips:
        raise ValueError("chips is empty; give chips by name, such as {'NSM': chip}")
    if constants is not None:
        instance("constants", constants, CostConstants)
    for name in samples:
        choice("chip in samples", name, map(str, chips))
    for name, chip in chips.items():
        instance(f"chips[{name!r}]", chip, ProgrammedNetwork)
        if name not in samples:
            raise ValueError(
                f"samples has no entry for the chip {name!r}; give its passes per image, 1 for a "
                "network without randomness"
            )
        integer(f"samples[{name!r}]", samples[name], at_least=1)
        images = chip.check_images(x)
        chip.check_labels(y, chip.inputs.batch(images), chip.inputs.classes_of(images))
