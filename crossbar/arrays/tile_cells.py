"""The cells of one tile: what they were programmed to, which are stuck, how they answer pulses."""

from abc import ABC, abstractmethod
from dataclasses import replace
from enum import IntEnum

import numpy as np

from crossbar.arrays.stuck_cells import Mask, stuck_at
from crossbar.hardware import Hardware
from devices import Device, NoDrift, NoFaults, Place
from devices.faults.base import Faults
from devices.pulses.base import PulsedCells
from devices.seeding import child, stream
from devices.validation import Floats

#: The place of a tile that is the whole main array of a layer.
ALONE = Place()


class Stream(IntEnum):
    """Random streams of a tile, by what is drawn from them."""

    PROGRAMMING = 0
    DRIFT = 1
    # 2 and 3 are those of a single `Tile`.
    PULSE_RESPONSE = 4


class TileCells(ABC):
    """The cells of one array (word lines, bit lines), as they were written and as they age.

    `ProgrammedTile` adds what reads see of them.

    Args:
        hardware: Description of the chip.
        siemens_per_weight: Conductance [S] of a weight of one.
        g_pos: Conductances of the positive cells after programming [S], (word lines, bit lines).
        g_neg: The same of the negative cells, or (word lines, 1) of a reference column.
        seed: Seed of the tile: drift, pulse response, and the faults of its programming.
        place: Where the tile is in its layer; faults may depend on it.
    """

    def __init__(
        self,
        hardware: Hardware,
        siemens_per_weight: float,
        g_pos: Floats,
        g_neg: Floats,
        seed: np.random.SeedSequence,
        place: Place = ALONE,
    ):
        self.hardware = hardware
        self.siemens_per_weight = siemens_per_weight
        self.seconds = 0.0
        self.gain = 1.0
        self.place = place
        self._seed = seed
        self._programmed = (g_pos, g_neg)
        self._failed: tuple[Mask, Mask] | None = None
        self._refresh()

    @abstractmethod
    def _refresh(self) -> None:
        """Work out what reads see: the cells have changed."""

    def stuck(self, side: int) -> Mask:
        """Return which cells do not follow pulses, of the shape of `g_pos` (side 0) or `g_neg` (1).

        They are the faulty cells that were drawn when the tile was programmed, and those of `fail`.
        """
        shape = self._programmed[side].shape
        faults = devices_at(self.place, self.hardware)[side].faults
        mask: Mask = np.zeros(shape, dtype=bool)
        if not isinstance(faults, NoFaults):
            random = stream(self._seed, Stream.PROGRAMMING, side)
            mask = ~np.isnan(stuck_at(faults, self.hardware.device, shape, rng=random))
        return mask if self._failed is None else mask | self._failed[side]

    def fail(self, faults: Faults, seed: np.random.SeedSequence) -> None:
        """Let cells fail: from now on they are stuck where the faults put them.

        Args:
            faults: Which cells fail; those that are stuck already stay where they are.
            seed: Seed of the draw.
        """
        masks, after = [], []
        for side, (g, name) in enumerate(zip(self._programmed, ("g_pos", "g_neg"), strict=True)):
            here = faults.at(self.place._replace(side=name))
            at = stuck_at(here, self.hardware.device, g.shape, rng=stream(seed, side))
            before = self.stuck(side)
            new = ~np.isnan(at) & ~before
            after.append(np.where(new, at, g))
            masks.append(new if self._failed is None else new | self._failed[side])
        self._programmed = (after[0], after[1])
        self._failed = (masks[0], masks[1])
        self._refresh()

    def pulse_cells(self, side: int) -> PulsedCells:
        """Return what differs between the cells' responses to pulses, drawn once per chip.

        Args:
            side: 0 for the positive cells, 1 for the negative ones.

        Raises:
            ValueError: The device has no pulse response.
        """
        response = self.hardware.device.pulses
        if response is None:
            raise ValueError(
                "device.pulses = None: how these cells answer pulses is not known; give "
                "Device(pulses=...), such as SoftBoundsPulses, or a preset with a pulse response"
            )
        seed = child(self._seed, Stream.PULSE_RESPONSE, side)
        return response.init(self._programmed[side].shape, rng=seed)

    def before_gain(self) -> tuple[Floats, Floats]:
        """Return the conductances [S] of the cells now, aged, without the common-mode gain."""
        g_pos, g_neg = (self._aged(g, side) for side, g in enumerate(self._programmed))
        return g_pos, g_neg

    def rewrite(self, g_pos: Floats, g_neg: Floats) -> None:
        """Take conductances [S] that pulses have written; the age of the tile begins anew."""
        self._programmed = (np.array(g_pos), np.array(g_neg))
        self.seconds = 0.0
        self._refresh()

    def _aged(self, g: Floats, side: int) -> Floats:
        """Return conductances [S] after the tile's age.

        Args:
            g: Conductances after programming [S].
            side: 0 for the positive cells, 1 for the negative ones; it names the stream of drift.
        """
        hardware = self.hardware
        if self.seconds > 0 and not isinstance(hardware.device.retention, NoDrift):
            drift = stream(self._seed, Stream.DRIFT, side)
            g = hardware.device_at_temperature.age(g, self.seconds, rng=drift)
        return g


def devices_at(place: Place, hardware: Hardware) -> tuple[Device, Device]:
    """Return the devices as which the positive and the negative cells of a tile are programmed."""
    device = hardware.device

    def on(side: str) -> Device:
        faults = device.faults.at(place._replace(side=side))
        return device if faults is device.faults else replace(device, faults=faults)

    negative = on("g_neg")
    # A reference column is trimmed to its target; it does not stop at the nearest level.
    shared = hardware.mapping.shares_reference
    return on("g_pos"), replace(negative, levels=None) if shared else negative
