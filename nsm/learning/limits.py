"""Where learning stops: sums that numbers cannot hold, and changes that no cell can follow."""

from collections.abc import Callable

from crossbar.arrays.pulse_checks import MOST_PULSES
from devices.validation import LARGEST_SINGLE
from nsm.learning.layer import LearningLayer
from nsm.learning.reads import Kind
from nsm.learning.rules import MOST_RANGES
from nsm.learning.settings import Settings

#: Largest sum in units of its noise: beyond, single precision does not resolve one unit.
MOST_NOISES = 2.0**24


def check_sums(layer: LearningLayer, where: Callable[[], str], settings: Settings) -> None:
    """Raise FloatingPointError if inputs no longer count in a layer's sums.

    Args:
        layer: The layer, which has read a sample.
        where: Says which sample it is.
        settings: How the chip learns.
    """
    has_noise_unit = layer.kind in (Kind.SAMPLED, Kind.SIGMOID)
    most, unit = (MOST_NOISES, " of its noise") if has_noise_unit else (LARGEST_SINGLE, "")
    size = layer.largest_sum()
    if not size <= most:
        raise FloatingPointError(
            f"{where()}: the sums of {layer.tiles.name} came to {size:.3g}{unit}, beside which "
            f"inputs do not count in single precision; lower {_rates(settings)}"
        )


def check_change(
    layer: LearningLayer, change: float, where: Callable[[], str], settings: Settings
) -> None:
    """Raise FloatingPointError if a sample asks for more than cells can follow.

    Args:
        layer: The layer.
        change: Largest change of a weight that the sample asks for, in the array's units.
        where: Says which sample it is.
        settings: How the chip learns.
    """
    main = layer.arrays.main
    if not change <= min(MOST_RANGES * 2 * main.largest, MOST_PULSES * main.step):
        raise FloatingPointError(
            f"{where()} asks for a change of {change:.3g} of a weight of {layer.tiles.name}, whose "
            f"cells hold weights from {-main.largest:.3g} to {main.largest:.3g} in steps of "
            f"{main.step:.3g}; lower {_rates(settings)}"
        )


def _rates(settings: Settings) -> str:
    """Return the learning rates, for messages."""
    of_rule = f"lr (it is {settings.rule.lr:g})"
    if settings.periphery == "frozen":
        return of_rule
    return f"{of_rule} or periphery_lr (it is {settings.periphery_lr:g})"
