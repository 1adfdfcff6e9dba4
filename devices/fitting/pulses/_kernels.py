"""Kernel of pulse curves: a state that steps by a table."""

# mypy: ignore-errors

from devices.compiled_loops import compiled_loop
from devices.validation import Floats


@compiled_loop()
def walk(start: float, steps: Floats, low: float, high: float, out: Floats) -> None:
    """Write the states after 0, 1, 2, … pulses into `out`.

    Args:
        start: State before the first pulse.
        steps: Steps at evenly spaced states from −1 to 1, with their sign; linear between these and
            beyond.
        low: Lowest state.
        high: Highest state.
        out: States after 0, 1, 2, … pulses.
    """
    last = len(steps) - 1
    w = min(max(start, low), high)
    for k in range(len(out)):
        out[k] = w
        place = (w + 1) / 2 * last
        node = min(max(int(place), 0), last - 1)
        w += steps[node] + (place - node) * (steps[node + 1] - steps[node])
        w = min(max(w, low), high)
