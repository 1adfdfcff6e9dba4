"""The rows of one file as a page shows them: their axes, the point they are compared with, cuts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from crossbar.field_values import is_none
from crossbar.hardware import Hardware
from crossbar.paths import ON_OFF
from nsm.chips.hardware_table import HardwareTable
from nsm.plots.axis_places import is_numeric, value_text
from nsm.plots.points import NOT_AXES
from nsm.sweeps.axes import CHIP_AXES, COMPENSATION, PLACE
from nsm.sweeps.labels import label_of
from nsm.sweeps.rows.sidecar import Sidecar, read_hardware

#: Columns of a sweep's rows that no axis has.
_NO_AXES = (*NOT_AXES, "network", "images", "samples")
#: Values of an axis and of the hardware are the same number up to this part.
_SAME = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Swept:
    """The rows of one file, and what is known of them.

    Attributes:
        rows: rows of `nsm.sweeps.read_rows`.
        file: name of their file.
        link: path of the file from the page; "" for a file beside it.
        sidecar: what they were computed with; None if that is not known.
        titles: headings of the figures by axis, where they are not that of the axis.
        texts: paragraphs below the figures by axis.
        conditions: small print of the figures; "" for none.
        known: values of the chip without the axes, where the sidecar does not tell them.
    """

    rows: pd.DataFrame
    file: str
    link: str = ""
    sidecar: Sidecar | None = None
    titles: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    conditions: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def networks(self) -> list[str]:
        """Names of the networks, in the order of the rows."""
        return [str(name) for name in dict.fromkeys(self.rows["network"])]

    @cached_property
    def axes(self) -> list[str]:
        """Columns in which the rows differ, except network, training and chip."""
        columns = [c for c in self.rows.columns if c not in _NO_AXES]
        return [c for c in columns if self.rows[c].nunique(dropna=False) > 1]

    @cached_property
    def hardware(self) -> Hardware | HardwareTable | None:
        """The hardware before the axes change it; None if it is not known, or not one alone."""
        if self.sidecar is None:
            return None
        try:
            found = read_hardware(self.sidecar.hardware)
        except ValueError:  # of classes that this program does not have
            return None
        return None if isinstance(found, list) else found

    def texts_of(self, column: str) -> pd.Series:
        """Return the values of a column as texts, None by its name."""
        return self.rows[column].map(lambda value: value_text(value, column), na_action=None)

    @cached_property
    def unchanged(self) -> dict[str, str]:
        """Values, as texts, of the axes on the chip without them, where rows have these values."""
        found = {axis: self._unchanged(axis) for axis in self.axes}
        return {axis: text for axis, text in found.items() if text is not None}

    def _unchanged(self, axis: str) -> str | None:
        """Return the value of one axis on the chip without it; None if no row has it."""
        texts = dict.fromkeys(self.texts_of(axis))
        wanted = _values_without(axis, self.hardware, self.known)
        for value in wanted:
            text = value_text(value, axis)
            if text in texts:
                return text
        if is_numeric(self.rows[axis]) and wanted and _is_number(wanted[0]):
            numbers = self.rows[axis].dropna().unique()
            nearest = min(numbers, key=lambda number: abs(number - wanted[0]))
            if np.isclose(nearest, wanted[0], rtol=_SAME, atol=0):
                return value_text(nearest, axis)
        return None

    @cached_property
    def reference(self) -> dict[str, str]:
        """The value of every axis, as a text, at the point that all others are compared with.

        It is the chip without the axes. Where the value of an axis is not known or not among the
        rows, the point of the least mean error over the networks decides.
        """
        if not self.axes:
            return {}
        at = pd.DataFrame({axis: self.texts_of(axis) for axis in self.axes})
        at["percent"] = 100 * self.rows["errors"] / self.rows["images"]
        for axis, text in self.unchanged.items():
            if (at[axis] == text).any():
                at = at[at[axis] == text]
        means = at.groupby(self.axes, sort=False)["percent"].mean()
        best = means.index[int(np.argmin(means.to_numpy()))]
        return dict(zip(self.axes, best if len(self.axes) > 1 else [best], strict=True))

    def cut(self, *along: str) -> pd.DataFrame:
        """Return the rows in which all axes but these have their values of `reference`."""
        keep = np.ones(len(self.rows), bool)
        for axis in self.axes:
            if axis not in along:
                keep &= (self.texts_of(axis) == self.reference[axis]).to_numpy()
        return self.rows[keep]

    def pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of axes that were swept together.

        Two axes that were swept one after the other, each at one value of the other, fill a cross
        of the plane, and no more.
        """
        found = []
        for x, y in combinations(self.axes, 2):
            cut = self.cut(x, y)
            cells = len(cut[[x, y]].drop_duplicates())
            sides = cut[x].nunique(dropna=False), cut[y].nunique(dropna=False)
            if min(sides) > 1 and cells > sum(sides) - 1:
                found.append((x, y))
        return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _values_without(
    axis: str, hardware: Hardware | HardwareTable | None, known: Mapping[str, Any]
) -> list[Any]:
    """Return what rows may call the value of an axis on the chip without it; empty if unknown."""
    if axis in known:
        return [known[axis]]
    if axis in CHIP_AXES:
        return [CHIP_AXES[axis]]
    if axis == COMPENSATION:
        return ["none", None]
    key, _, path = axis.rpartition(":")
    if isinstance(hardware, HardwareTable):
        parts = [hardware.get(key)] if key else [*dict.fromkeys(hardware.values())]
        if path == PLACE:
            return ["digital" if parts == [None] else "tiles"]
    else:
        parts = [hardware]
    if len(parts) != 1 or parts[0] is None:
        return []
    return _values_at(parts[0], path)


def _values_at(hardware: Hardware, path: str) -> list[Any]:
    """Return the value at a path, and what its label may be."""
    value: Any = hardware
    for name in path.split("."):
        if name == ON_OFF:
            return [value.g_max / value.g_min if value.g_min > 0 else np.inf]
        if not hasattr(value, name):
            return []
        value = getattr(value, name)
    names = [value, label_of(value, value)]
    return [*names, "none"] if is_none(value) else names
