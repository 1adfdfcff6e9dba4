"""How a gradient becomes pulses: the rules of learning on a chip, as descriptions."""

from abc import ABC
from dataclasses import dataclass

from crossbar.arrays.pulsed import LONGEST_STREAM
from devices.validation import LARGEST_SINGLE, boolean, choice, integer, number
from nsm.training.recipe import SCHEDULES

#: What a learning rate may be relative to.
UNITS = ("range", "weight")
#: Largest change of a weight by one sample, in ranges of the weights its cells hold. Rates that
#: learn ask for about a tenth of a range; at a hundred, cells only jump between their ends.
MOST_RANGES = 100


# An abstract class with fields, as `PulseResponse` is: every rule has a learning rate.
@dataclass(frozen=True, kw_only=True)
class LearningRule(ABC):  # noqa: B024
    """What all rules share: a learning rate, and how it falls.

    Attributes:
        lr: Learning rate at the start; default 0.5.
        lr_per: What it is relative to. "range" (default): the η of a layer is lr w_max², with the
            largest weight w_max that its cells hold now, so that an NSM learns alike whatever the
            scale and the gain of its weights. "weight": η is lr for the weights of the network,
            as in software, whatever the scale of a row or the factor of a compensated layer. It
            suits rectifiers, whose layers have inputs of different sizes.
        lr_schedule: "constant" (default), "cosine" (to 0) or "halving" (after every quarter).

    Raises:
        ValueError: lr is not above 0 or too large for single precision, or a name is unknown.
    """

    lr: float = 0.5
    lr_per: str = "range"
    lr_schedule: str = "constant"

    def __post_init__(self) -> None:
        number(f"{type(self).__name__}.lr", self.lr, above=0, at_most=LARGEST_SINGLE)
        choice("lr_per", self.lr_per, UNITS)
        choice("lr_schedule", self.lr_schedule, SCHEDULES)

    def unit(self, largest: float) -> float:
        """Return the η of lr = 1 in a layer whose cells hold weights up to `largest`."""
        return largest**2 if self.lr_per == "range" else 1.0

    def rate(self, sample: int, samples: int) -> float:
        """Return the learning rate of sample number `sample`, counted from 0, of `samples`."""
        return self.lr * SCHEDULES[self.lr_schedule](sample / samples)


@dataclass(frozen=True, kw_only=True)
class MixedPrecision(LearningRule):
    """Gradients are added up digitally; a cell gets pulses when a whole step has come together.

    χ ← χ − η e xᵀ, then n = ⌊|χ|/ε⌋ pulses in the direction of χ, and χ ← χ − n ε, with the mean
    step ε of the array (Nandakumar et al. 2020, doi:10.3389/fnins.2020.00406). It needs a digital
    memory with one number for each weight.

    Attributes:
        lr, lr_per, lr_schedule: As in `LearningRule`.
        step: ε relative to the mean step of the array; default 1. Above 1 pulses are rarer.
        center: Whether χ takes x − x̄ instead of x, with the running mean x̄ of the last thousand
            samples (default True). Inputs coded ±1 have a common part, which acts as one large
            bias and limits the learning rate (Schraudolph 1998, "Centering neural network
            gradient factors"). Forward and transposed reads do not change.
    """

    step: float = 1.0
    center: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        number("MixedPrecision.step", self.step, above=0, at_most=LARGEST_SINGLE)
        boolean("MixedPrecision.center", self.center)


@dataclass(frozen=True, kw_only=True)
class Coincidences(LearningRule):
    """Stochastic updates of rank 1: coincidences of random bit streams on rows and columns.

    See `crossbar.arrays.pulsed.PulsedArray.coincide` (Gokmen & Vlasov 2016,
    doi:10.3389/fnins.2016.00333). All cells are updated at once, without digital memory.

    Attributes:
        lr, lr_per, lr_schedule: As in `LearningRule`.
        length: Bits of a stream, 1 to 64; default 31.
    """

    length: int = 31

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_length("Coincidences.length", self.length)


@dataclass(frozen=True, kw_only=True)
class TikiTaka(LearningRule):
    """Tiki-Taka, version 2: a fast array A, a digital filter H, and the weights C.

    A gets the coincidences, around the symmetry point of each of its cells, which is its zero. One
    column of A after another is read and added to H, and when a number of H has filled a step of
    C, that weight gets a pulse (Gokmen 2021, doi:10.3389/frai.2021.699148; A and C alone are
    Gokmen & Haensch 2020, doi:10.3389/fnins.2020.00103). A is a second array for each layer.

    Attributes:
        lr, lr_per: Learning rate of A, as in `LearningRule`.
        lr_schedule: How the transfer from A to H falls; the rate of A stays.
        transfer: Factor of the columns of A that are added to H; default 0.1.
        every: Samples between two reads of a column; default 2.
        length: Bits of a stream, 1 to 64; default 31.
    """

    transfer: float = 0.1
    every: int = 2
    length: int = 31

    def __post_init__(self) -> None:
        super().__post_init__()
        number("TikiTaka.transfer", self.transfer, above=0, at_most=MOST_RANGES)
        integer("TikiTaka.every", self.every, at_least=1)
        _check_length("TikiTaka.length", self.length)


@dataclass(frozen=True, kw_only=True)
class Rounding(LearningRule):
    """Every update is rounded to whole steps at once: the baseline that fails on coarse cells.

    Attributes:
        lr, lr_per, lr_schedule: As in `LearningRule`.
    """


def _check_length(name: str, length: int) -> None:
    """Raise ValueError unless a stream has an allowed length."""
    number(name, integer(name, length, at_least=1), at_least=1, at_most=LONGEST_STREAM)
