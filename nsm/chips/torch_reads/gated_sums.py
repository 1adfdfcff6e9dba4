"""Sums over word lines under gates that open at random, by a fused kernel or in plain torch."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from nsm.chips.torch_reads.random_bits import Draw, Opening, open_gates

#: Gates that plain torch draws at a time: it bounds the memory of the device.
GATES_AT_ONCE = 1 << 24


def gated_sums(
    inputs: Sequence[Tensor], matrices: Sequence[Tensor], opening: Opening, draw: Draw
) -> list[Tensor]:
    """Return Σ_j ξ_rji x_rj W_ji for pairs of inputs x and matrices W that share their gates ξ.

    No array of reads × gates is made by the kernel; plain torch makes blocks of it.

    Args:
        inputs: x of each pair, (reads, lines), all of one precision on one device.
        matrices: W of each pair, (lines, columns).
        opening: Probability of an open gate (ξ = 1; otherwise 0), independent for every read, line
            and column.
        draw: Random words of the gates. They decide the gates, and the sums but for rounding.

    Returns:
        A sum for each pair, (reads, columns).
    """
    if inputs[0].device.type == "cuda" and has_triton():
        from nsm.chips.torch_reads._triton_sums import fused_sums

        return fused_sums(inputs, matrices, opening, draw)
    return plain_sums(inputs, matrices, opening, draw)


@cache
def has_triton() -> bool:
    """Return whether torch was installed with Triton."""
    return find_spec("triton") is not None


def plain_sums(
    inputs: Sequence[Tensor], matrices: Sequence[Tensor], opening: Opening, draw: Draw
) -> list[Tensor]:
    """Return what `gated_sums` returns, computed in plain torch on any device."""
    reads = len(inputs[0])
    lines, columns = matrices[0].shape
    rows = max(1, GATES_AT_ONCE // matrices[0].numel())
    out: list[list[Tensor]] = [[] for _ in inputs]
    for some in torch.arange(reads, device=inputs[0].device).split(rows):
        gates = open_gates(draw, opening, some, lines, columns).to(matrices[0].dtype)
        for sums, x, matrix in zip(out, inputs, matrices, strict=True):
            sums.append(torch.bmm(gates * matrix.T, x[some, :, None])[..., 0])
    return [torch.cat(sums) if sums else inputs[0].new_empty((0, columns)) for sums in out]
