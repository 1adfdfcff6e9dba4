"""Which published device can learn? One network, one rule, one device after another."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from torch import nn

from crossbar import Hardware
from devices import PRESETS, Device, preset
from devices.arguments import file_path, listed, text
from devices.seeding import RNG, child, seed_sequence
from devices.validation import any_array, choice, instance, integer
from nsm.chips.chip import MappedNetwork
from nsm.chips.map import map_to_crossbar
from nsm.learning.device_rows import KeptRows, identity_of, run_of, settings_of
from nsm.learning.inert import check_effects
from nsm.learning.layer_updates import updates_of
from nsm.learning.learn import learn
from nsm.learning.network import LearningNetwork
from nsm.learning.result import Learned
from nsm.learning.settings import Settings
from nsm.nn.inference import check_model
from nsm.training.mark import check_resumable

if TYPE_CHECKING:
    import pandas as pd


def devices_that_pulse() -> list[str]:
    """Return the names of all presets that have a pulse response."""
    return [
        name
        for name, entry in PRESETS.items()
        if isinstance(entry.model, Device) and entry.model.pulses is not None
    ]


def learn_on_devices(
    model: nn.Module,
    hardware: Hardware,
    names: Sequence[str] | Mapping[str, Device],
    x: ArrayLike,
    y: ArrayLike,
    *,
    rng: RNG,
    epochs: float,
    chips: int = 1,
    reprogrammed_scale: float = 0.1,
    save_to: str | Path | None = None,
    **options: Any,
) -> "pd.DataFrame":
    """Return how well chips of several devices learn, a row for each device and chip.

    Every chip starts from the same weights of `model`. All devices are checked before any learns.

    Args:
        model: The network; it does not change.
        hardware: Description of the chips, whose device is replaced.
        names: Names of presets, or devices by name.
        x, y: Images, and class numbers.
        rng: Seed, Generator or None: chips and learning; the same for all devices. With `save_to`
            a seed, by which the rows are known.
        epochs: Passes over the images, as of `learn`.
        chips: Chips of each device; default 1.
        reprogrammed_scale: Largest weight at the start, over the largest that a cell holds; default
            0.1, which leaves an NSM room to grow. For rectifiers see `widened`.
        save_to: CSV file that gets every row when its chip has learned, with the checkpoint of the
            next chip beside it (NAME.learning). The same call resumes, and may add devices.
        **options: Other options of `learn`.

    Returns:
        Columns device, chip, error, online_error, samples, pulses, most_pulses, saturated (as in
        `Learned`; shares are fractions), energy [J] and time [s] of all pulses, one after another
        (NaN where they are not known), and run, a hash of all that decides the row.

    Raises:
        ValueError: Naming what cannot learn, or `save_to` has rows of another experiment.
    """
    x, y = _checked_parts(model, chips, x, y)
    if save_to is not None:
        save_to = _csv_path(save_to)
        check_resumable("save_to", save_to, rng)
    seed = seed_sequence(rng)
    found = _checked(names, hardware, options)
    common = identity_of(model, epochs, options, x, y, reprogrammed_scale, seed)
    hardwares = {name: replace(hardware, device=device) for name, device in found.items()}
    places = itertools.product(hardwares, range(chips))
    kept = KeptRows(save_to, {(n, k): run_of(common, hardwares[n], k) for n, k in places})
    chip_of = partial(_chip_of, model, hardwares, reprogrammed_scale, seed)
    for name in dict.fromkeys(name for name, _ in kept.missing()):
        _check_learns(name, chip_of(name, 0), settings_of(epochs, options))
    for name, number in kept.missing():
        rng = child(seed, number, 1)
        chip = chip_of(name, number)
        learned = learn(chip, x, y, epochs=epochs, rng=rng, checkpoint=kept.checkpoint, **options)
        kept.add(name, number, _numbers(learned))
    return kept.table()


def _csv_path(save_to: str | Path) -> Path:
    """Return the file of the rows, if its ending says that it is a CSV."""
    path = file_path("save_to", save_to)
    choice(f"ending of save_to {path}", path.suffix.lower(), (".csv",))
    return path


def _checked_parts(
    model: nn.Module, chips: int, x: ArrayLike, y: ArrayLike
) -> tuple[ArrayLike, ArrayLike]:
    """Return images and labels as arrays; raise ValueError if they or the parts are no such."""
    integer("chips", chips, at_least=1)
    check_model(model)
    return any_array("x", x), any_array("y", y)


def _chip_of(
    model: nn.Module,
    hardwares: Mapping[str, Hardware],
    scale: float,
    seed: np.random.SeedSequence,
    name: str,
    number: int,
) -> MappedNetwork:
    """Return an untrained chip of a device."""
    rng = child(seed, number, 0)
    return map_to_crossbar(model, hardwares[name], rng=rng, reprogrammed_scale=scale)


def _check_learns(name: str, chip: MappedNetwork, settings: Settings) -> None:
    """Raise ValueError, naming the device, if its chips cannot learn with these settings."""
    seed = seed_sequence(0)
    try:
        network = LearningNetwork(chip, settings.gradient, settings.pair, seed)
        check_effects(network, settings)
        updates_of(network, settings, seed)
    except ValueError as problem:
        raise ValueError(f"device {name!r}: {problem}") from None


def _checked(
    names: Sequence[str] | Mapping[str, Device], hardware: Any, options: Mapping[str, Any]
) -> Mapping[str, Device]:
    """Return devices by name; raise ValueError for one without pulse response, or a checkpoint."""
    instance("hardware", hardware, Hardware, advice="give one, whose device is replaced")
    found = names
    if not isinstance(found, Mapping):
        advice = "a list of presets, such as nsm.learning.devices_that_pulse(), or devices by name"
        given = listed("names", names, advice)
        found = {name: _preset(name) for name in given}
    if not found:
        raise ValueError("names is empty; give at least one device")
    for name, device in found.items():
        instance(f"device of names, {name!r},", device, Device)
        if device.pulses is None:
            raise ValueError(
                f"device {name!r} has no pulse response, so that nothing says how it would learn; "
                f"give Device(pulses=...), or choose one of {', '.join(devices_that_pulse())}"
            )
    if "checkpoint" in options:
        raise ValueError(
            f"checkpoint = {options['checkpoint']!r} is of one run; give save_to=, which keeps the "
            "rows and the checkpoint of the chip that learns"
        )
    return found


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
    found = preset(text("name in names", name))
    if not isinstance(found, Device):
        raise ValueError(f"{name!r} is no device; give the name of a device preset")
    return found
