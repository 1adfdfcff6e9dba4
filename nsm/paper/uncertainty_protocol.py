"""How uncertainty is measured: which images, which chips. Results are known by all of it."""

from dataclasses import dataclass

from crossbar import Hardware
from devices import BlankOut, preset

#: What is done on a chip about its gain.
CALIBRATIONS = ("none", "temperature", "compensated")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """The images and chips of a measurement of uncertainty.

    Attributes:
        held_out: Training images, the last ones, that nothing is trained on: they decide the
            temperature.
        members: Networks of an ensemble (Lakshminarayanan et al. 2017, arXiv 1612.01474).
        angles: By which test images are rotated [degrees].
        shifts: By which test images are shifted to the right [pixels].
        letters: Printed letters, the images out of distribution.
        on_chips: Test images that chips read.
        gains: Common-mode gains of all conductances of a chip.
        device: Preset of the cells of the chips, which have no other noise than their gates.
        p: Probability that a gate conducts. Networks without noise do not use it.
    """

    held_out: int = 2000
    members: int = 5
    angles: tuple[float, ...] = (15.0, 30.0, 60.0, 90.0)
    shifts: tuple[int, ...] = (2, 4, 6)
    letters: int = 1000
    on_chips: int = 1000
    gains: tuple[float, ...] = (1.0, 0.1, 0.01)
    device: str = "fefet_jerry2017"
    p: float = 0.5

    @property
    def hardware(self) -> Hardware:
        """The chips: a gate for each pair of cells, ideal comparators and converters."""
        return Hardware(
            device=preset(self.device),
            gate=BlankOut(self.p),
            gate_sharing="pair",
            tile_shape=(128, 128),
        )
