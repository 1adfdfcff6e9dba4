"""Which published device can learn? One network, one rule, one device after another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from crossbar import Hardware
from devices import Device, preset
from devices.seeding import RNG, child, seed_sequence
from devices.validation import integer
from nsm.chips.map import map_to_crossbar
from nsm.learning.learn import learn
from nsm.learning.result import Learned

if TYPE_CHECKING:
    import pandas as pd


def learn_on_devices(
    model: nn.Module,
    hardware: Hardware,
    names: Sequence[str] | Mapping[str, Device],
    x: ArrayLike,
    y: ArrayLike,
    *,
    rng: RNG,
    chips: int = 1,
    reprogrammed_scale: float = 0.1,
    **options: Any,
) -> "pd.DataFrame":
    """Return how well chips of several devices learn, a row for each device and chip.

    Every chip starts from the same weights of `model`, such as those of an untrained network. All
    devices are checked before the first one learns.

    Args:
        model: The network; it does not change.
        hardware: Description of the chips, whose device is replaced.
        names: Names of presets, or devices by name.
        x: Images.
        y: Class numbers.
        rng: Seed, Generator or None: chips and learning; the same for all devices.
        chips: Chips of each device; default 1.
        reprogrammed_scale: Factor of the weights at the start, of the largest weight that a cell
            holds; default 0.1, which leaves an NSM room to grow. For rectifiers see `widened`.
        **options: Of `learn`.

    Returns:
        Columns device, chip, error, online_error, samples, pulses, most_pulses, saturated,
        energy [J] and time [s].

    Raises:
        ValueError: Naming a device without pulse response, or as `learn`.
    """
    import pandas as pd  # imported here because it takes half a second

    integer("chips", chips, at_least=1)
    seed = seed_sequence(rng)
    found = names if isinstance(names, Mapping) else {name: _preset(name) for name in names}
    _check_pulses(found)
    rows = []
    for name, device in found.items():
        for number in range(chips):
            of_chip = child(seed, number)
            chip = map_to_crossbar(
                model,
                replace(hardware, device=device),
                rng=child(of_chip, 0),
                reprogrammed_scale=reprogrammed_scale,
            )
            learned = learn(chip, x, y, rng=child(of_chip, 1), **options)
            rows.append({"device": name, "chip": number} | _numbers(learned))
    return pd.DataFrame(rows)


def _check_pulses(devices: Mapping[str, Device]) -> None:
    """Raise ValueError for a device without pulse response."""
    for name, device in devices.items():
        if device.pulses is None:
            raise ValueError(
                f"device {name!r} has no pulse response, so that nothing says how it would learn; "
                "choose one with pulses (nsm presets list), or give Device(pulses=...)"
            )


def _numbers(learned: Learned) -> dict[str, float]:
    """Return the numbers of a row."""
    last = learned.rows.iloc[-1]
    return {
        "error": learned.error,
        "online_error": float(last["online_error"]),
        "samples": int(last["samples"]),
        "pulses": learned.pulses,
        "most_pulses": int(learned.arrays["most_pulses"].max()),
        "saturated": float(last["saturated"]),
        "energy [J]": learned.energy,
        "time [s]": learned.time if np.isfinite(learned.time) else float("nan"),
    }


def _preset(name: str) -> Device:
    """Return a device by name, or raise ValueError for a gate."""
    found = preset(name)
    if not isinstance(found, Device):
        raise ValueError(f"{name!r} is no device; give the name of a device preset")
    return found
