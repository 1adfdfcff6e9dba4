"""What measured pulse curves do not tell, in sentences."""

from collections.abc import Iterator, Mapping

import numpy as np

from devices.fitting.pulses.noise import PulseNoise
from devices.pulses.base import PulseResponse

_FEW_DEVICES = 10
# Errors that differ by less are named in a note.
_ALIKE = 1.03


def notes(
    model: PulseResponse, scores: Mapping[str, float], devices: int, noise: PulseNoise
) -> Iterator[str]:
    """Yield what the curves do not tell, and what the fit does not set.

    Args:
        model: The response that was fitted.
        scores: Errors on pulses that were left out, by response [S].
        devices: Number of devices that were measured.
        noise: Their noise.
    """
    best = type(model).__name__
    alike = [name for name in scores if name != best and scores[name] < _ALIKE * scores[best]]
    if alike:
        yield (
            f"On pulses that were left out, {best} errs by {scores[best]:.4g} S, and "
            + ", ".join(f"{name} by {scores[name]:.4g} S" for name in alike)
            + ": these curves hardly tell them apart."
        )
    if noise.correlation:
        yield (
            f"The scatter of reads is correlated over about {noise.correlation:g} pulses; "
            "write_noise draws every read by itself."
        )
    steps = np.sqrt(noise.mean_square_step)
    if np.sqrt(noise.read) > 10 * steps:
        yield (
            f"Reads scatter by {np.sqrt(noise.read) / steps:.0f} steps, so that curves tell little "
            "about the cycle-to-cycle noise of a step."
        )
    if best == "NonlinearPulses" and noise.read > noise.walk:
        yield (
            "Most of the scatter is that of reads, which NonlinearPulses has no field for; put it "
            "into the slot read_noise."
        )
    if devices == 1:
        yield "One device does not show how devices differ: d2d fields are 0."
    elif devices < _FEW_DEVICES:
        yield (
            f"{devices} devices tell their spread to {100 / np.sqrt(2 * (devices - 1)):.0f} % at "
            "best."
        )
    yield (
        f"{best} says how a cell learns. A mapped network is written without error, unless the "
        "slot write is set, too: OpenLoopPulses(pulses=...) with these pulses writes without a "
        "verifying read."
    )
