"""The sweeps of the demonstration: which values, and what their panels say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Axis:
    """One sweep of the demonstration.

    Attributes:
        path: the axis, as in `nsm.grid`.
        values: its values, the nominal one among them.
        nominal: its value on the chip that has no such non-ideality.
        title: heading of its panel.
        text: paragraph of its panel.
    """

    path: str
    values: Sequence[Any]
    nominal: float
    title: str
    text: str

    @property
    def stem(self) -> str:
        """Name of its files, without ending."""
        return self.path.replace(".", "_")


AXES = (
    Axis(
        "gain",
        [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0],
        1.0,
        "Common-mode gain",
        "All conductances of the programmed chip change by one factor, those of the bias cells "
        "included, as they would with temperature, supply voltage or uniform drift. The noise of "
        "the NSM's gates changes with its weights, so that every firing probability stays the "
        "same. In the ReLU network every layer multiplies its signal by this factor once more, but "
        "not its biases, which take over at a small one. The noise of the StNN has a fixed size, "
        "and a smaller signal drowns in it.",
    ),
    Axis(
        "device.levels",
        [2, 3, 4, 6, 8, 16, 32],
        32,
        "Conductance levels",
        "Each cell can only be programmed to evenly spaced levels between g_min and g_max.",
    ),
    Axis(
        "device.on_off_ratio",
        [1.5, 2.0, 4.0, 10.0, 45.0, 100.0],
        45.0,
        "On/off ratio",
        "g_min changes while g_max stays. The levels and the pulses that write them span the new "
        "range, so that weights and programming errors shrink by one factor. The cells of a pair "
        "share one gate, which keeps the noise of g_min out of their difference.",
    ),
    Axis(
        "device.write.error_factor",
        [0.0, 1.0, 3.0, 10.0, 30.0, 60.0],
        1.0,
        "Programming error",
        "Cells are written by open-loop pulses, whose errors of 0.5 % of the conductance range add "
        "up to 1.9 % in the middle of it (root mean square). That error is multiplied by this "
        "factor. Each cell draws its error once, when the chip is programmed.",
    ),
    Axis(
        "device.read_noise.sigma",
        [0.0, 0.03, 0.1, 0.3, 0.6, 1.0],
        0.0,
        "Read noise",
        "Every cell has its own relative lognormal noise, drawn on every read, in addition to the "
        "gate. (Gaussian noise of this size would make conductances negative.) Sums over cells are "
        "drawn from their mean and variance. The mapping takes this noise into account and keeps "
        "the β of the NSM as it was trained, except for the noise that the cells of the "
        "deterministic path add.",
    ),
)
