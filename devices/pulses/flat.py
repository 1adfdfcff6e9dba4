"""Pulse responses in the form that compiled loops take: flat arrays of steps, bounds and noise."""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.validation import Floats

Singles = NDArray[np.float32]


class Law(IntEnum):
    """Forms of the step law; compiled loops branch on them.

    AFFINE steps are base − gradient · u. EXPONENTIAL, POWER and TABLE are α times the step laws of
    `ExpStepPulses`, `PowerPulses` and `PiecewisePulses`.
    """

    AFFINE = 0
    EXPONENTIAL = 1
    POWER = 2
    TABLE = 3


class Column(IntEnum):
    """Columns of `FlatCells.cells`."""

    BASE_UP = 0
    GRADIENT_UP = 1
    BASE_DOWN = 2
    GRADIENT_DOWN = 3
    LOW = 4
    HIGH = 5
    ALPHA_UP = 6
    ALPHA_DOWN = 7


class FlatCells(NamedTuple):
    """Parameters of pulsed cells; states and steps are fractions u of the range g_min … g_max.

    The standard deviation of one pulse's step is of_step · |step| + of_alpha · α + constant +
    of_size · |u − zero|.

    Attributes:
        law: One of `Law`.
        cells: A row for each cell, or one row if all are alike, with the columns `Column`: step at
            u = 0 of an affine law and its decrease per unit of u, for potentiation and depression;
            lowest and highest state; α of potentiation and depression, 0 for cells that do not
            move. The numbers of a cell lie together, because pulses meet cells here and there.
        numbers: Parameters of exponential laws (a, b, a_up, a_down, gamma_up, gamma_down), or of
            power laws (gamma_up, gamma_down); zeros for the others, (6,).
        table_up: Steps up at evenly spaced states, for TABLE.
        table_down: Steps down at evenly spaced states, for TABLE.
        zero: State of the weight 0 of `StepPulses`.
        of_step: Noise relative to the step.
        of_alpha: Noise relative to α.
        constant: Constant part of the noise.
        of_size: Noise that grows with |u − zero|.
        write_noise: Standard deviation of what is read around the state after a pulse.
    """

    law: int
    cells: Singles
    numbers: Singles
    table_up: Singles
    table_down: Singles
    zero: float
    of_step: float
    of_alpha: float
    constant: float
    of_size: float
    write_noise: float

    @property
    def is_noisy(self) -> bool:
        """Whether the steps of pulses differ from pulse to pulse."""
        return bool(self.of_step or self.of_alpha or self.constant or self.of_size)

    @property
    def bounds(self) -> tuple[Singles, Singles]:
        """Lowest and highest states, of all cells or of one for all."""
        return self.cells[:, Column.LOW], self.cells[:, Column.HIGH]

    def holding(self, stuck: NDArray[np.bool_], u: Singles) -> "FlatCells":
        """Return the cells with some of them held where they are.

        Args:
            stuck: Which cells do not move, (cells,).
            u: States of all cells, (cells,).
        """
        if not stuck.any():
            return self
        cells = np.array(np.broadcast_to(self.cells, (len(u), len(Column))))
        cells[stuck] = 0
        cells[stuck, Column.LOW] = cells[stuck, Column.HIGH] = u[stuck]
        return self._replace(cells=cells)


def flat_cells(law: Law, cells: int, *, alpha: tuple[Floats, Floats], **given: Any) -> FlatCells:
    """Return flat parameters of cells, with zeros for all that is not given.

    Args:
        law: Form of the step law.
        cells: Number of cells.
        alpha: α of potentiation and of depression, as fractions of the range, (cells,) each.
        **given: Further fields of `FlatCells`, and of `Column` in small letters; arrays of (cells,)
            or one number for all.
    """
    columns: dict[str, Any] = {"alpha_up": alpha[0], "alpha_down": alpha[1], "high": 1.0}
    columns |= {name: given.pop(name) for name in list(given) if name.upper() in Column.__members__}
    table = np.zeros((cells, len(Column)), np.float32)
    for name, values in columns.items():
        table[:, Column[name.upper()]] = values
    if cells and (table == table[0]).all():
        table = table[:1].copy()
    fields: dict[str, Any] = dict(given)
    for name, size in (("numbers", 6), ("table_up", 2), ("table_down", 2)):
        values = np.asarray(fields.get(name, np.zeros(size)), dtype=np.float32)
        fields[name] = np.ascontiguousarray(values)
    for name in ("zero", "of_step", "of_alpha", "constant", "of_size", "write_noise"):
        fields[name] = float(fields.get(name, 0.0))
    return FlatCells(law=int(law), cells=table, **fields)


def affine(
    cells: int,
    *,
    alpha: tuple[Floats, Floats],
    slopes: tuple[Floats, Floats],
    zero: float,
    **given: Any,
) -> FlatCells:
    """Return cells whose steps are α (1 − slope (u − zero)).

    Args:
        cells: Number of cells.
        alpha: α of potentiation and of depression, per fraction of the range.
        slopes: Slopes of potentiation and of depression.
        zero: State at which both steps are α.
        **given: Further fields of `FlatCells`.
    """
    (up, down), (slope_up, slope_down) = alpha, slopes
    return flat_cells(
        Law.AFFINE,
        cells,
        alpha=alpha,
        base_up=up * (1 + slope_up * zero),
        gradient_up=up * slope_up,
        base_down=down * (1 + slope_down * zero),
        gradient_down=down * slope_down,
        zero=zero,
        **given,
    )
