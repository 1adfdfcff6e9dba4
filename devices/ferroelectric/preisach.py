"""Quasi-static hysteresis of a ferroelectric capacitor: saturated branches and minor loops."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from devices.validation import Floats, array, number

Point = tuple[float, float]
# Coercive fields of ferroelectrics begin at some 1e4 V/m; smaller numbers were meant in MV/cm.
_SMALLEST_COERCIVE_FIELD = 1e3


@dataclass(frozen=True, kw_only=True)
class PreisachState:
    """Where a capacitor stands on its hysteresis curve, and the turning points that it remembers.

    The curve that is now followed leads from the last turning point towards the last but one.

    Attributes:
        field: Last field [V/m].
        turning_points: Pairs of field [V/m] and polarization [C/m²], oldest first.
    """

    field: float
    turning_points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Preisach:
    """Deterministic hysteresis with the saturated branches P_±(E) = p_s tanh((E ∓ e_c)/(2δ)).

    δ = e_c / ln((p_s + p_r)/(p_s − p_r)), so that P_±(0) = ∓p_r and P_±(±e_c) = 0. A minor loop is
    m P_±(E) + b through the last two turning points. A field that reaches the older of the two
    erases both, and the curve that they had interrupted continues (Jiang et al., VLSI 1997; US
    patent 5867405). With branches of this form this is the classical Preisach model: loops between
    the same two fields A and B are congruent, whatever came before, with the height
    2 p_s (x_B − x_A)/((x_B + c)(1 + c x_A)), x = e^(E/δ), c = e^(e_c/δ).

    Nothing is drawn: this model is for programming weights and is no source of noise.

    Attributes:
        p_s: Saturation polarization [C/m²].
        p_r: Remanent polarization [C/m²].
        e_c: Coercive field [V/m], at least 1e3.

    Raises:
        ValueError: Unless 0 < p_r < p_s ≤ 10 C/m² and e_c ≥ 1e3 V/m.
    """

    p_s: float
    p_r: float
    e_c: float

    def __post_init__(self) -> None:
        number("Preisach.p_s", self.p_s, above=0, unit="C/m²")
        number("Preisach.p_r", self.p_r, above=0, below=self.p_s, unit="C/m²")
        number("Preisach.e_c", self.e_c, above=0, unit="V/m")
        if self.e_c < _SMALLEST_COERCIVE_FIELD:
            raise ValueError(
                f"Preisach.e_c = {self.e_c:g} V/m is less than any ferroelectric has; give at "
                f"least {_SMALLEST_COERCIVE_FIELD:g} V/m: 1.1 MV/cm is 1.1e8"
            )

    @property
    def delta(self) -> float:
        """Width δ of the saturated branches [V/m]."""
        return self.e_c / math.log((self.p_s + self.p_r) / (self.p_s - self.p_r))

    def branch(self, field: ArrayLike, *, rising: bool) -> Floats:
        """Return the polarization [C/m²] on one saturated branch.

        Args:
            field: Fields [V/m].
            rising: True for the branch on which the field rises, False for that on which it falls.
        """
        coercive = self.e_c if rising else -self.e_c
        return self.p_s * np.tanh((array("field", field) - coercive) / (2 * self.delta))

    def saturated(self, *, up: bool) -> PreisachState:
        """Return the state after an infinite field, up or down, which has erased all history."""
        low = (-math.inf, -self.p_s)
        high = (math.inf, self.p_s)
        return PreisachState(
            field=high[0] if up else low[0], turning_points=(low, high) if up else (high, low)
        )

    def sweep(
        self, fields: ArrayLike, state: PreisachState | None = None
    ) -> tuple[Floats, PreisachState]:
        """Return the polarization of one capacitor along a sequence of fields.

        A sweep may be split in two: the second part continues from the state that the first
        returns.

        Args:
            fields: Successive fields [V/m].
            state: Where the capacitor stood before; by default saturated downwards.

        Returns:
            The polarization [C/m²] at every field, and the state after the last one.
        """
        now = self.saturated(up=False) if state is None else state
        field = now.field
        points = list(now.turning_points)
        successive = array("fields", fields, ndim=1)
        polarization = np.empty_like(successive)
        for i, new in enumerate(successive.tolist()):
            rising = points[-2][0] > points[-1][0]
            if new < field if rising else new > field:
                points.append((field, self._between(points[-1], points[-2], field)))
                rising = not rising
            # The two outermost points lie at infinite fields and are therefore never erased.
            while new >= points[-2][0] if rising else new <= points[-2][0]:
                del points[-2:]
            polarization[i] = self._between(points[-1], points[-2], new)
            field = new
        return polarization, PreisachState(field=field, turning_points=tuple(points))

    def _between(self, start: Point, end: Point, field: float) -> float:
        """Return the polarization at `field` on the curve from one turning point to another."""
        coercive = self.e_c if end[0] > start[0] else -self.e_c
        a, b, x = (
            self.p_s * math.tanh((e - coercive) / (2 * self.delta))
            for e in (start[0], end[0], field)
        )
        if a == b:  # both lie so far in saturation that the branch is flat
            return start[1]
        return start[1] + (x - a) / (b - a) * (end[1] - start[1])
