"""Chips that are drawn from a network as its weights are now."""

import numpy as np
import torch
from torch import Tensor

from devices.seeding import child
from nsm.chips.programming import Programming, Ranges, ranges_of
from nsm.chips.streams import Stream
from nsm.nn.on_chip import OnTiles
from nsm.training.hardware_aware.array_laws import Attenuations, attenuations_of
from nsm.training.hardware_aware.drawn_layer import DrawnLayer, ProgrammedPart, drawn_layer
from nsm.training.hardware_aware.slots import Slot


class Draws:
    """Draws chips of the same network and hardware, one for every step of training.

    Args:
        slots: The layers on tiles.
        wires_every: Steps for which the factors of the wires hold.
        range_every: Steps for which ranges hold that least squares find.
    """

    def __init__(self, slots: list[Slot], wires_every: int, range_every: int):
        self.slots = slots
        self.wires_every = wires_every
        self.range_every = range_every
        self._ranges: dict[tuple[str, int], Ranges] = {}
        self._attenuations: dict[tuple[str, int], Attenuations] = {}

    def forget(self) -> None:
        """Forget what holds for several steps: the next chip finds it anew."""
        self._ranges.clear()
        self._attenuations.clear()

    @torch.no_grad()
    def of_step(self, seed: np.random.SeedSequence, step: int, like: Tensor) -> list[DrawnLayer]:
        """Return the layers of the chip of one step.

        Args:
            seed: Seed of the chip.
            step: Number of the step; ranges and wires are found anew at multiples of their n.
            like: A tensor of the precision and device of the layers.
        """
        if step % self.range_every == 0:
            self._ranges.clear()
        if step % self.wires_every == 0:
            self._attenuations.clear()
        return [self._drawn(slot, seed, like, held=True) for slot in self.slots]

    @torch.no_grad()
    def of_chip(self, seed: np.random.SeedSequence, like: Tensor) -> list[DrawnLayer]:
        """Return the layers of the chip that `map_to_crossbar` programs with this seed."""
        return [self._drawn(slot, seed, like, held=False) for slot in self.slots]

    def _drawn(
        self, slot: Slot, seed: np.random.SeedSequence, like: Tensor, *, held: bool
    ) -> DrawnLayer:
        parts = []
        for index, wanted in enumerate(slot.wanted()):
            planned = slot.parts[index]
            planned.wanted = wanted
            key = slot.path, index
            ranges = self._range(slot, key, wanted) if held else None
            factors = self._attenuations.get(key) if held else None
            has_wires = factors is None
            programming = Programming(
                planned, slot.hardware, 1.0, ranges=ranges, has_wires=has_wires
            )
            targets = programming.targets()
            layer = programming.layer(child(seed, Stream.MAP, planned.number), targets)
            if held and factors is None and slot.hardware.wires is not None:
                neurons = layer.neurons
                self._attenuations[key] = attenuations_of(
                    (int(p.part), p.array) for p in neurons.parts()
                )
            wires = None if has_wires else slot.hardware.wires
            parts.append(ProgrammedPart(layer, targets, wanted, wires, factors or {}))
        return drawn_layer(parts, slot.folding(), like)

    def _range(self, slot: Slot, key: tuple[str, int], wanted: OnTiles) -> Ranges | None:
        """Return the range that holds at this step; None to find it by its rule."""
        if slot.hardware.weight_range != "least_squares":
            return None
        if key not in self._ranges:
            self._ranges[key] = ranges_of(wanted, slot.hardware)
        return self._ranges[key]
