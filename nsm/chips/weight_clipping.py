"""Clipping of weights in software by the rules of `Hardware.weight_range`."""

from typing import TypeVar

import numpy as np
import torch
from torch import nn

from crossbar import Hardware
from crossbar.weight_range import largest_weight, row_factors
from devices import Device
from devices.validation import Floats, choice
from nsm.nn.described import as_float64
from nsm.nn.transforms import as_held, beside_weights, rows_by_group, weighted_layers

Network = TypeVar("Network", bound=nn.Module)

#: Largest conductance [S] of the ideal cells whose ranges are found; no range depends on it.
_G_MAX = 1e-6


def clip_weights(
    model: Network, weight_range: str | float, *, levels: int | None = None, scale: str = "layer"
) -> Network:
    """Return a copy of the network with weights clipped to the range that a rule finds.

    The rules are those of `Hardware.weight_range`, for a differential pair of ideal cells with
    g_min = 0. `quantize_weights(clip_weights(model, "least_squares", levels=4), 4)` has the weights
    of such a chip. Every group of a convolution has a range of its own, as on a chip. Biases stay.
    Under weight normalization, the effective weights are clipped. Batch normalization is folded as
    in `scale_weights`.

    Args:
        model: The network, which stays as it is.
        weight_range: A percentile of the |w| that are not 0, as a number above 0 and below 100; or
            "least_squares", which minimizes the error of clipping and levels together.
        levels: Levels of a cell, at least 2, for "least_squares".
        scale: Range of what: a "layer" (the default) or an output "row".

    Raises:
        ValueError: The rule or the scale is unknown, the rule clips nothing ("max", 100), levels
            are missing or have no effect, batch normalization cannot be folded, or naming a layer
            whose weights cannot be changed in place.
    """
    choice("scale", scale, ("layer", "row"))
    device = Device(g_min=0.0, g_max=_G_MAX, levels=levels)
    hardware = Hardware(device=device, weight_range=weight_range, weight_scale=scale)
    if weight_range in ("max", 100):
        raise ValueError(
            f"weight_range = {weight_range!r} clips no weight; give a percentile below 100, such "
            'as 99.9, or "least_squares"'
        )
    if (weight_range == "least_squares") != (levels is not None):
        raise ValueError(
            f"weight_range = {weight_range!r} and levels = {levels!r} do not fit: least squares "
            "minimize the error of levels, and percentiles do not depend on them; give "
            '"least_squares" with levels, or a percentile without'
        )
    out = as_held(model)
    with torch.no_grad():
        for layer, weight, _ in weighted_layers(out):
            rows = rows_by_group(layer.described, weight)
            limits = np.array([_limits(w, hardware) for w in as_float64(rows)])
            of_weights = beside_weights(torch.as_tensor(limits).to(weight), layer.described, weight)
            layer.set_effective_weight(torch.clamp(weight, -of_weights, of_weights))
    return out


def _limits(w: Floats, hardware: Hardware) -> Floats:
    """Return the largest |w| that stays in each row of a layer or group, (outputs,)."""
    if not w.any():
        return np.zeros(len(w))
    w_max = largest_weight(w, hardware)
    return w_max / row_factors(w, w_max, hardware)
