"""The converters of a layer of one chip, with straight-through gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from crossbar import Adc, Dac
from devices.validation import Floats
from nsm.chips.layers.tile_layer import TileLayer
from nsm.nn.geometry import Patches


def straight(value: Tensor, carrier: Tensor) -> Tensor:
    """Return the value, with the gradient of the carrier."""
    return value + (carrier - carrier.detach())


@dataclass(frozen=True, eq=False)
class DrawnDac:
    """The converters of the inputs of a layer.

    Attributes:
        dac: The converter.
        limits: Largest input of each group of a convolution, (groups,); of one for other layers.
    """

    dac: Dac
    limits: Floats

    @classmethod
    def of(cls, parts: Sequence[TileLayer]) -> "DrawnDac | None":
        """Return the converters of the groups of a layer, whose ranges are known; None without."""
        drivers = [part.neurons.drivers for part in parts]
        dac = drivers[0].dac
        if dac is None:
            return None
        return cls(dac, np.array([each.limit for each in drivers], dtype=np.float64))

    def levels(self, x: Tensor, patches: Patches | None) -> Tensor:
        """Return what drives the word lines; clipped inputs have no gradient.

        Args:
            x: Inputs of the layer.
            patches: How its convolution cuts them; None for fully connected layers.
        """
        limit = self.limits[:1]
        if patches is not None and (self.limits != limit).any():
            axis = -(len(patches.kernel) + 1)
            of_group = x.shape[axis] // len(self.limits)
            limit = np.repeat(self.limits, of_group).reshape(-1, *(1,) * (-axis - 1))
        values = x.detach().double().cpu().numpy()
        levels = self.dac.convert(values, limit)
        if all(self.dac.keeps_ternary(one) for one in self.limits):
            # States pass as they are, without rounding errors of the range.
            levels = np.where(np.isin(values, (-1, 0, 1)), values, levels)
        bound = torch.as_tensor(limit).to(x)
        return straight(torch.as_tensor(levels).to(x), x.clamp(-bound, bound))


@dataclass(frozen=True, eq=False)
class DrawnAdc:
    """The converters of the sums of a layer, u in network units: of the current k (u + c) + offset.

    Attributes:
        adc: The converter.
        limit: Largest current [A], (outputs,).
        offset: Offsets [A], (outputs,).
        amperes: Current k of a sum of one [A], (outputs,).
        constant: The part c of the sums that folded normalization takes out, (outputs,).
    """

    adc: Adc
    limit: Tensor
    offset: Tensor
    amperes: Tensor
    constant: Tensor

    @classmethod
    def of(
        cls, parts: Sequence[TileLayer], folding: tuple[Floats, Floats], like: Tensor
    ) -> "DrawnAdc | None":
        """Return the converters of a layer, one for every output; None without.

        Args:
            parts: Its layers on the chip, one for each group of a convolution.
            folding: Factor and shift of folded normalization, (outputs,) each.
            like: A tensor of the precision and device of the result.
        """
        found: dict[str, list[Floats]] = {"limit": [], "offset": [], "amperes": []}
        adc = None
        for part in parts:
            converters = part.neurons.converters
            if converters is None:
                return None
            adc, rows = converters.adc, part.row_factors / part.compensation.factors
            found["limit"].append(np.broadcast_to(converters.limits[0], rows.shape))
            found["offset"].append(converters.offsets[0])
            found["amperes"].append(converters.amperes_per_weight * rows)
        assert adc is not None
        values = {name: np.concatenate(of_parts) for name, of_parts in found.items()}
        factor, shift = folding
        values["amperes"] = values["amperes"] * factor
        values["constant"] = shift / factor
        return cls(adc, **{name: torch.as_tensor(v).to(like) for name, v in values.items()})

    def converted(
        self,
        u: Tensor,
        over_outputs: Callable[[Tensor, Tensor], Tensor],
        normal: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Return sums as the converters give them; clipped ones have no gradient.

        Args:
            u: Sums of one read.
            over_outputs: Brings (outputs,) to a shape that broadcasts against sums.
            normal: Returns fresh standard normal numbers of a shape.
        """
        amperes, constant = over_outputs(self.amperes, u), over_outputs(self.constant, u)
        limit = over_outputs(self.limit, u)
        current = (u + constant) * amperes + over_outputs(self.offset, u)
        if self.adc.noise:
            current = current + self.adc.noise * normal(u)
        codes = self.adc.convert(current.detach(), limit)
        return straight(codes, current.clamp(-limit, limit)) / amperes - constant
