"""A layer of states in one compiled pass: gated sums, deterministic path, biases and comparators.

Its numbers are those of the parts, read and added one after the other, bit for bit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossbar.reads._kernels import DIGIT_BASE
from crossbar.reads._layer_pass import Law, Out, Rows, layer_pass
from crossbar.reads._sign_sums import SignTables, row_sums
from crossbar.reads.digits import DigitTables
from crossbar.reads.normals import normals
from crossbar.reads.packed import EVERYWHERE, Bits, Packed, in_threads
from crossbar.reads.span import Span
from devices.validation import Floats

_NO_SUMS = np.empty((0, 0))
_NO_BITS = np.empty((0, 0), np.uint8)
_NO_STATES = np.empty((0, 0, 0), np.uint8)
_NO_ROWS = np.empty((0, 0, 0), np.int32)
_LARGEST_BYTE = 127
_LARGEST_INT = 2**31 - 1
NOTHING = np.empty(0)
NO_BITS = np.empty(0, np.uint8)
_NO_KEY = np.zeros(2, np.uint64)
_NO_NOISE = np.empty((0, 0), np.float32)
NO_NORMALS = np.empty(0, np.float32)
#: Reads of each row from which on the sums that they share are added up apart.
_SHARED_BY = 2


def sign_tables(tables: DigitTables) -> SignTables:
    """Return tables of sums of weights as tables of sums of signs."""
    of_all = tables.tables[..., 15]
    half, odd = of_all >> 1, (of_all & 1).astype(np.int32)
    entries = tables.tables - half[..., None]
    depth = 2 if 4 * int(np.abs(entries).max()) <= _LARGEST_BYTE else 1
    pad = [(0, 0), (0, 0), (0, -entries.shape[2] % (2 * depth)), (0, 0), (0, 0)]
    of_columns = odd.sum(axis=(2, 3), dtype=np.int32)
    padded, factors = np.pad(entries, pad), tables.factors
    base = _base_of(padded, factors)
    if base:
        whole = of_columns @ factors.astype(np.int32)
        of_columns, factors = np.ascontiguousarray(whole[:, None], np.int32), np.ones(1)
    return SignTables(padded, of_columns, factors, tables.unit, depth, base)


def _base_of(entries: NDArray[np.int8], factors: Floats) -> int:
    """Return the base of several digits; 0 if they are none, or if their sums need float64."""
    powers = float(DIGIT_BASE) ** np.arange(len(factors))
    if len(factors) == 1 or not np.array_equal(factors, powers):
        return 0
    octets = entries.shape[2]
    # Two sums of signs, each of two entries for an octet.
    largest = 4.0 * octets * np.abs(entries.astype(float)).max(axis=(0, 2, 3, 4)) @ factors
    return DIGIT_BASE if 2 * largest < _LARGEST_INT else 0


@dataclass(frozen=True, eq=False)
class LayerPass:
    """What one pass draws and adds, for inputs −1 and +1.

    Attributes:
        main: The main array, or the mean of its reads.
        path: The deterministic path: `main` where its tables are the same, or where `a` is empty.
        p_bits: Binary digits of the gates' probability; empty for no gates.
        std: Standard deviation of the sums, (outputs,) float32; empty for none.
        a: Factors of the deterministic path, (outputs,); empty for none.
        bias: Sums of the bias lines, (outputs,); empty for none.
        threshold: Exact biases, (outputs,); empty for none.
    """

    main: SignTables
    path: SignTables
    p_bits: Bits
    std: NDArray[np.float32]
    a: Floats
    bias: Floats
    threshold: Floats

    def sums(self, inputs: Packed, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u in weight units, (reads, outputs).

        Args:
            inputs: Rows of inputs ±1, from the first that the span needs.
            span: The reads.
            seed: Seed of the masks, or of the normals.
        """
        u = np.empty((span.reads, len(self.main.odd)))
        self._run(inputs, span, seed, 0.0, NOTHING, Out(u, _NO_BITS, _NO_STATES))
        return u

    def fired(
        self,
        inputs: Packed,
        span: Span,
        seed: np.random.SeedSequence,
        amperes_per_weight: float,
        offsets: Floats,
    ) -> Packed:
        """Return u · amperes_per_weight + offsets ≥ 0, packed; other arguments as of `sums`."""
        columns = len(offsets)
        plus = np.empty((span.reads, -(-columns // 8)), np.uint8)
        out = Out(_NO_SUMS, plus, _NO_STATES)
        self._run(inputs, span, seed, amperes_per_weight, offsets, out)
        return Packed(plus, EVERYWHERE, columns)

    def states(
        self,
        inputs: Packed,
        span: Span,
        seed: np.random.SeedSequence,
        amperes_per_weight: float,
        offsets: Floats,
    ) -> NDArray[np.bool_]:
        """Return the same as truth values, (inputs read, outputs, locations).

        The span begins and ends between two inputs.
        """
        images = span.reads // span.locations
        states = np.empty((images, len(offsets), span.locations), np.uint8)
        out = Out(_NO_SUMS, _NO_BITS, states)
        self._run(inputs, span, seed, amperes_per_weight, offsets, out)
        return states.view(np.bool_)

    def _run(
        self,
        inputs: Packed,
        span: Span,
        seed: np.random.SeedSequence,
        amperes: float,
        offsets: Floats,
        out: Out,
    ) -> None:
        if not span.reads:
            return
        key = _NO_KEY if not len(self.p_bits) else seed.generate_state(2, np.uint64)
        noise = normals(span, len(self.main.odd), seed) if len(self.std) else _NO_NOISE
        digits = sum(int(bit) << i for i, bit in enumerate(self.p_bits))
        law = Law(
            key.astype(np.uint64, copy=False),
            digits,
            len(self.p_bits),
            self.std,
            noise,
            self.a,
            self.bias,
            self.threshold,
            float(amperes),
            offsets,
        )
        of_reads = span.rows
        shared = len(inputs) * _SHARED_BY <= span.reads
        main = _of_rows(self.main, inputs) if shared else _NO_ROWS
        own_path = shared and len(self.a) and self.path is not self.main
        path = _of_rows(self.path, inputs) if own_path else _NO_ROWS

        def work(part: Span) -> None:
            here = slice(part.first - span.first, part.last - span.first)
            rows = Rows(inputs.plus, of_reads[here], main, path)
            own = law if noise is _NO_NOISE else law._replace(normals=noise[here])
            layer_pass(self.main, self.path, rows, own, part.first, part.last, _part(out, here))

        cost = 8.0 * span.reads * inputs.plus.shape[1] * len(self.main.odd)
        in_threads(work, span, cost, multiple=span.locations if len(out.states) else 1)


def _part(out: Out, here: slice) -> Out:
    """Return what some reads write."""
    if not len(out.states):
        return Out(out.sums[here], out.plus[here], out.states)
    locations = out.states.shape[2]
    images = slice(here.start // locations, here.stop // locations)
    return Out(out.sums, out.plus, out.states[images])


def _of_rows(tables: SignTables, inputs: Packed) -> NDArray[np.int32]:
    """Return the entries under each row of inputs, added up, (columns, digits, rows)."""
    out = np.empty((*tables.odd.shape, len(inputs)), np.int32)
    cost = 8.0 * inputs.plus.size * len(out)
    in_threads(
        lambda part: row_sums(tables, inputs.plus, part.first, part.last, out),
        Span(0, len(inputs)),
        cost,
    )
    return out
