"""Figures as PNG in memory, on a light and on a dark background."""

import io
from collections.abc import Callable

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nsm.plots.style import STYLE, dark_theme


def _png(drawn: Axes | Figure) -> bytes:
    """Return the figure of what a plotting function returned as PNG."""
    drawing = drawn.get_figure(root=True) if isinstance(drawn, Axes) else drawn
    assert drawing is not None
    file = io.BytesIO()
    with mpl.rc_context(STYLE):
        drawing.savefig(file, format="png")
    return file.getvalue()


def light_and_dark(draw: Callable[[], Axes | Figure]) -> tuple[bytes, bytes]:
    """Return a figure as PNG, drawn twice: on a light and on a dark background.

    Args:
        draw: draws the figure; it is called twice.
    """
    light = _png(draw())
    with dark_theme():
        return light, _png(draw())
