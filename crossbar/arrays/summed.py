"""A weight matrix whose current is a sum of separately read arrays: rows of tiles, bit slices."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossbar.arrays.tile import ProgrammedTile
from crossbar.arrays.tiled import TiledArray
from crossbar.hardware import Hardware
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.seeding import child
from devices.validation import Floats, number


class Term(NamedTuple):
    """One of the arrays of a sum.

    Attributes:
        array: The array.
        first: Its first word line among those of the matrix.
        significance: Factor of its current in the sum: one number, or one for each output,
            (outputs,), where tiles have a weight scale of their own.
    """

    array: TiledArray
    first: int
    significance: float | Floats

    @property
    def lines(self) -> slice:
        """Its word lines among those of the matrix."""
        return slice(self.first, self.first + self.array.inputs)


class SummedMoments:
    """Mean and variance of the sum of independent reads of several arrays, in weight units.

    Args:
        terms: The arrays.
        inputs: Number of word lines of the matrix.
    """

    def __init__(self, terms: Sequence[Term], inputs: int):
        self._terms = terms
        self._inputs = inputs

    @property
    def is_noiseless(self) -> bool:
        """Whether every read of the same input gives the same sums."""
        return all(term.array.reader.moments.is_noiseless for term in self._terms)

    @cached_property
    def mean_matrix(self) -> Floats:
        """Mean of a read of each weight, (word lines, bit lines)."""
        out: Floats = np.zeros((self._inputs, self._terms[0].array.outputs))
        for term in self._terms:
            out[term.lines] += term.significance * term.array.reader.moments.mean_matrix
        return out

    def mean_blocks(self) -> Iterator[tuple[slice, Floats]]:
        """Yield the mean of all weights, as `ReadMoments.mean_blocks` does of some at a time."""
        yield slice(0, self._terms[0].array.outputs), self.mean_matrix

    @property
    def variance_of_signs(self) -> Floats:
        """Variance of u for inputs ±1, (bit lines,); see `ReadMoments.variance_of_signs`."""
        return self._squared([t.array.reader.moments.variance_of_signs for t in self._terms])

    def covariance(self, lag: float) -> Floats:
        """Return the covariance of two reads `lag` [s] apart; see `ReadMoments.covariance`."""
        return self._squared([t.array.reader.moments.covariance(lag) for t in self._terms])

    def fixed_pattern(self) -> Floats:
        """Return the variance of the fixed pattern per bit line; see `ReadMoments`."""
        return self._squared([t.array.reader.moments.fixed_pattern() for t in self._terms])

    def of(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (rows, bit lines); see `ReadMoments.of`."""
        rows = Inputs.checked("x", x, self._inputs).floats
        parts = [t.array.reader.moments.of(rows[:, t.lines]) for t in self._terms]
        mean = sum(t.significance * m for t, (m, _) in zip(self._terms, parts, strict=True))
        return np.asarray(mean), self._squared([variance for _, variance in parts])

    def _squared(self, of_terms: Sequence[Floats]) -> Floats:
        pairs = zip(self._terms, of_terms, strict=True)
        return np.asarray(sum(t.significance**2 * values for t, values in pairs))


class SummedReader:
    """What is known of the reads of a sum of arrays in their present state.

    Attributes:
        moments: Mean and variance of a read.
    """

    def __init__(self, terms: Sequence[Term], inputs: int, what: str):
        self.moments = SummedMoments(terms, inputs)
        self._terms = terms
        self._what = what

    def describe(self, sampling: str = "exact") -> str:
        """Return how reads of ternary inputs are drawn, as `chip.report()` prints it."""
        each = self._terms[0].array.reader.describe(sampling)
        return f"{each}; {len(self._terms)} {self._what} read separately"

    def chosen_by(self) -> str:
        """Return the fields of the hardware that chose how reads of ternary inputs are drawn."""
        return self._terms[0].array.reader.chosen_by()


class SummedArray:
    """A weight matrix on several arrays that are read separately and then added.

    It has what reports and layers need of a `TiledArray`; `read_terms` reads it. Each array has its
    own noise.

    Args:
        terms: The arrays, the rows of tiles of one slice after another. Word lines of all of them
            together are those of the matrix.
        hardware: Description of the chip.
        what: What the arrays are, in the plural, for reports.

    Attributes:
        terms: The arrays.
        inputs: Number of word lines of the matrix.
        outputs: Number of outputs.
        hardware: Description of the chip.
        what: What the arrays are, in the plural, for reports.
    """

    def __init__(self, terms: Sequence[Term], hardware: Hardware, what: str):
        first = terms[0].array
        self.terms = tuple(terms)
        self.inputs = max(term.lines.stop for term in terms)
        self.outputs = first.outputs
        self.hardware = hardware
        self.what = what

    @property
    def siemens_per_weight(self) -> float:
        """Conductance [S] of a weight of one, in an array with a significance of one."""
        return self.terms[0].array.siemens_per_weight

    @property
    def row_edges(self) -> NDArray[np.intp]:
        """Word lines at which tiles begin, and the number of word lines."""
        edges = {self.inputs}
        for term in self.terms:
            edges |= set((term.first + term.array.row_edges[:-1]).tolist())
        return np.array(sorted(edges))

    @property
    def column_edges(self) -> NDArray[np.intp]:
        """Bit lines at which tiles begin, and their number, slices beside each other."""
        edges = self.terms[0].array.column_edges
        slices = sum(term.first == 0 for term in self.terms)
        shifted = [edges[:-1] + index * self.outputs for index in range(slices)]
        return np.concatenate([*shifted, [slices * self.outputs]])

    @property
    def tiles(self) -> list[list[ProgrammedTile]]:
        """Rows of tiles, array after array."""
        return [row for term in self.terms for row in term.array.tiles]

    def all_tiles(self) -> list[ProgrammedTile]:
        """Return the tiles, array after array."""
        return [tile for row in self.tiles for tile in row]

    @property
    def reader(self) -> SummedReader:
        """What is known of reads of the arrays in their present state."""
        return SummedReader(self.terms, self.inputs, self.what)

    @property
    def has_memory(self) -> bool:
        """Whether consecutive reads are correlated."""
        return any(term.array.has_memory for term in self.terms)

    @property
    def weights(self) -> Floats:
        """Weights (outputs, inputs) that the conductances represent now."""
        return self._added([term.array.weights for term in self.terms])

    @property
    def effective_weights(self) -> Floats:
        """Weights (outputs, inputs) that the effective conductances represent."""
        return self._added([term.array.effective_weights for term in self.terms])

    def arrays(self) -> list[TiledArray]:
        """Return the arrays that are read separately."""
        return [term.array for term in self.terms]

    def _added(self, of_terms: Sequence[Floats]) -> Floats:
        out: Floats = np.zeros((self.outputs, self.inputs))
        for term, weights in zip(self.terms, of_terms, strict=True):
            # The weights have a row, and sums a column, for each output.
            out[:, term.lines] += (term.significance * weights.T).T
        return out

    def conductances(self) -> tuple[Floats, Floats]:
        """Return g_pos and g_neg [S]; see `_side_by_side` for their shape."""
        return self._side_by_side([term.array.conductances() for term in self.terms])

    def effective_conductances(self) -> tuple[Floats, Floats]:
        """Return positive and negative conductances after IR drop [S], of the same shape."""
        return self._side_by_side([t.array.effective_conductances() for t in self.terms])

    def _side_by_side(self, cells: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        """Return rows of tiles below each other, (word lines, bit lines), and slices of a weight
        beside each other, (word lines, slices · bit lines).
        """
        sides: list[list[list[Floats]]] = [[], []]
        for term, both in zip(self.terms, cells, strict=True):
            for side, g in zip(sides, both, strict=True):
                if term.first == 0:
                    side.append([])
                side[-1].append(g)
        g_pos, g_neg = (
            np.concatenate([np.concatenate(rows) for rows in side], axis=1) for side in sides
        )
        return g_pos, g_neg

    def programming_variance(self) -> Floats:
        """Return the variance that programming puts on Σ_j w_j of each output; see `TileGrid`."""
        return np.asarray(
            sum(t.significance**2 * t.array.programming_variance() for t in self.terms)
        )

    def moments(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of u, each (rows, outputs), in weight units."""
        return self.reader.moments.of(x)

    def age(self, seconds: float) -> None:
        """Let `seconds` [s] pass in every array; ages add up."""
        number("seconds", seconds, at_least=0, unit="s")
        for term in self.terms:
            term.array.age(seconds)

    def scale_conductances(self, factor: float) -> None:
        """Multiply every conductance of every array by one factor: a common-mode gain."""
        number("factor", factor, above=0)
        for term in self.terms:
            term.array.scale_conductances(factor)


def terms_of(matrix: TiledArray | SummedArray) -> tuple[Term, ...]:
    """Return the arrays of a matrix that are read separately; one that is read as one counts 1."""
    return matrix.terms if isinstance(matrix, SummedArray) else (Term(matrix, 0, 1.0),)


def read_terms(
    matrix: TiledArray | SummedArray,
    x: Inputs,
    span: Span,
    seed: np.random.SeedSequence,
    *,
    sampling: str = "exact",
) -> Iterator[tuple[float | Floats, Floats]]:
    """Yield the significance of each array of a matrix and its sums (reads, outputs).

    An array that is read as one has the significance 1. Arguments are those of
    `TiledArray.read_span`.
    """
    if isinstance(matrix, TiledArray):
        yield 1.0, matrix.read_span(x, span, seed, sampling=sampling)
        return
    for index, term in enumerate(matrix.terms):
        of_lines = x.of_lines(term.lines.start, term.lines.stop)
        own = child(seed, index)
        yield term.significance, term.array.read_span(of_lines, span, own, sampling=sampling)


def add_terms(
    terms: Iterable[tuple[float | Floats, Floats]], convert: Callable[[Floats, int], Floats] | None
) -> Floats:
    """Return the sum of the terms of a read, (reads, outputs).

    Args:
        terms: Significance and sums of each term.
        convert: Converts the sums of a term, given its number; None adds currents.
    """
    total: Floats | None = None
    for number_of_term, (significance, u) in enumerate(terms):
        converted = u if convert is None else convert(u, number_of_term)
        is_one = np.ndim(significance) == 0 and significance == 1
        part = converted if is_one else significance * converted
        total = part if total is None else total + part
    assert total is not None
    return total
