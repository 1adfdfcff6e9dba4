"""The style that all figures share: colors, markers, sizes, fonts, and the colors of networks."""

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from devices.arguments import listed
from devices.validation import choice, number, shortened
from nsm.disk import write_file
from nsm.places import check_file
from nsm.plots.annotated import checked
from nsm.plots.layout import lay_out
from nsm.plots.ticks import separate_tick_labels

#: The colors of Okabe and Ito, which every kind of color vision can tell apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

#: One marker per color, so that lines can also be told apart in gray.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: Line styles. The next one is taken when all colors are in use.
LINES = ("-", "--", ":", "-.")

#: Place of each network in COLORS and MARKERS, so that a network looks the same in every figure.
#: bNSM is the NSM with blank-out noise, and dCNN is the convolutional ReLU network.
NETWORK_PLACES = {
    "NSM": 0,
    "bNSM": 0,
    "ReLU": 1,
    "dCNN": 1,
    "StNN": 2,
    "BD": 3,
    "STE": 4,
    "gNSM": 5,
    "wBD": 6,
    "MC dropout": 4,
}

#: Size of a figure in inches: one column of a two-column page.
COLUMN = (3.4, 2.5)

#: Longest side of a figure [inch]; more pixels than matplotlib draws.
LARGEST_FIGURE = 300.0

#: Settings of matplotlib that all figures share.
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

#: Background and foreground of figures on a dark page, in addition to STYLE.
#: Against this background the darkest network color still has a contrast of 3.3 : 1.
DARK_BACKGROUND = "#1c2026"
_DARK_TEXT = "#dfe3e8"
DARK_STYLE: Any = {
    "figure.facecolor": DARK_BACKGROUND,
    "axes.facecolor": DARK_BACKGROUND,
    "text.color": _DARK_TEXT,
    "axes.labelcolor": _DARK_TEXT,
    "axes.edgecolor": _DARK_TEXT,
    "xtick.color": _DARK_TEXT,
    "ytick.color": _DARK_TEXT,
    "grid.color": "#8b949e",
}

Draw = TypeVar("Draw", bound=Callable[..., Axes])


def styled(draw: Draw) -> Draw:
    """Decorate a drawing function so that it draws in STYLE, whatever the user's own settings.

    Its arguments are checked by their annotations, see `annotated.checked`.
    """

    run = checked(draw)

    @functools.wraps(draw)
    def in_style(*args: Any, **options: Any) -> Axes:
        with mpl.rc_context(STYLE):
            return run(*args, **options)

    return in_style  # type: ignore[return-value]


@contextmanager
def dark_theme() -> Iterator[None]:
    """Draw and save light text on a dark background inside this context.

    STYLE sets no color, so that these colors also hold inside functions that are `styled`.
    """
    with mpl.rc_context(DARK_STYLE):
        yield


def places_of(names: Sequence[Any], *, networks: bool = False) -> list[int]:
    """Return the place of every name in COLORS and MARKERS.

    Args:
        names: groups in the order in which they are drawn.
        networks: True if the names are those of networks. Names in NETWORK_PLACES then have
            their fixed place, and the others take the free places in order.

    Returns:
        One place per name. Places repeat only when there are more names than colors.
    """
    fixed: dict[Any, int] = {}
    if networks:
        for name in names:
            place = NETWORK_PLACES.get(str(name))
            if place is not None and place not in fixed.values():
                fixed[name] = place
    free = [place for place in range(len(COLORS)) if place not in fixed.values()]
    free = free or list(range(len(COLORS)))
    others = iter(free * len(names))
    return [fixed[name] if name in fixed else next(others) for name in names]


@checked
def style_of(network: str) -> dict[str, str]:
    """Return color and marker of a network, the same in every figure.

    Args:
        network: a name in `NETWORK_PLACES`; "NSM, 4 levels" is the network "NSM".

    Raises:
        ValueError: the network has no place.
    """
    name = network.partition(",")[0].strip()
    place = NETWORK_PLACES[choice("network", name, NETWORK_PLACES)]
    return {"color": COLORS[place], "marker": MARKERS[place]}


@checked
def figure(size: tuple[float, float] = COLUMN) -> tuple[Figure, Axes]:
    """Return a figure in STYLE and its single Axes. No display is needed.

    Args:
        size: width and height [inch].
    """
    inches = listed("size", size, "(width, height) in inches")
    if len(inches) != 2:
        raise ValueError(f"size = {shortened(size)} is not allowed; give (width, height) in inches")
    for length in inches:
        number("size", length, above=0, at_most=LARGEST_FIGURE)
    with mpl.rc_context(STYLE):
        drawing = Figure(figsize=size)
        return drawing, drawing.add_subplot()


@checked
def save_figure(ax: Axes, path: str | Path) -> None:
    """Write the figure that holds `ax`, in STYLE.

    Args:
        ax: Axes of the figure.
        path: file to write. Its ending (.png, .pdf, .svg) decides the format.
    """
    check_file(path, "figure.png")
    drawing = ax.get_figure(root=True)
    assert drawing is not None
    with mpl.rc_context(STYLE):
        # The layout may have changed since the axes were drawn.
        separate_tick_labels(*drawing.axes)
        write_file(path, drawing.savefig)


@checked
def legend_above(ax: Axes) -> None:
    """Move the legend of `ax` above the axes, where no line can lie below it.

    It stands in one row if that is no wider than the figure, else in as few rows as it needs.

    Args:
        ax: Axes of a figure with constrained layout, such as those of `figure`.
    """
    old = ax.get_legend()
    drawing = ax.get_figure(root=True)
    if old is None:
        raise ValueError("ax has no legend to move; call ax.legend() first")
    assert drawing is not None
    title = old.get_title().get_text()
    handles, labels = old.legend_handles, [text.get_text() for text in old.get_texts()]
    box = ax.get_window_extent()
    center = (box.x0 + box.x1) / 2
    room = 2 * min(center, drawing.bbox.width - center)
    columns = len(labels)
    with mpl.rc_context(STYLE):
        while True:
            legend = ax.legend(
                handles=handles,
                labels=labels,
                ncols=columns,
                title=title or None,
                title_fontsize=6,
                frameon=False,
                loc="lower center",
                bbox_to_anchor=(0.5, 1.0),
                borderaxespad=0.2,
                columnspacing=1.0,
                handlelength=1.6,
            )
            width = legend.get_window_extent().width
            if columns == 1 or width <= room:
                return
            columns = max(1, min(columns - 1, int(columns * room / width)))


def clear_legend(ax: Axes) -> None:
    """Move the legend of `ax` above the axes if points, or the lines between them, lie below it.

    The figure grows by the height of the legend, so that the curves keep theirs.
    """
    legend, drawing = ax.get_legend(), ax.get_figure(root=True)
    if legend is None:
        return
    assert drawing is not None
    lay_out(drawing)
    box = legend.get_window_extent()
    marked = [line for line in ax.lines if line.get_marker() not in ("None", "", None)]
    if any(
        line.get_transform().transform_path(line.get_path()).intersects_bbox(box, filled=False)
        or box.count_contains(line.get_transform().transform(line.get_xydata()))
        for line in marked
    ):
        legend_above(ax)
        width, height = drawing.get_size_inches()
        moved = ax.get_legend()
        assert moved is not None
        drawing.set_size_inches(width, height + moved.get_window_extent().height / drawing.dpi)
