"""Gates at the drivers of word lines: they multiply the inputs before the cells are read."""

import numpy as np

from crossbar.hardware import Hardware
from crossbar.reads.factors import FactorSource
from crossbar.reads.inputs import Inputs
from crossbar.reads.noise_state import NoiseState
from crossbar.reads.span import Span
from devices import BlankOut
from devices.validation import Floats


def gate_word_lines(
    x: Inputs,
    hardware: Hardware,
    state: NoiseState,
    span: Span,
    seed: np.random.SeedSequence,
) -> Inputs:
    """Return the span's inputs, one row per read, each multiplied by a fresh draw of the gates.

    Args:
        x: Rows of inputs, from the first that the span needs.
        hardware: The gate, and the period of reads.
        state: States of the array's noises; `state.gate` is advanced in place.
        span: The reads.
        seed: Seed of the gates in this run.
    """
    lines = np.full(x.shape[1], hardware.device.g_max)
    # Ternary inputs times 0 or 1 stay ternary, and small.
    stays_ternary = isinstance(hardware.gate_noise, BlankOut) and bool(x.is_ternary.all())
    gated = (x.signs if stays_ternary else x.floats)[span.rows]
    source = FactorSource(hardware.gate_noise, lines, state.gate, seed, hardware.read_period)
    for group, here, inside in span.groups():
        source.start(group)
        xi: Floats = source.draw(0, inside.stop, inside.start)
        drawn = np.broadcast_to(xi, (inside.stop, len(lines)))[inside]
        gated[here] *= drawn.astype(gated.dtype, copy=False)
    state.gate = source.state
    return Inputs(gated)
