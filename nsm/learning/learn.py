"""`nsm.learn`: a chip learns from images, without weights in software."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossbar.cost.writing import why_energy_is_unknown
from devices import WritePulses
from devices.seeding import RNG, child, law_mark, seed_sequence
from devices.validation import array, instance
from devices.write_pulses import write_pulses_of
from nsm.chips.chip import MappedNetwork
from nsm.chips.hardware_table import as_table
from nsm.learning.checkpoint import load_state, save_state
from nsm.learning.draws import Stream
from nsm.learning.measure import measure
from nsm.learning.network import LearningNetwork
from nsm.learning.result import Learned, array_row
from nsm.learning.rules import Coincidences
from nsm.learning.run import Run
from nsm.learning.settings import Settings
from nsm.nn.inference import check_labels
from nsm.places import check_file
from nsm.progress import progress_bar
from nsm.thread_limits import limited_libraries
from nsm.training.hardware_aware.identity import hardware_identity
from nsm.training.mark import mark_of_arrays


def learn(
    chip: MappedNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: float,
    rng: RNG,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    pulses: WritePulses | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> Learned:
    """Let a chip learn with stochastic gradient descent on the cross-entropy; no float weights.

    For every sample the tiles are read forward, errors are sent back through the transposed arrays
    (`Gradient.backward`), and the rule turns e xᵀ into pulses. Conductances are the only weights.
    What stays digital: activations and errors of one sample, biases and β_i of the periphery if
    they learn, and what the rule remembers (χ of `MixedPrecision`, H of `TikiTaka`).

    The order of samples, the noise of reads and of pulses are drawn from `rng`, each sample by its
    number, so that a run that was killed ends bit for bit the same, with any number of threads.
    A chip that has aged learns from the conductances of today; drift begins anew afterwards.

    Args:
        chip: A mapped perceptron of NSM, sigmoid, sign or ReLU neurons; changed in place.
        x: Images as the chip takes them, (n, inputs).
        y: Class numbers, (n,).
        epochs: Passes over the images; need not be whole.
        rng: Seed, Generator or None.
        validation: Images and labels on which the chip's error is measured.
        pulses: Voltages and widths of the pulses, for energy and time; None for those of the
            preset from which the device comes.
        checkpoint: File that is written at every measurement, and from which a killed run resumes.
        progress: Whether to show a progress bar.
        **settings: `rule`, `batch`, `gradient` and the other fields of
            `nsm.learning.settings.Settings`, which has their defaults.

    Raises:
        ValueError: Naming what cannot learn, an option, bad data, or a checkpoint of another run.
    """
    chosen = Settings.of(epochs, settings)
    chosen.check_measured(validation is not None)
    if pulses is not None:
        instance("pulses", pulses, WritePulses)
    where = Path(checkpoint) if checkpoint else None
    if where is not None:
        check_file(where, "learning.safetensors")
    seed = seed_sequence(rng)
    network = LearningNetwork(chip, chosen.gradient, chosen.pair, child(seed, Stream.PULSES))
    images, labels = _checked(chip, x, y)
    checked = None if validation is None else _validation(chip, validation)
    run = Run(network, chosen, images, labels, seed)
    identity = _identity(run, chip, seed) if where else {}
    if where is not None and where.exists():
        load_state(run, where, identity)
    with limited_libraries(1):  # the order of sums in BLAS depends on the threads
        _learn(run, checked, where, identity, progress)
    return _result(run, pulses)


def _checked(
    chip: MappedNetwork, x: ArrayLike, y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return images and labels, or raise ValueError."""
    images = chip.check_images(array("x", x))
    if not len(images):
        raise ValueError("there are no images to learn from; give at least one")
    labels = check_labels(y, len(images), chip.classes)
    return images, np.asarray(labels, dtype=np.int64)


def _validation(chip: MappedNetwork, given: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return images and labels of the validation, or raise ValueError."""
    if not isinstance(given, tuple) or len(given) != 2:
        raise ValueError(f"validation is a {type(given).__name__}; give (images, labels)")
    return _checked(chip, *given)


def _learn(
    run: Run, validation: Any, path: Path | None, identity: dict[str, Any], progress: bool
) -> None:
    with progress_bar(enabled=progress) as bar:
        task = bar.add_task("learning", total=run.samples, completed=run.done, note="")
        while run.done < run.samples:
            until = run.next_stop()
            run.learn_until(until, lambda n: bar.advance(task, n))
            row = measure(run, validation)
            if path is not None:
                save_state(run, path, identity)
            told = {k: row[k] for k in ("online_error", "error", "saturated") if k in row}
            bar.update(task, note=" ".join(f"{k} {v:.3g}" for k, v in told.items()))
    run.network.commit()


def _identity(run: Run, chip: MappedNetwork, seed: np.random.SeedSequence) -> dict[str, Any]:
    """Return what a checkpoint must share with the run that resumes it, before the first sample.

    The chip is known by its hardware and by all that can change in it: cells, factors a_i and
    thresholds.
    """
    hardwares = [layer.neurons.main.hardware for layer in chip.layers]
    parts = (part for layer in chip.layers for part in layer.neurons.parts())
    cells = [g for part in parts for g in part.array.conductances()]
    periphery = [v for layer in run.network.layers for v in (layer.a, layer.threshold)]
    found = {
        "data": mark_of_arrays(run.images, run.labels),
        "hardware": [hardware_identity(as_table(each)) for each in hardwares],
        "chip": mark_of_arrays(*cells, *periphery),
        "seed": seed.generate_state(4).tolist(),
        **law_mark(),
    }
    fields = {name: repr(value) for name, value in vars(run.settings).items()}
    as_read_back: dict[str, Any] = json.loads(json.dumps(found | fields))
    return as_read_back


def _result(run: Run, given: WritePulses | None) -> Learned:
    import pandas as pd  # imported here because it takes half a second

    rows = []
    duration, parallel = 0.0, float("nan")
    rule = run.settings.rule
    for name, pulsed in run.all_arrays().items():
        device = pulsed.tiles.hardware.device
        pulses = write_pulses_of(device) if given is None else given
        rows.append(array_row(name, pulsed, pulses, why_energy_is_unknown(pulses)))
        up, down = float("nan"), float("nan")
        if pulses is not None:
            up, down = pulses.width_up, pulses.width_down
        duration += sum(s.counts.up * up + s.counts.down * down for s in pulsed.sides)
        if name == "0.main" and isinstance(rule, Coincidences):
            parallel = run.done * rule.length * (up + down) * len(run.network.layers)
    return Learned(
        rows=pd.DataFrame(run.history),
        arrays=pd.DataFrame(rows),
        left_out=int((~run.lively).sum()),
        time=duration,
        time_in_parallel=parallel,
    )
