"""The cells of a heat map: where the values of two columns stand, and the mean error of each."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from devices.validation import Floats
from nsm.plots.axis_places import is_numeric, none_text, value_text
from nsm.plots.points import spread_of
from nsm.sweeps.axes import TRAINING_SEED

#: Width and height of a cell.
CELL = 1.0
#: Empty space before the values without a number, in cells.
GAP = 0.3


class Side(NamedTuple):
    """The values of one column along a side of a heat map.

    Attributes:
        column: name of the column.
        texts: values as they are written, numbers from small to large, None last; categories in the
            order of the rows.
        places: their places along the side, in cells.
    """

    column: str
    texts: list[str]
    places: list[float]


class Cells(NamedTuple):
    """The cells of a heat map.

    Attributes:
        x: the horizontal side.
        y: the vertical side.
        means: mean error [%], (y, x); NaN where there are no rows.
    """

    x: Side
    y: Side
    means: Floats

    @property
    def filled(self) -> list[tuple[int, int]]:
        """Indices (y, x) of the cells that have rows."""
        return [(int(j), int(i)) for j, i in np.argwhere(~np.isnan(self.means))]


def _side(values: pd.Series, column: str) -> Side:
    """Return the values of a column along a side."""
    known = values.drop_duplicates()
    if is_numeric(values):
        known = known.sort_values(na_position="last")
    texts = list(dict.fromkeys(value_text(v, column) for v in known))
    places = [CELL * n for n in range(len(texts))]
    if is_numeric(values) and texts[-1] == none_text(column) and len(texts) > 1:
        places[-1] += GAP
    return Side(column, texts, places)


def cells_of(rows: pd.DataFrame, x: str, y: str, *, of: pd.DataFrame | None = None) -> Cells:
    """Return the cells of the rows over two columns.

    Args:
        rows: rows of a sweep, whose points differ in these columns only.
        x: column along the horizontal side.
        y: column along the vertical side.
        of: rows whose values stand along the sides; None for those of the cells.
    """
    everything = rows if of is None else of
    across, up = _side(everything[x], x), _side(everything[y], y)
    means = np.full((len(up.texts), len(across.texts)), np.nan)
    percent = 100 * rows["errors"] / rows["images"]
    places = zip(
        (up.texts.index(value_text(v, y)) for v in rows[y]),
        (across.texts.index(value_text(v, x)) for v in rows[x]),
        strict=True,
    )
    training = rows[TRAINING_SEED] if TRAINING_SEED in rows.columns else [0] * len(rows)
    points: dict[tuple[int, int], list[tuple[float, object]]] = {}
    for place, error, seed in zip(places, percent, training, strict=True):
        points.setdefault(place, []).append((float(error), seed))
    for place, found in points.items():
        means[place] = spread_of([e for e, _ in found], [s for _, s in found]).mean
    return Cells(across, up, means)


def outline(cells: Cells, inside: np.ndarray) -> list[list[tuple[float, float]]]:
    """Return the edges between cells that are inside a region and all others.

    Args:
        cells: the cells.
        inside: truth values (y, x).
    """
    edges = []
    half = CELL / 2
    grown = np.pad(inside, 1)
    for j, i in np.argwhere(inside):
        left, right = cells.x.places[i] - half, cells.x.places[i] + half
        low, high = cells.y.places[j] - half, cells.y.places[j] + half
        sides = {
            (0, -1): [(left, low), (left, high)],
            (0, 1): [(right, low), (right, high)],
            (-1, 0): [(left, low), (right, low)],
            (1, 0): [(left, high), (right, high)],
        }
        edges += [line for (dj, di), line in sides.items() if not grown[j + 1 + dj, i + 1 + di]]
    return edges
