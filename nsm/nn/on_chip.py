"""What a layer asks of a chip: weights on tiles with neurons behind them, or a digital function.

A layer answers `on_chip()` with one of these descriptions, with None if nothing is left to do at
inference, or with a ValueError that says why it cannot be mapped. `nsm.chips` builds what is asked.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nsm.nn.digital import Values
from nsm.nn.geometry import Patches

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearOutputs:
    """Weighted sums, read by a converter, or by comparators if a `Sign` follows."""


@dataclass(frozen=True)
class LogisticNeurons:
    """Binary neurons with logistic threshold noise of fixed size, P(+1) = 1/(1 + exp(−u))."""


@dataclass(frozen=True, eq=False)
class SampledNeurons:
    """Binary neurons whose noise is that of the cells: neural sampling.

    Attributes:
        beta: Factor β of the normalized weights, (1, outputs), or (locations, outputs) in a
            convolution with a β for every location.
        native: True if β is E ξ/√(2 Var ξ) of the noise that it was trained with, so that a = 0.
        noise_scale: s = √(2 Var ξ) of this noise. A bias b acts through b/(s ‖w‖).
        relaxed: Whether the layers behind it were trained on relaxed states between −1 and +1,
            where the chip gives ±1; default False.
    """

    beta: Floats
    native: bool
    noise_scale: float
    relaxed: bool = False


Neurons = LinearOutputs | LogisticNeurons | SampledNeurons


@dataclass(frozen=True, eq=False)
class OnTiles:
    """What a layer with weights asks of a chip.

    Attributes:
        weight: Effective weights, (outputs, inputs), after batch and weight normalization.
        bias: (outputs,), or None.
        neurons: What reads the sums.
        patches: How a convolution cuts its inputs; None for fully connected layers.
    """

    weight: Floats
    bias: Floats | None
    neurons: Neurons = field(default_factory=LinearOutputs)
    patches: Patches | None = None


@dataclass(frozen=True)
class Digital:
    """What a layer without weights asks of a chip: a function that is computed digitally.

    Attributes:
        function: Takes and returns values (images, ...) in numpy: numbers, or truth values for
            states. It can be pickled: a function of a module, or a `functools.partial` of one.
    """

    function: Callable[[Values], Values]
