"""What pulses have cost: how many there were, and the energy and the wear of the cells."""

from dataclasses import dataclass, field

import numpy as np

from devices.validation import Floats


@dataclass
class PulseCounts:
    """Pulses of the cells of one side of an array so far.

    Attributes:
        tally: Pulses up and down, and the sums of the states (fractions of the range) before them.
        writes: Cells that were written anew, by a refresh or by programming.
    """

    tally: Floats = field(default_factory=lambda: np.zeros(4))
    writes: int = 0

    @property
    def up(self) -> int:
        """Number of potentiating pulses."""
        return int(self.tally[0])

    @property
    def down(self) -> int:
        """Number of depressing pulses."""
        return int(self.tally[1])

    def siemens(self, g_min: float, g_max: float) -> tuple[float, float]:
        """Return Σ G [S] over the pulses up and over those down, with G before each pulse.

        Args:
            g_min: Conductance of the state 0 [S].
            g_max: Conductance of the state 1 [S].
        """
        up, down, of_up, of_down = self.tally.tolist()
        width = g_max - g_min
        return g_min * up + width * of_up, g_min * down + width * of_down
