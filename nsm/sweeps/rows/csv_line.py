"""One line of a CSV, as it is written to files of rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable


def csv_line(cells: Iterable[str]) -> bytes:
    """Return a line with these cells and its end."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
