"""Labels of ticks that do not touch each other, whatever the size of the axes."""

from itertools import pairwise
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.text import Text

from nsm.plots.layout import lay_out

#: Smallest distance between two labels, in sizes of their font.
GAP = 0.3
#: Angles [degrees] at which names of categories are tried, in this order.
ANGLES = (0, 30, 90)


class _Label(NamedTuple):
    """One label of a tick: its place on the axis, its text, and where it is drawn [pixels]."""

    at: float
    text: Text
    low: float
    high: float

    @property
    def is_number(self) -> bool:
        """Whether it is a number, which other numbers beside it make dispensable."""
        written = self.text.get_text().strip().replace("−", "-")
        if "mathdefault" in written or written.startswith("$"):
            return True
        try:
            float(written)
        except ValueError:
            return False
        return True


def _labels(axis: Axis, *, horizontal: bool) -> list[_Label]:
    """Return the labels that are drawn inside the view, in the order of their places."""
    limits = sorted(axis.get_view_interval())
    margin = 1e-9 * (limits[1] - limits[0])
    found = []
    for tick in axis.get_major_ticks():
        text = tick.label1
        inside = limits[0] - margin <= tick.get_loc() <= limits[1] + margin
        if not (inside and text.get_visible() and text.get_text()):
            continue
        box = text.get_window_extent()
        low, high = (box.x0, box.x1) if horizontal else (box.y0, box.y1)
        found.append(_Label(float(tick.get_loc()), text, low, high))
    return sorted(found, key=lambda label: label.low + label.high)


def _gap(label: _Label) -> float:
    """Return the smallest distance to the next label [pixels]."""
    figure = label.text.get_figure(root=True)
    assert figure is not None
    return GAP * float(label.text.get_fontsize()) * figure.dpi / 72


def _touch(labels: list[_Label]) -> bool:
    """Return whether two neighbors are closer than `GAP`."""
    return any(b.low - a.high < _gap(a) for a, b in pairwise(labels))


def _kept(labels: list[_Label]) -> list[_Label]:
    """Return the labels that stay: all that are no numbers, then numbers from the first on."""
    kept = [label for label in labels if not label.is_number]
    for label in labels:
        if label.is_number and all(
            label.low - other.high >= _gap(label) or other.low - label.high >= _gap(label)
            for other in kept
        ):
            kept.append(label)
    return sorted(kept, key=lambda label: label.low + label.high)


def separate_tick_labels(*panels: Axes) -> None:
    """Leave out or turn labels of ticks so that no two of one axis touch, as the axes are now.

    Numbers that would touch a label before them are left out. Names of categories are all kept:
    they are turned by 30° or 90° if they need it.

    Args:
        *panels: Axes of one figure, which is laid out (not drawn) to measure the texts; again only
            after axes whose labels were changed.
    """
    if not panels:
        return
    figure: Any = panels[0].get_figure(root=True)
    changed = True
    for ax in panels:
        if changed:
            lay_out(figure)
        changed = _separate_horizontal(ax, figure)
        labels = _labels(ax.yaxis, horizontal=False)
        if _touch(labels):
            kept = _kept(labels)
            ax.set_yticks([label.at for label in kept], [label.text.get_text() for label in kept])
            changed = True


def _separate_horizontal(ax: Axes, figure: Any) -> bool:
    """Separate the labels of the x axis of a figure, and return whether any was changed."""
    labels = _labels(ax.xaxis, horizontal=True)
    if not _touch(labels):
        return False
    names = [label for label in labels if not label.is_number]
    if 2 * len(names) <= len(labels):
        kept = _kept(labels)
        ax.set_xticks([label.at for label in kept], [label.text.get_text() for label in kept])
        return True
    height = max(label.text.get_fontsize() for label in labels) * figure.dpi / 72
    centers = [ax.transData.transform((label.at, 0))[0] for label in labels]
    apart = min(b - a for a, b in pairwise(centers))
    # Lines of text at 30° are apart by the sine of the angle times the distance of their ticks.
    angle = ANGLES[1] if apart * 0.5 >= 1.2 * height else ANGLES[2]
    for label in labels:
        label.text.set(
            rotation=angle, ha="right", va="center" if angle == ANGLES[2] else "top",
            rotation_mode="anchor",
        )  # fmt: skip
    return True
