"""The layout of a figure without drawing it, where only places and sizes are asked for."""

from typing import Any

from matplotlib.figure import Figure


def lay_out(figure: Figure | Any) -> None:
    """Place the axes and the labels of a figure as drawing it would, without drawing it.

    A figure with a layout engine, such as those in `nsm.plots.style.STYLE`, runs that engine alone.
    It measures all axes with their labels and ticks, and takes about half the time of a drawing.
    """
    engine = figure.get_layout_engine()
    if engine is None or not figure.axes:
        figure.draw_without_rendering()
        return
    engine.execute(figure)
