"""The pulse responses that a fit tries, as tables of steps of their parameters.

A state w stands for a conductance: −1 is the lower and 1 the upper end of the range. Every response
is a step up and a step down as functions of w. For all but `ExpStepPulses`, these are linear
between the nodes of a table, exactly.
"""

from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from devices.pulses.base import PulseResponse
from devices.pulses.nonlinear import NonlinearPulses
from devices.pulses.piecewise import PiecewisePulses
from devices.pulses.step_laws import ExpStepPulses, LinearPulses, SoftBoundsPulses
from devices.validation import Floats

_FINE = np.linspace(-1, 1, 1025)
# e^40 is far beyond any label.
_MOST_CURVED = 40.0
_LEAST_STEP = 1e-9


class Range(NamedTuple):
    """The conductances [S] that w = −1 and w = 1 stand for, and whether they are given.

    Attributes:
        low: Conductance at w = −1 [S].
        high: Conductance at w = 1 [S].
        is_given: Whether the user gave them; then no fit changes them.
    """

    low: float
    high: float
    is_given: bool

    def weight(self, g: Floats) -> Floats:
        """Return w of conductances [S]."""
        return np.asarray(2 * (g - self.low) / (self.high - self.low) - 1)

    def conductance(self, w: float) -> float:
        """Return the conductance [S] of w."""
        return self.low + (w + 1) / 2 * (self.high - self.low)


class Shape(Protocol):
    """A family of pulse responses; its parameters are a vector theta."""

    name: ClassVar[str]
    #: Fields of the response that the parameters determine.
    fitted_fields: ClassVar[tuple[str, ...]]

    def start(self, up: float, down: float, range_: Range) -> tuple[Floats, Floats, Floats]:
        """Return parameters to start from and their bounds, for mean steps up and down."""
        ...

    def tables(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return the steps up and down at evenly spaced w, both as positive numbers."""
        ...

    def build(self, theta: Floats, range_: Range, **noise: Any) -> PulseResponse:
        """Return the response of the parameters."""
        ...

    def bounds(self, theta: Floats) -> tuple[float, float]:
        """Return the lowest and the highest w that a cell reaches."""
        return -1.0, 1.0

    def settled(self, theta: Floats) -> Floats | None:
        """Return the parameters that must be whole numbers, rounded, or None if there are none."""
        return None

    def own_tables(self, theta: Floats, own: Floats) -> tuple[Floats, Floats]:
        """Return the tables of one device, whose steps are own[0] and own[1] times the typical."""
        up, down = self.tables(theta)
        return own[0] * up, own[1] * down

    def own_start(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the own parameters of the typical device, and their bounds."""
        return np.ones(2), np.zeros(2), np.full(2, 10.0)

    def spreads(self, own: Floats) -> dict[str, float]:
        """Return the variances between devices by field, of own parameters (devices, 2)."""
        mean, difference = own.sum(axis=1) / 2, (own[:, 0] - own[:, 1]) / 2
        return {"d2d_step": float(mean.var(ddof=1)), "d2d_up_down": float(difference.var(ddof=1))}


def _up_and_down(up: float, down: float) -> dict[str, Any]:
    """Return the fields step and up_down of the steps α of both directions."""
    step = max(up, down)
    weaker = 1 - min(up, down) / step
    return {"step": step, "up_down": min(weaker, 1 - 1e-9) * (1 if up >= down else -1)}


class Linear(Shape):
    """`LinearPulses`: steps at w = −1 and w = 1, up and down."""

    name = "LinearPulses"
    fitted_fields = ("step", "up_down", "decrease_up", "decrease_down")

    def start(self, up: float, down: float, range_: Range) -> tuple[Floats, Floats, Floats]:
        return np.array([up, up, down, down]), np.full(4, _LEAST_STEP), np.full(4, 2.0)

    def tables(self, theta: Floats) -> tuple[Floats, Floats]:
        return theta[:2], theta[2:]

    def build(self, theta: Floats, range_: Range, **noise: Any) -> PulseResponse:
        a, b, d, c = theta.tolist()
        return LinearPulses(
            g_min=range_.low,
            g_max=range_.high,
            decrease_up=(a - b) / (a + b),
            decrease_down=(c - d) / (c + d),
            **_up_and_down((a + b) / 2, (c + d) / 2),
            **noise,
        )


class SoftBounds(Shape):
    """`SoftBoundsPulses`: rates up and down, and the w at which steps vanish."""

    name = "SoftBoundsPulses"
    fitted_fields = ("step", "up_down", "g_min", "g_max")

    def start(self, up: float, down: float, range_: Range) -> tuple[Floats, Floats, Floats]:
        zero = float(range_.weight(np.zeros(()))) if not range_.is_given else -1.0
        free = 0.0 if range_.is_given else 1.0
        eps = 1e-9
        return (
            np.array([up, down, 1 + 0.1 * free, max(-1 - 0.1 * free, (zero - 1) / 2)]),
            np.array(
                [_LEAST_STEP, _LEAST_STEP, 1 - 0.5 * free - eps, max(zero, -1 - 9 * free) - eps]
            ),
            np.array([0.999, 0.999, 1 + 9 * free + eps, -1 + 0.5 * free + eps]),
        )

    def tables(self, theta: Floats) -> tuple[Floats, Floats]:
        up, down, high, low = theta
        ends = np.array([-1.0, 1.0])
        return up * (high - ends), down * (ends - low)

    def bounds(self, theta: Floats) -> tuple[float, float]:
        return float(theta[3]), float(theta[2])

    def build(self, theta: Floats, range_: Range, **noise: Any) -> PulseResponse:
        up, down, high, low = theta.tolist()
        ends: dict[str, Any] = {
            "g_min": range_.low if range_.is_given else max(range_.conductance(low), 0.0),
            "g_max": range_.high if range_.is_given else range_.conductance(high),
        }
        return SoftBoundsPulses(**ends, **_up_and_down(up, down), **noise)


class Nonlinear(Shape):
    """`NonlinearPulses`: number of pulses over the range, and 1/A of both directions."""

    name = "NonlinearPulses"
    fitted_fields = ("pulses", "nl_up", "nl_down")

    def start(self, up: float, down: float, range_: Range) -> tuple[Floats, Floats, Floats]:
        pulses = 2 / max((up + down) / 2, 1e-6)
        limit = [-_MOST_CURVED, _MOST_CURVED]
        return (
            np.array([max(pulses, 1.5), 0.5, 0.5]),
            np.array([1.0, limit[0], limit[0]]),
            np.array([1e7, limit[1], limit[1]]),
        )

    def tables(self, theta: Floats) -> tuple[Floats, Floats]:
        pulses, up, down = theta
        # Seen from its own start, a depression curve is a potentiation curve.
        return self._steps(pulses, up), self._steps(pulses, down)[::-1]

    @staticmethod
    def _steps(pulses: float, x: float) -> Floats:
        """Return the steps at the start and at the end of a curve of curvature x = 1/A."""
        if abs(x) < 1e-6:
            return np.full(2, 2 / pulses)
        asymptote = -1 / np.expm1(-x)
        return np.asarray(-2 * np.expm1(-x / pulses) * (asymptote - np.array([0.0, 1.0])))

    def settled(self, theta: Floats) -> Floats | None:
        return np.array([max(np.rint(theta[0]), 1.0), np.nan, np.nan])

    def build(self, theta: Floats, range_: Range, **noise: Any) -> PulseResponse:
        noise.pop("write_noise", None)
        noise.pop("additive", None)
        return NonlinearPulses(
            g_min=range_.low,
            g_max=range_.high,
            pulses=round(float(theta[0])),
            nl_up=label(float(theta[1])),
            nl_down=-label(float(theta[2])),
            **noise,
        )

    def own_tables(self, theta: Floats, own: Floats) -> tuple[Floats, Floats]:
        return self.tables(np.array([theta[0], *own]))

    def own_start(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        return theta[1:], np.full(2, -_MOST_CURVED), np.full(2, _MOST_CURVED)

    def spreads(self, own: Floats) -> dict[str, float]:
        labels = np.array([[label(float(x)) for x in row] for row in own])
        return {"d2d_nl": float(labels.var(axis=0, ddof=1).mean())}


def label(x: float) -> float:
    """Return the nonlinearity label of a curvature x = 1/A, within [−9, 9]; see `label_to_a`."""
    size = abs(x)
    if size < 0.02:
        deviation = size / 8 - size**3 / 576
    else:
        d = -np.expm1(-size)
        deviation = 1 / d + (np.log(d / size) - 1) / size
    return float(np.copysign(min(deviation / (0.07 * np.sqrt(2)), 9.0), x))


class ExpStep(Shape):
    """`ExpStepPulses` with z = w: size, amplitude and rate of each direction."""

    name = "ExpStepPulses"
    fitted_fields = ("step", "up_down", "a_up", "gamma_up", "a_down", "gamma_down")

    def start(self, up: float, down: float, range_: Range) -> tuple[Floats, Floats, Floats]:
        one = [1.0, 0.2, 1.0]
        low, high = [_LEAST_STEP, -20.0, 0.05], [2.0, 20.0, 15.0]
        return (
            np.array([up * one[0], *one[1:], down * one[0], *one[1:]]),
            np.array(low * 2),
            np.array(high * 2),
        )

    def tables(self, theta: Floats) -> tuple[Floats, Floats]:
        up, a_up, gamma_up, down, a_down, gamma_down = theta
        return (
            up * np.maximum(1 - a_up * np.exp(gamma_up * _FINE), 0),
            down * np.maximum(1 - a_down * np.exp(-gamma_down * _FINE), 0),
        )

    def build(self, theta: Floats, range_: Range, **noise: Any) -> PulseResponse:
        up, a_up, gamma_up, down, a_down, gamma_down = theta.tolist()
        return ExpStepPulses(
            g_min=range_.low,
            g_max=range_.high,
            a=1.0,
            b=0.0,
            a_up=a_up,
            gamma_up=gamma_up,
            a_down=a_down,
            gamma_down=gamma_down,
            **_up_and_down(up, down),
            **noise,
        )


class Piecewise(Shape):
    """`PiecewisePulses`: steps at evenly spaced nodes."""

    name = "PiecewisePulses"
    fitted_fields = ("step", "up", "down")

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes

    def start(self, up: float, down: float, range_: Range) -> tuple[Floats, Floats, Floats]:
        even = np.repeat([up, down], self.nodes)
        return even, np.zeros(len(even)), np.full(len(even), 2.0)

    def tables(self, theta: Floats) -> tuple[Floats, Floats]:
        return theta[: self.nodes], theta[self.nodes :]

    def build(self, theta: Floats, range_: Range, **noise: Any) -> PulseResponse:
        step = float(theta.mean())
        up, down = self.tables(theta)
        return PiecewisePulses(
            g_min=range_.low,
            g_max=range_.high,
            step=step,
            up=tuple((up / step).tolist()),
            down=tuple((down / step).tolist()),
            **noise,
        )
