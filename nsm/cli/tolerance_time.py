"""How long a search of tolerances may take, from a few reads of one chip."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any

#: Images of the first measurement, and the time that a measurement takes at least [s].
_FEW, _ENOUGH = 2, 0.5
#: Values that a bisection tries on an axis, about.
_VALUES = 6
#: Values beside those of axes: the given hardware, and the same without gate.
_BASES = 2
#: Time in which workers start, import and compile [s].
_START = 5.0
#: First reads that take so much longer than the next ones have compiled their loops [s].
_COMPILED = 3.0
#: Searches longer than this are told a faster way [s].
_LONG = 600.0


def expected_seconds(
    models: Mapping[str, Any],
    hardware: Any,
    x: Any,
    y: Any,
    *,
    axes: int,
    blocks: int,
    samples: int,
    sampling: str,
    calibrate: Any,
    workers: int,
) -> tuple[float, bool]:
    """Return the time that a search takes, about [s], and whether loops are compiled beside it.

    Every value of an axis programs one chip for each block and reads all images; most searches stop
    before that, when a loss is decided.

    Args:
        models: Networks by name.
        hardware: The given hardware.
        x, y: Images and labels.
        axes: Number of axes.
        blocks: Blocks of images, each on a chip of its own.
        samples: Noisy passes per image.
        sampling: "exact" or "moments".
        calibrate: Images on which open ranges of converters are set.
        workers: Processes.
    """
    total, compiles = 0.0, False
    for model in models.values():
        chip_of = functools.partial(_programmed, model, hardware, calibrate)
        per_chip, per_image, waited = _measured(chip_of, x, y, samples, sampling)
        compiles |= waited > _COMPILED
        total += (_BASES + _VALUES * axes) * (blocks * per_chip + len(y) * per_image)
    return _START + total / workers, compiles


def _programmed(model: Any, hardware: Any, images: Any) -> Any:
    """Return a chip whose converters are calibrated."""
    from nsm.chips.calibration import has_open_converters
    from nsm.chips.map import map_to_crossbar
    from nsm.sweeps.data import some_of

    chip = map_to_crossbar(model, hardware, rng=0, example=some_of(images, slice(_FEW)))
    if has_open_converters(chip.layers):
        chip.calibrate(images, rng=0)
    return chip


def _measured(
    chip_of: Callable[[], Any], x: Any, y: Any, samples: int, sampling: str
) -> tuple[float, float, float]:
    """Return the time of programming a chip, of reading an image, and of compiling before it [s].

    The first chip and read compile what is not compiled yet.
    """
    from nsm.sweeps.data import some_of

    def read(chip: Any, images: int) -> float:
        start = time.perf_counter()
        few = some_of(x, slice(images))
        chip.error_rate(few, y[:images], samples, rng=0, sampling=sampling)
        return time.perf_counter() - start

    first = read(chip_of(), _FEW)
    start = time.perf_counter()
    chip = chip_of()
    per_chip = time.perf_counter() - start
    images, seconds = _FEW, read(chip, _FEW)
    compiling = first - seconds
    while seconds < _ENOUGH and images < len(y):
        images = min(4 * images, len(y))
        seconds = read(chip, images)
    return per_chip, seconds / images, compiling


def expected_text(seconds: float, sampling: str, *, compiles: bool = False) -> str:
    """Return the expected time in words, with a faster way where it is long.

    Args:
        seconds: The time [s].
        sampling: "exact" or "moments".
        compiles: Whether loops are compiled beside it.
    """
    from nsm.cli.sweep_check import duration

    text = f"takes about {duration(seconds)}, or less where losses are decided early"
    if compiles:
        text += "; compiling, once for an installation, takes some minutes more"
    if seconds > _LONG and sampling == "exact":
        text += (
            "; faster: --sampling moments (one normal number per output; noise with memory is then "
            "new on every read), fewer --images, --axes"
        )
    return text
