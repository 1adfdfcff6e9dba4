"""Products of inputs with matrices, whose ternary rows are summed in whole numbers."""

from crossbar.reads.digits import SUMMED_DIGITS, DigitTables, digit_tables
from crossbar.reads.gated_sums import gated_sums
from crossbar.reads.inputs import Inputs
from crossbar.reads.span import Span
from devices.validation import Floats


class TableProducts:
    """Products x @ matrix; the tables of a matrix are made once, when its product is first needed.

    A row's sums do not depend on the batch it is in, where the row is ternary.
    """

    def __init__(self) -> None:
        self._tables: dict[tuple[str, int], DigitTables] = {}

    def tables(self, name: str, matrix: Floats, spacing: float, digits: int) -> DigitTables:
        """Return the tables of a matrix; arguments as of `product`."""
        key = (name, digits)
        if key not in self._tables:
            self._tables[key] = digit_tables([matrix], spacing, digits)[0]
        return self._tables[key]

    def product(
        self,
        x: Inputs,
        name: str,
        matrix: Floats,
        spacing: float = 0.0,
        *,
        square: bool = False,
        digits: int = SUMMED_DIGITS,
    ) -> Floats:
        """Return x @ matrix, or x² @ matrix, (rows, columns).

        Args:
            x: Inputs, (rows, word lines).
            name: Name of the matrix, which is the same in every call.
            matrix: The matrix, (word lines, columns).
            spacing: Spacing of a grid on which its values lie; 0 for none.
            square: Whether inputs are squared.
            digits: Digits of values that lie on no grid.
        """
        ternary = x.is_ternary
        if not ternary.any():
            return (x.floats**2 if square else x.floats) @ matrix
        tables = self.tables(name, matrix, spacing, digits)
        packed = x.packed.absolute() if square else x.packed
        sums = gated_sums(tables, packed, Span(0, len(x)))
        if not ternary.all():
            others = x.floats[~ternary]
            sums[~ternary] = (others**2 if square else others) @ matrix
        return sums
