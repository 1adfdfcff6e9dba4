"""A layer of states in one compiled pass: gated sums, deterministic path, biases and comparators.

Its numbers are those of the parts, read and added one after the other, bit for bit. How they are
added up is told in `sign_tables`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crossbar.reads.layer_pass._pass import layer_pass
from crossbar.reads.layer_pass._records import Law, Normals, Out, Rows
from crossbar.reads.layer_pass._sign_sums import row_sums
from crossbar.reads.layer_pass.sign_tables import Bounds, SignTables
from crossbar.reads.normals import normals_key
from crossbar.reads.packed import EVERYWHERE, Bits, Packed, in_threads
from crossbar.reads.packed_bits import Stream
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats

_NO_SUMS = np.empty((0, 0))
_NO_BITS = np.empty((0, 0), np.uint8)
_NO_STATES = np.empty((0, 0, 0), np.uint8)
_NO_PLANES = np.empty((0, 0, 0), np.uint8)
_NO_ROWS = np.empty((0, 0, 0), np.int32)
_NOTHING = np.empty(0)
_NO_DIGITS = np.empty(0, np.uint8)
_NO_KEY = np.zeros(2, np.uint64)
_NO_NOISE = Normals(_NO_KEY, np.empty(0, np.float32))
#: Bound of normal numbers from `normals`, which stay below 6.7.
_LARGEST_NORMAL = 10.0
#: Bound of the rounding errors of a current, relative to its largest terms. It is rounded some
#: twenty times, by 1.1e-16 each time.
_ROUNDING = 1e-12
#: Reads of a row of inputs, on average, from which on the sums of the row, which they share, are
#: added up before the pass.
_SHARED_BY = 2


@dataclass(frozen=True, eq=False)
class Gates:
    """Gates of pairs that are drawn.

    Attributes:
        p_bits: Binary digits of the probability that all gates share, (digits,) uint8, from
            `gate_bits`; or of the probability of each, (columns, octets, digits), from
            `own_gate_bits`.
        key: Spawn key, below the layer's seed, of the masks.
        cells: Variances of the cells, from `conducting_tables`; None for cells without noise.
    """

    p_bits: Bits
    key: tuple[int, ...]
    cells: SignTables | None = None


@dataclass(frozen=True, eq=False)
class Noise:
    """Normal noise of sums: a standard deviation times fresh normals.

    Attributes:
        std: Standard deviation, (outputs,) float32 in weight units.
        key: Spawn key, below the layer's seed, of the normals.
    """

    std: NDArray[np.float32]
    key: tuple[int, ...]

    def of_layer(self, seed: np.random.SeedSequence) -> Normals:
        """Return what a pass draws in a run in which the layer has this seed."""
        return Normals(normals_key(child(seed, *self.key)), self.std)


@dataclass(frozen=True, eq=False)
class LayerPass:
    """What one pass draws and adds, for inputs −1 and +1.

    Attributes:
        main: The main array, or the mean of its reads.
        path: The deterministic path, with the array `main.entries` itself where entries are equal,
            so that their sums are added up once; `main` where `a` is None.
        gates: Gates of the main array; None for none.
        noise: Noise of the main array's sums; None for none, and always with `gates.cells`.
        a: Factors of the deterministic path, (outputs,); None for none.
        path_noise: Noise of its sums.
        bias: Sums of the bias lines in weight units, (outputs,); None for none.
        bias_noise: Their noise.
        threshold: Exact biases in weight units, (outputs,); None for none.
    """

    main: SignTables
    path: SignTables
    gates: Gates | None = None
    noise: Noise | None = None
    a: Floats | None = None
    path_noise: Noise | None = None
    bias: Floats | None = None
    bias_noise: Noise | None = None
    threshold: Floats | None = None

    def sums(self, inputs: Packed, span: Span, seed: np.random.SeedSequence) -> Floats:
        """Return u in weight units, (reads, outputs).

        Args:
            inputs: Rows of inputs ±1, from the first that the span needs.
            span: The reads.
            seed: Seed of the layer in this run.
        """
        u = np.empty((span.reads, len(self.main.odd)))
        self._run(inputs, span, seed, 0.0, _NOTHING, Out(u, _NO_BITS, _NO_STATES))
        return u

    def fired(
        self,
        inputs: Packed,
        span: Span,
        seed: np.random.SeedSequence,
        amperes_per_weight: float,
        offsets: Floats,
    ) -> Packed:
        """Return u · amperes_per_weight + offsets ≥ 0 as bits, (reads, outputs).

        Args:
            inputs, span, seed: As of `sums`.
            amperes_per_weight: Current of a weight unit [A].
            offsets: Offsets of the comparators [A], (outputs,).
        """
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

        Args:
            inputs, seed, amperes_per_weight, offsets: As of `fired`.
            span: The reads; it begins and ends between two reads of all locations.
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
        known = len(inputs) * _SHARED_BY <= span.reads
        main = _of_rows(self.main, inputs) if known else _NO_ROWS
        own_path = known and self.path.entries is not self.main.entries
        path = _of_rows(self.path, inputs) if own_path else _NO_ROWS
        law = _law(self, seed, amperes, offsets)
        if len(offsets) and self._has_later_digits:
            law = _with_margins(self, law, known)
        of_reads = span.rows

        def work(part: Span) -> None:
            here = slice(part.first - span.first, part.last - span.first)
            rows = Rows(inputs.plus, of_reads[here], main, path)
            ends = part.first, part.last
            layer_pass(self.main, self.path, self.variances, rows, law, *ends, _part(out, here))

        cost = 8.0 * span.reads * inputs.plus.shape[1] * len(self.main.odd)
        in_threads(work, span, cost, multiple=span.locations if len(out.states) else 1)

    @property
    def variances(self) -> SignTables:
        """Variances of cells behind gates; `main`, which is not used, for cells without noise."""
        cells = None if self.gates is None else self.gates.cells
        return self.main if cells is None else cells

    @property
    def _has_later_digits(self) -> bool:
        """Whether some digits may be added up later."""
        return self.main.later + self.path.later + self.variances.later > 0

    @cached_property
    def bounds(self) -> tuple[Bounds, Bounds, Bounds]:
        """Bounds of the sums of main array, path and variances."""
        main = Bounds.of(self.main)
        if self.path.entries is self.main.entries:
            path = main.times(abs(self.path.unit / self.main.unit))
        else:
            path = Bounds.of(self.path)
        return main, path, main if self.variances is self.main else Bounds.of(self.variances)

    @cached_property
    def fixed(self) -> Law:
        """The law that all calls share; `_law` adds keys and comparators, which differ."""
        p_bits: Bits = _NO_DIGITS if self.gates is None else self.gates.p_bits
        own = p_bits.ndim > 1
        digits = _NO_DIGITS if own else p_bits
        return Law(
            key=_NO_KEY,
            p_digits=sum(int(bit) << i for i, bit in enumerate(digits)),
            p_digit_count=len(digits),
            planes=p_bits if own else _NO_PLANES,
            cells_vary=self.variances is not self.main,
            noises=(_NO_NOISE, _NO_NOISE, _NO_NOISE),
            a=_row(self.a),
            bias=_row(self.bias),
            threshold=_row(self.threshold),
            amperes=0.0,
            offsets=_NOTHING,
            margins=_NOTHING,
            of_variance=_NOTHING,
        )


def _row(vector: Floats | None) -> Floats:
    """Return numbers as the pass reads them from their address, in float64 without gaps."""
    return _NOTHING if vector is None else np.ascontiguousarray(vector, np.float64)


def _part(out: Out, here: slice) -> Out:
    """Return the part of `out` that the reads number `here` of the span write."""
    if not len(out.states):
        return Out(out.sums[here], out.plus[here], out.states)
    locations = out.states.shape[2]
    images = slice(here.start // locations, here.stop // locations)
    return Out(out.sums, out.plus, out.states[images])


def _of_rows(tables: SignTables, inputs: Packed) -> NDArray[np.int32]:
    """Return Σ e(z) of each row of inputs, in all digits, as of `Rows.main`."""
    out = np.empty((*tables.odd.shape, len(inputs)), np.int32)
    cost = 8.0 * inputs.plus.size * len(out)
    in_threads(
        lambda part: row_sums(tables, inputs.plus, part.first, part.last, out),
        Span(0, len(inputs)),
        cost,
    )
    return out


def _law(layer: LayerPass, seed: np.random.SeedSequence, amperes: float, offsets: Floats) -> Law:
    """Return what a pass draws and adds; arguments as of `LayerPass.fired`."""
    key: NDArray[np.uint64] = _NO_KEY
    noise = _NO_NOISE
    if layer.gates is not None:
        masks = child(seed, *layer.gates.key)
        key = masks.generate_state(2, np.uint64).astype(np.uint64, copy=False)
        if layer.gates.cells is not None:
            std = np.ones(len(layer.main.odd), np.float32)
            noise = Normals(normals_key(child(masks, Stream.CELLS)), std)
    if layer.noise is not None:
        noise = layer.noise.of_layer(seed)
    path_noise, bias_noise = (
        _NO_NOISE if other is None else other.of_layer(seed)
        for other in (layer.path_noise, layer.bias_noise)
    )
    return layer.fixed._replace(
        key=key,
        noises=(noise, path_noise, bias_noise),
        amperes=float(amperes),
        offsets=_row(offsets),
    )


@np.errstate(over="ignore", invalid="ignore")  # margins that are no numbers: all digits decide
def _with_margins(layer: LayerPass, law: Law, known: bool) -> Law:
    """Return the law with margins, so that leading digits decide where they can.

    A margin bounds how much later digits and rounding may change a current. A pass adds up
    2 Σ e(z), or Σ e(z) + Σ e(y) behind gates.

    Args:
        layer: What is added up.
        law: The law of all digits.
        known: Whether Σ e(z) are added up before the pass, in all digits.
    """
    main, path, cells = layer.bounds
    gated, cells_vary = layer.gates is not None, layer.variances is not layer.main
    times_z, times_y = (1, 1) if gated else (2, 0)
    later = times_y if known else times_z + times_y  # sums of entries that lack their later digits
    off, largest = later * main.left_out, 2 * main.largest
    of_variance = cells.left_out if cells_vary else _NOTHING
    if layer.a is not None:
        off = off + np.abs(layer.a) * (0 if known else 2) * path.left_out
        largest = largest + np.abs(layer.a) * 2 * path.largest
    for added in (law.bias, law.threshold):
        largest = largest + (np.abs(added) if len(added) else 0)
    for noise, factor in zip(law.noises, (1, 1 if layer.a is None else layer.a, 1), strict=True):
        if len(noise.std):
            largest = largest + _LARGEST_NORMAL * np.abs(factor * noise.std)
    if len(of_variance):
        of_variance = of_variance + _ROUNDING * 2 * cells.largest
        largest = largest + _LARGEST_NORMAL * np.sqrt(2 * cells.largest)
    margins = law.amperes * (off + _ROUNDING * largest) + _ROUNDING * np.abs(law.offsets)
    return law._replace(margins=margins, of_variance=law.amperes * of_variance)
