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
from nsm.learning.unchanged import unchanged_if_stopped
from nsm.nn.inference import check_labels
from nsm.progress import progress_bar
from nsm.thread_limits import limited_libraries
from nsm.training.hardware_aware.identity import hardware_identity
from nsm.training.mark import checkpoint_file, mark_of_arrays
from nsm.training.measures import images_and_labels


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

    Each sample draws its noise from `rng` by its number, so that a run that was killed ends bit for
    bit the same, with any number of threads. A call that is stopped, by Ctrl-C or an error, leaves
    the chip as it was, and can be repeated.

    A chip that has aged learns from the conductances of today; drift begins anew afterwards. An
    ideal deterministic path takes the weights of the main array when learning starts.

    Args:
        chip: A mapped perceptron of NSM, sigmoid, sign or ReLU neurons; changed in place.
        x: Images as the chip takes them, (n, inputs).
        y: Class numbers, (n,).
        epochs: Passes over the images; need not be whole.
        rng: Seed, Generator or None; with a checkpoint a seed, by which the run is known.
        validation: Images and labels on which the chip's error is measured.
        pulses: Voltages and widths of the pulses, for energy and time; None for the preset's.
        checkpoint: File that is written at every measurement, and from which a killed run resumes.
        progress: Whether to show a progress bar.
        **settings: `rule`, `batch` and the other fields of `nsm.learning.settings.Settings`.

    Returns:
        What was measured on the way, and the pulses of every array with their energy and time.

    Raises:
        ValueError: Naming what cannot learn, an option, bad data, or a checkpoint of another run.
        FloatingPointError: A sample asks for more than cells or numbers hold.
    """
    _check_kinds(chip, pulses)
    chosen = Settings.of(epochs, settings, has_validation=validation is not None)
    where = checkpoint_file(checkpoint, rng, "learning.safetensors")
    seed = seed_sequence(rng)
    network = LearningNetwork(chip, chosen.gradient, chosen.pair, child(seed, Stream.PULSES))
    images, labels = _checked(chip, x, y)
    checked = None if validation is None else _validation(chip, validation)
    run = Run(network, chosen, images, labels, seed)
    identity = _identity(run, checked, seed) if where else {}
    if where is not None and where.exists():
        load_state(run, where, identity)
    with limited_libraries(1), unchanged_if_stopped(chip):
        _learn(run, checked, where, identity, progress)  # sums in BLAS depend on the threads
    return _result(run, pulses)


def _check_kinds(chip: Any, pulses: Any) -> None:
    """Raise ValueError unless these are a chip, and pulses or None."""
    instance("chip", chip, MappedNetwork, advice="give what nsm.map_to_crossbar returns")
    if pulses is not None:
        instance("pulses", pulses, WritePulses)


def _checked(
    chip: MappedNetwork, x: ArrayLike, y: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return images and labels, or raise ValueError."""
    images = chip.check_images(array("x", x, truth_values=True))
    if not len(images):
        raise ValueError("there are no images to learn from; give at least one")
    labels = check_labels(y, len(images), chip.classes)
    return images, np.asarray(labels, dtype=np.int64)


def _validation(chip: MappedNetwork, given: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return images and labels of the validation, or raise ValueError."""
    images, labels = images_and_labels(given)
    try:
        return _checked(chip, images, labels)
    except ValueError as problem:
        raise ValueError(f"validation: {problem}") from None


def _learn(
    run: Run, validation: Any, path: Path | None, identity: dict[str, Any], progress: bool
) -> None:
    for layer in run.network.chip.layers:
        _ = layer.report  # it tells of the cells as they were mapped
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


def _identity(run: Run, validation: Any, seed: np.random.SeedSequence) -> dict[str, Any]:
    """Return what a checkpoint must share with the run that resumes it, before the first sample.

    The chip is known by its hardware, by how its cells answer pulses and which are stuck, and by
    all that can change in it: cells, factors a_i, thresholds, and the scales and shifts of its
    outputs. The images of validation belong to the run because the rows of their errors do.
    """
    chip = run.network.chip
    hardwares = [layer.neurons.main.hardware for layer in chip.layers]
    parts = (part for layer in chip.layers for part in layer.neurons.parts())
    cells = [g for part in parts for g in part.array.conductances()]
    periphery = [
        values
        for layer in run.network.layers
        for values in (layer.a, layer.threshold, layer.readout.factors, layer.readout.shift)
    ]
    sides = [side for array in run.all_arrays().values() for side in array.sides]
    answers = [values for side in sides for values in (side.cells.cells, side.stuck)]
    found = {
        "data": mark_of_arrays(run.images, run.labels),
        "validation": None if validation is None else mark_of_arrays(*validation),
        "hardware": [hardware_identity(as_table(each)) for each in hardwares],
        "chip": mark_of_arrays(*cells, *answers, *periphery),
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
        left_out=int((~run.changing).sum()),
        time=duration,
        time_in_parallel=parallel,
    )
