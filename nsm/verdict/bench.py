"""Errors of chips on blocks of images: the measurements of which everything else is made."""

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from devices import NoNoise
from devices.seeding import child, seed_number, seed_sequence
from nsm.chips.calibration import has_open_converters
from nsm.chips.chip import MappedNetwork
from nsm.chips.hardware_table import HardwareTable, as_table
from nsm.chips.map import program_plan
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.planning.examples import given_example
from nsm.chips.planning.plan import planned_layers
from nsm.chips.planning.plans import Plans
from nsm.nn.inference import Labels, error_rate
from nsm.sweeps.calibration import Calibration
from nsm.sweeps.data import Images, few_of, some_of
from nsm.verdict.axis import Facts
from nsm.verdict.setting import Setting

#: Cells of the programmed chips that are kept for gains and ages, which change no programming.
CELLS_KEPT = 1 << 24
#: Streams below the seed of a search.
_SHUFFLE, _CHIPS = 0, 1


@dataclass(frozen=True, eq=False)
class Bench:
    """Networks and images, cut into blocks; each block has images and a chip of its own.

    Attributes:
        trainings: The trainings of each network by its name. Block k takes them in turn.
        given: The setting of the given hardware.
        x: Images (n, ...), or a tuple of arrays for several inputs.
        y: Labels (n, ...).
        calibration: How open ranges of converters are set.
        blocks: Number of blocks.
        samples: Noisy passes per image.
        sampling: "exact" or "moments".
        seed: Seed of the order of the images, and of all chips and reads.
        plans: The plans of the networks, in this process.
    """

    trainings: Mapping[str, tuple[nn.Module, ...]]
    given: Setting
    x: Images
    y: Labels
    calibration: Calibration
    blocks: int
    samples: int
    sampling: str
    seed: np.random.SeedSequence
    plans: Plans = field(default_factory=Plans, repr=False)
    _chips: dict[tuple[str, int], MappedNetwork] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_numbers"}
        return {**state, "_chips": {}}  # workers program chips of their own

    @property
    def size(self) -> int:
        """Images of a block."""
        return len(self.y) // self.blocks

    @cached_property
    def _numbers(self) -> NDArray[np.intp]:
        """Numbers of the images of each block, (blocks, size), in a fixed shuffled order."""
        order = np.random.default_rng(child(self.seed, _SHUFFLE)).permutation(len(self.y))
        return order[: self.blocks * self.size].reshape(self.blocks, self.size)

    def images(self, block: int) -> tuple[Images, Labels]:
        """Return images and labels of a block."""
        which = self._numbers[block]
        return some_of(self.x, which), self.y[which]

    def training(self, network: str, block: int) -> nn.Module:
        """Return the training of a network that a block reads."""
        of_network = self.trainings[network]
        return of_network[block % len(of_network)]

    def chip_seed(self, block: int) -> int:
        """Return the seed of the chip of a block and of its reads, the same for all settings."""
        return seed_number(child(self.seed, _CHIPS, block))

    def software_errors(self, network: str, block: int) -> int:
        """Return how many images of a block the network gets wrong in software."""
        x, y = self.images(block)
        model = self.training(network, block)
        rate = error_rate(model, x, y, self.samples, rng=self.chip_seed(block))
        return round(rate * y.size)

    def errors(self, network: str, setting: Setting, block: int) -> int:
        """Return how many images (pixels) of a block a chip with this setting gets wrong."""
        with warnings.catch_warnings():
            # The search goes on purpose where converters clip, and `tolerances` has warned once.
            warnings.filterwarnings("ignore", message="the (ADC|DAC) of .* clips its")
            warnings.filterwarnings("ignore", message='sampling="moments" draws every read')
            return self._errors(network, setting, block)

    def _errors(self, network: str, setting: Setting, block: int) -> int:
        x, y = self.images(block)
        seed = self.chip_seed(block)
        chip = self._chip(network, setting, block)
        if setting.changes_chip:
            for layer in chip.layers:
                layer.set_report({})  # nobody reads it, and it is slow
            setting.act_on(chip, self.calibration, seed)
        return chip.errors(x, y, self.samples, rng=seed, sampling=self.sampling)

    def _chip(self, network: str, setting: Setting, block: int) -> MappedNetwork:
        """Return the programmed and calibrated chip of a block, which the caller may change."""
        if setting.hardware is not self.given.hardware or not setting.changes_chip:
            return self._programmed(network, setting, block)
        key = network, block
        if key not in self._chips:
            chip = self._programmed(network, setting, block)
            for layer in chip.layers:
                layer.set_report({})
            if not self._keeps(network):
                return chip
            self._chips[key] = chip
        return copy.deepcopy(self._chips[key])

    def _keeps(self, network: str) -> bool:
        """Return whether the chips of all blocks fit into the memory set aside for them."""
        return self.facts(network).cells * self.blocks * len(self.trainings) <= CELLS_KEPT

    def _programmed(self, network: str, setting: Setting, block: int) -> MappedNetwork:
        seed = self.chip_seed(block)
        model = self.training(network, block)
        plan = self.plans.own(model, *self._planned_for)
        chip = program_plan(plan, model, setting.hardware, seed=seed_sequence(seed))
        if has_open_converters(chip.layers):
            chip.calibrate(self.calibration.images, **self.calibration.options, rng=seed)
        return chip

    @property
    def _planned_for(self) -> tuple[HardwareTable, tuple[Any, ...]]:
        """The hardware, and the inputs of the comparison, of all plans."""
        return as_table(self.given.hardware), given_example(few_of(self.x))

    def _plan(self, network: str, block: int) -> CheckedPlan:
        """Return the plan of a training, which holds for all settings."""
        return self.plans.of(self.training(network, block), *self._planned_for)

    def facts(self, network: str) -> Facts:
        """Return what decides which axes act on a network."""
        table = as_table(self.given.hardware)
        layers = planned_layers(self._plan(network, 0).network)
        pairs = [(layer, table.of(layer.path)) for layer in layers]
        return Facts(
            has_comparators=any(layer.draws or layer.by_sign for layer in layers),
            has_linear_outputs=any(layer.has_linear_outputs for layer in layers),
            sees_scale=any(h is not None and layer.sees_scale(h) for layer, h in pairs),
            cells=sum(
                2 * layer.wanted.weight.size * layer.reads_per_pass * (1 + layer.samples)
                for layer in layers
            ),
        )

    def without_gate(self, network: str) -> Setting | None:
        """Return the setting without its gate; None if no layer of the network has one."""
        gated = any(not isinstance(part.gate, NoNoise) for part in self.given.parts)
        layers = planned_layers(self._plan(network, 0).network)
        if not gated or not any(layer.samples for layer in layers):
            return None
        return self.given.each(lambda h: replace(h, gate=NoNoise()))
