"""The house style of every figure: colors, sizes, fonts."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Okabe and Ito's colours: told apart with any colour vision. The NSM is always the first.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


MARKERS = ("o", "s", "^", "D", "v", "P", "X")


STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
}


COLUMN = (3.4, 2.5)  # inches: one column of a two-column page


LINES = ("-", "--", ":", "-.")  # the next one when the colours are used up


Draw = TypeVar("Draw", bound=Callable[..., Axes])


def styled(draw: Draw) -> Draw:
    """Run a drawing function in the house style, whatever the user's own settings."""

    @functools.wraps(draw)
    def in_style(*args: Any, **options: Any) -> Axes:
        with mpl.rc_context(STYLE):
            return draw(*args, **options)

    return in_style  # type: ignore[return-value]


def figure(size: tuple[float, float] = COLUMN) -> tuple[Figure, Axes]:
    """Return a figure of the house style with one Axes; needs no display."""
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=size)
        return drawing, drawing.add_subplot()


def save_figure(ax: Axes, path: str | Path) -> None:
    """Write the figure that `ax` stands in, in the house style (PNG, PDF or SVG, by the ending)."""
    drawing = ax.get_figure(root=True)
    assert drawing is not None
    with mpl.rc_context(STYLE):
        drawing.savefig(path)
