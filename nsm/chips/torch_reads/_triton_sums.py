"""Gated sums in one fused kernel of Triton: gates are drawn in registers, where they are used.

It is imported only where torch has Triton and a GPU. A program of the kernel sums the reads and
columns of one block over all word lines. Its random words are those of `random_bits`.
"""

# mypy: allow-untyped-defs, allow-incomplete-defs
from collections.abc import Sequence

import triton
import triton.language as tl
from torch import Tensor

from nsm.chips.torch_reads.random_bits import Draw, Opening

_READS, _COLUMNS = 32, 64


@triton.jit
def _open_words(
    reads, columns, block, key_low, key_high, call, code, digits, SHAPE: tl.constexpr
):  # fmt: skip
    """Return four words for a block of 128 lines, whose bits are 1 where gates are open."""
    nothing = tl.zeros(SHAPE, dtype=tl.uint32)
    w0 = nothing
    w1 = nothing
    w2 = nothing
    w3 = nothing
    for digit in range(digits):
        c0, c1, c2, c3 = tl.philox_impl(
            (nothing + reads[:, None]).to(tl.uint32),
            (nothing + columns[None, :]).to(tl.uint32),
            (nothing + (block * digits + digit)).to(tl.uint32),
            (nothing + call).to(tl.uint32),
            (nothing + key_low).to(tl.uint32),
            (nothing + key_high).to(tl.uint32),
            10,
        )
        one = ((code >> digit) & 1) != 0
        w0 = tl.where(one, c0 | w0, c0 & w0)
        w1 = tl.where(one, c1 | w1, c1 & w1)
        w2 = tl.where(one, c2 | w2, c2 & w2)
        w3 = tl.where(one, c3 | w3, c3 & w3)
    return w0, w1, w2, w3


@triton.jit
def _add_lines(sums, word, x, matrix, first, reads, columns, lines, n_reads, n_columns):
    """Add 32 lines, whose gates are the bits of a word, to the sums."""
    for bit in range(32):
        line = (first + bit).to(tl.int64)
        inside = line < lines
        of_reads = tl.load(x + line * n_reads + reads, (reads < n_reads) & inside, 0.0)
        of_columns = tl.load(
            matrix + line * n_columns + columns, (columns < n_columns) & inside, 0.0
        )
        product = of_reads[:, None] * of_columns[None, :]
        sums += tl.where(((word >> bit) & 1) != 0, product, 0.0)
    return sums


@triton.jit
def _kernel(
    x0, m0, out0, x1, m1, out1, x2, m2, out2,
    n_reads, n_columns, lines, key_low, key_high, call, code, digits,
    PAIRS: tl.constexpr, READS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    reads = tl.program_id(0) * READS + tl.arange(0, READS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    dtype = out0.dtype.element_ty
    s0 = tl.zeros((READS, COLUMNS), dtype=dtype)
    s1 = tl.zeros((READS, COLUMNS), dtype=dtype)
    s2 = tl.zeros((READS, COLUMNS), dtype=dtype)
    for block in range(tl.cdiv(lines, 128)):
        four = _open_words(
            reads, columns, block, key_low, key_high, call, code, digits, (READS, COLUMNS)
        )
        for w in tl.static_range(4):
            first = block * 128 + w * 32
            s0 = _add_lines(s0, four[w], x0, m0, first, reads, columns, lines, n_reads, n_columns)
            if PAIRS > 1:
                s1 = _add_lines(
                    s1, four[w], x1, m1, first, reads, columns, lines, n_reads, n_columns
                )
            if PAIRS > 2:
                s2 = _add_lines(
                    s2, four[w], x2, m2, first, reads, columns, lines, n_reads, n_columns
                )
    at = reads[:, None].to(tl.int64) * n_columns + columns[None, :]
    inside = (reads[:, None] < n_reads) & (columns[None, :] < n_columns)
    tl.store(out0 + at, s0, inside)
    if PAIRS > 1:
        tl.store(out1 + at, s1, inside)
    if PAIRS > 2:
        tl.store(out2 + at, s2, inside)


def fused_sums(
    inputs: Sequence[Tensor], matrices: Sequence[Tensor], opening: Opening, draw: Draw
) -> list[Tensor]:
    """Return what `gated_sums.gated_sums` returns, for at most three pairs on a GPU."""
    if not opening.digits:
        return [x @ matrix for x, matrix in zip(inputs, matrices, strict=True)]
    reads = len(inputs[0])
    lines, columns = matrices[0].shape
    outputs = [x.new_empty((reads, columns)) for x in inputs]
    pairs = [
        (x.T.contiguous(), m.contiguous(), out)
        for x, m, out in zip(inputs, matrices, outputs, strict=True)
    ]
    if not reads:
        return outputs
    arguments = [tensor for pair in pairs for tensor in pair]
    arguments += [outputs[0]] * (9 - len(arguments))  # pairs that the kernel does not look at
    by_reads, by_columns = _READS, max(16, min(_COLUMNS, triton.next_power_of_2(columns)))
    grid = (triton.cdiv(reads, by_reads), triton.cdiv(columns, by_columns))
    _kernel[grid](
        *arguments,
        reads, columns, lines,
        draw.key & 0xFFFFFFFF, draw.key >> 32, draw.call, opening.code, opening.digits,
        PAIRS=len(pairs), READS=by_reads, COLUMNS=by_columns,
    )  # fmt: skip
    return outputs
