"""Small print of figures: the conditions that decide a result, and what is unfinished."""

import re
from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from nsm.plots.annotated import checked
from nsm.plots.layout import lay_out

#: Size of the small print [points].
SMALL = 6.0
#: Distance of its lines, in sizes of the font.
LINE = 1.2
_UNIT = r"(?:%|[fpnµmkMG]?(?:A|V|S|s|Ω|K|J|W|Hz)\b)"
#: Spaces at which a line may break: not those between a number and its unit.
_SPACES = re.compile(rf"(?<!\d) | (?!{_UNIT})")


def text_width(text: str) -> float:
    """Return the width of a line of small print [inch]: the sum of the advances of its letters."""
    font = FontProperties(family=mpl.rcParams["font.family"], size=SMALL)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, is_math_text(text))
    return float(width) / 72


def wrapped(text: str, inches: float) -> str:
    """Return text broken into lines of small print that are at most `inches` wide.

    Lines break at spaces, but not between a number and its unit. A word that is wider than a line
    has one of its own.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in _SPACES.split(paragraph):
            longer = f"{line} {word}" if line else word
            if line and text_width(longer) > inches:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return "\n".join(lines)


def unfinished_text(rows: pd.DataFrame) -> str:
    """Return that a sweep is unfinished, with its numbers; "" if it is finished or not known.

    Args:
        rows: rows of `nsm.sweeps.read_rows`, whose attributes tell how many there are to be.
    """
    here, planned = (rows.attrs.get(name) for name in ("rows", "planned"))
    if here is None or planned is None or here >= planned:
        return ""
    return f"Unfinished sweep: {here} of {planned} rows."


@checked
def note_below(ax: Axes, lines: Sequence[str]) -> None:
    """Write small print below the label of the x axis; empty lines are left out.

    A figure of these axes alone grows by the height of the text, so that the axes keep their size.

    Args:
        ax: axes that fill their figure; use `note_figure` where a figure has several.
        lines: paragraphs. Long ones are broken.
    """
    text = "\n".join(line for line in lines if line)
    figure = ax.get_figure(root=True)
    if not text or figure is None:
        return
    # The text is centered below the axes, which begin where the labels of the errors end.
    lay_out(figure)
    box = ax.get_window_extent()
    center = (box.x0 + box.x1) / 2
    half = min(center, figure.bbox.width - center) / figure.dpi
    text = wrapped(text, 2 * half - 0.1)
    if len(figure.axes) == 1:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + LINE * SMALL * (1 + text.count("\n")) / 72)
    ax.annotate(
        text,
        xy=(0.5, 0),
        xycoords=ax.xaxis.label,
        xytext=(0, -2),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=SMALL,
        annotation_clip=False,
    )


@checked
def note_figure(figure: Figure, lines: Sequence[str]) -> None:
    """Write small print at the bottom of a figure of several axes; empty lines are left out.

    Args:
        figure: a figure with constrained layout, such as those in `STYLE`.
        lines: paragraphs. Long ones are broken.
    """
    text = "\n".join(line for line in lines if line)
    if text:
        inches = figure.get_size_inches()[0]
        figure.supxlabel(wrapped(text, inches - 0.2), fontsize=SMALL)
