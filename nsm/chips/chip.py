"""A network on a chip: a torch module whose layers with weights read tiles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx, nn

from crossbar import Hardware
from crossbar.reads.span import Span
from devices.seeding import child
from nsm.chips import mapping_report
from nsm.chips.layers.read_context import Reads
from nsm.chips.planning.chain import is_chain
from nsm.chips.planning.checked_plan import CheckedPlan
from nsm.chips.programmed_network import ProgrammedNetwork
from nsm.chips.refused_images import refusing_images
from nsm.chips.runs import read_once
from nsm.chips.streams import Stream
from nsm.chips.structures import combined, leaves, rows_of, tensors_of
from nsm.nn.given_images import warn_of_scale

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Origin:
    """What a chip was made from: the arguments of `map_to_crossbar`.

    Attributes:
        model: The network, a copy in `eval()`.
        hardware: Description of the chip, or a mapping from layers to descriptions.
        seed: Seed of all that was drawn when the chip was programmed.
        reprogrammed_scale: Factor of the weights.
        example: Inputs with which the mapping was checked.
    """

    model: nn.Module
    hardware: Hardware | Mapping[str, Hardware | None]
    seed: np.random.SeedSequence
    reprogrammed_scale: float
    example: tuple[Any, ...]


class MappedNetwork(ProgrammedNetwork):
    """One chip: a network programmed once into tiles.

    Calling it makes one noisy pass, tensors in and tensors out.

    When a network is mapped, programming errors, stuck cells, comparator offsets, the path along
    which each cell drifts, and the first states of noise with memory are drawn once. On every read,
    gates, read noise and comparator noise are drawn. `age` and `scale_conductances` change the
    chip: ages add up, gains multiply.

    It is a torch module: `copy.deepcopy`, `pickle`, hooks, `chip.to(device)` (of what is digital)
    and evaluation loops of others work with it.

    Attributes:
        network: A copy of the user's network in which every weighted layer reads tiles, as a graph
            where it could be traced; or a chain of chip layers.
        inputs: What the network takes.
        origin: What the chip was made from.
        weights_are_in: What messages name where a chip is given in place of a network.
    """

    weights_are_in = "the network that was mapped, or chip.save(path) to keep the chip itself"

    def __init__(self, network: nn.Module, plan: CheckedPlan, origin: Origin):
        super().__init__(network, plan.form)
        self.origin = origin
        self.seed = origin.seed
        self._plan = replace(plan, network=nn.Identity())
        self.training = False

    def train(self, mode: bool = True) -> "MappedNetwork":
        """Set `training`, and nothing else: a chip computes as its network did when it was mapped.

        Dropout that was on stays on, and normalization keeps its statistics.
        """
        self.training = mode
        return self

    def check_images(self, x: Any) -> Any:
        """Return images as the network takes them, checked; see `images.InputForm.checked`.

        A warning says if they look like bytes.
        """
        images = super().check_images(x)
        first = images if isinstance(images, np.ndarray) else leaves(images)[0].cpu().numpy()
        warn_of_scale(self.model, first)
        return images

    def runs(
        self, x: Any, samples: int, seed: np.random.SeedSequence, **options: Any
    ) -> Iterator[tuple[Span, Any]]:
        """Yield the reads of a run of checked images; see `runs.runs`.

        Images that the network itself cannot take are refused by their shape.
        """
        spans = super().runs(x, samples, seed, **options)
        return spans if isinstance(x, np.ndarray) else self._refusing(spans, x)

    def _refusing(
        self, spans: Iterator[tuple[Span, Any]], images: tuple[Any, ...]
    ) -> Iterator[tuple[Span, Any]]:
        with refusing_images(self.model, self.inputs, images):
            yield from spans

    @property
    def model(self) -> nn.Module:
        """The network that was mapped, a copy."""
        return self.origin.model

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return the network's outputs of one noisy pass, on the device of its inputs.

        Every call draws fresh noise, from a seed that torch's generator gives (so that
        `torch.manual_seed` makes it reproducible); `sample` takes a seed. The chip has no gradient.

        Args:
            inputs: The network's arguments, tensors. Outputs have their precision, or torch's
                default precision if they hold integers or truth values, which count as 1 and 0.
            options: Further arguments, as the network takes them.

        Raises:
            ValueError: There is no tensor among the inputs, or an input has a wrong shape or holds
                NaN.
        """
        advice = "give a torch.Tensor, or call chip.sample(x, samples), which takes arrays"
        given = tensors_of((inputs, options), "a chip", advice)
        if not all(torch.isfinite(t).all() for t in given):
            raise ValueError("an input of the chip holds NaN or infinite values")
        seed = np.random.SeedSequence(int(torch.randint(2**62, ()).item()))
        if not is_chain(self.network):
            return self._pass(inputs, options, child(seed, Stream.SAMPLE))
        if len(inputs) != 1 or options:
            raise ValueError(
                f"this network takes one input, but {len(inputs)} and the options "
                f"{sorted(options)} were given"
            )
        x = given[0]
        logits = self.sample(x.detach().double().cpu().numpy(), 1, rng=seed)[0]
        dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
        return torch.as_tensor(logits).to(device=x.device, dtype=dtype)

    def _pass(
        self, inputs: tuple[Any, ...], options: dict[str, Any], seed: np.random.SeedSequence
    ) -> Any:
        """Return the outputs of one pass of a network that is no chain."""
        form = self.inputs
        mapped_with = len(form.arguments or ())
        if isinstance(self.network, fx.GraphModule) and (options or len(inputs) != mapped_with):
            raise ValueError(
                f"the network was mapped with {mapped_with} inputs, and keeps the defaults of all "
                f"other arguments; {len(inputs)} and the options {sorted(options)} were given: map "
                "it with example=, a tuple of all of them, or wrap it in a module that sets them"
            )
        rows = form.batch(inputs) if len(inputs) == mapped_with else rows_of((inputs, options))
        with refusing_images(self.model, form, inputs, options):
            if not (form.one_by_one and form.by_row):
                return read_once(self.network, Reads(Span(0, rows), "exact", seed), inputs, options)
            parts = [
                read_once(
                    self.network,
                    Reads(Span(number, number + 1), "exact", seed),
                    form.chosen(inputs, np.array([number])),
                    options,
                )
                for number in range(rows)
            ]
        return combined(torch.cat, parts)

    def save(self, path: str | Path, *, note: str = "") -> None:
        """Write the chip to a safetensors file, without pickle; `nsm.load_chip` reads it.

        The file holds the network, the hardware, all seeds, the conductances of every cell, ages,
        gains, offsets, and the states of noises with memory: reads are the same after loading. A
        warning says if no file can hold the network's architecture; then `load_chip` asks for it.

        Args:
            path: The file; an old one is replaced in one step.
            note: Kept in the metadata: how the chip was made.

        Raises:
            ValueError: Naming a part of the hardware that no file holds, or the missing folder.
        """
        from nsm.chips.chip_file import save_chip  # it maps networks, which makes chips

        save_chip(self, path, note=note)

    def report(self) -> "pd.DataFrame":
        """Return one row per layer, on tiles or digital; see `mapping_report.report`."""
        return mapping_report.report(self.network, self._plan)
