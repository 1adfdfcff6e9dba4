"""`nsm.learn`: a chip learns from images, without weights in software."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from crossbar.reads.sampling import check_sampling
from devices import WritePulses
from devices.seeding import RNG, child, seed_sequence
from devices.validation import array, choice, integer, number
from devices.write_pulses import write_pulses_of
from nsm.chips.chip import MappedNetwork
from nsm.learning.checkpoint import load_state, save_state
from nsm.learning.gradient import Gradient
from nsm.learning.network import PATHS, LearningNetwork
from nsm.learning.result import Learned, array_row, why_energy_is_unknown
from nsm.learning.rules import Coincidences, LearningRule, MixedPrecision, TikiTaka
from nsm.learning.run import Run, Stream
from nsm.nn.inference import check_labels
from nsm.progress import progress_bar

PERIPHERIES = ("learned", "frozen")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a chip learns; `learn` lists the fields.

    Raises:
        ValueError: A value is not allowed, or has no effect with the rule.
    """

    epochs: float
    rule: LearningRule
    batch: int
    gradient: Gradient
    pair: str
    periphery: str
    periphery_lr: float
    path: str
    rewrite_every: int
    leave_out: float | None
    refresh_every: int
    refresh_above: float
    measure_every: int | None
    validation_samples: int
    sampling: str

    def __post_init__(self) -> None:
        number("epochs", self.epochs, above=0)
        for name in ("batch", "rewrite_every", "validation_samples"):
            integer(name, getattr(self, name), at_least=1)
        integer("refresh_every", self.refresh_every, at_least=0)
        number("refresh_above", self.refresh_above, above=0, below=1)
        number("periphery_lr", self.periphery_lr, at_least=0)
        choice("periphery", self.periphery, PERIPHERIES)
        choice("path", self.path, PATHS)
        check_sampling(self.sampling)
        if self.leave_out is not None:
            number("leave_out", self.leave_out, at_least=0, below=1)
        if self.measure_every is not None:
            integer("measure_every", self.measure_every, at_least=1)
        if not isinstance(self.rule, LearningRule):
            raise ValueError(
                f"rule = {self.rule!r} is no learning rule; give MixedPrecision(), Coincidences(), "
                "TikiTaka() or Rounding() of nsm.learning"
            )
        if self.gradient.radial and not isinstance(self.rule, MixedPrecision):
            raise ValueError(
                f"Gradient.radial = True has no effect with {self.rule!r}, which never adds up "
                "gradients digitally; choose MixedPrecision, or radial = False"
            )


def learn(
    chip: MappedNetwork,
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: float,
    rng: RNG,
    rule: LearningRule | None = None,
    batch: int = 1,
    gradient: Gradient | None = None,
    pair: str = "both",
    periphery: str = "learned",
    periphery_lr: float = 0.01,
    path: str = "pulsed",
    rewrite_every: int = 1000,
    leave_out: float | None = None,
    refresh_every: int = 0,
    refresh_above: float = 0.8,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    validation_samples: int = 10,
    sampling: str = "moments",
    measure_every: int | None = None,
    pulses: WritePulses | None = None,
    checkpoint: str | Path | None = None,
    progress: bool = True,
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
        rule: `MixedPrecision` (default), `Coincidences`, `TikiTaka` or `Rounding`.
        batch: Samples whose gradient is averaged for one change of the weights; default 1.
        gradient: Which gradient is computed; None for `Gradient()`.
        pair: "both" (default) or "up", see `crossbar.arrays.pulsed.PulsedArray`.
        periphery: Whether β_i (that is, a_i) and reference currents of biases are "learned"
            (default) digitally, or stay "frozen". Bias word lines are cells and learn as weights.
        periphery_lr: Learning rate of the periphery, default 0.01; it falls as that of the rule.
        path: The deterministic path is "pulsed" (default) with the main array, or "rewritten"
            from it, by programming, every `rewrite_every` samples. An ideal path follows exactly.
        rewrite_every: Samples between two rewritings; default 1000.
        leave_out: Input lines that differ from their most frequent value in at most this share of
            the images are read, but get no pulses; None (default) leaves out none.
        refresh_every: Samples between two refreshes of full pairs; 0 (default) for none.
        refresh_above: A pair is full where both cells are above this fraction of their range.
        validation: Images and labels on which the chip's error is measured.
        validation_samples: Noisy passes for this error; default 10.
        sampling: How these are drawn, "moments" (default, as the reads of learning) or "exact".
        measure_every: Samples between two measurements and checkpoints; None for every epoch.
        pulses: Voltages and widths of the pulses, for energy and time; None for those of the
            preset from which the device comes.
        checkpoint: File that is written at every measurement, and from which a killed run resumes.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Naming what cannot learn, an option, bad data, or a checkpoint of another run.
    """
    chosen = MixedPrecision() if rule is None else rule
    settings = Settings(
        epochs=epochs,
        rule=chosen,
        batch=batch,
        gradient=Gradient() if gradient is None else gradient,
        pair=pair,
        periphery=periphery,
        periphery_lr=periphery_lr,
        path=path,
        rewrite_every=rewrite_every,
        leave_out=leave_out,
        refresh_every=refresh_every,
        refresh_above=refresh_above,
        measure_every=measure_every,
        validation_samples=validation_samples,
        sampling=sampling,
    )
    seed = seed_sequence(rng)
    network = LearningNetwork(chip, settings.gradient, pair, child(seed, Stream.PULSES))
    images, labels = _checked(chip, x, y)
    checked = None if validation is None else _checked(chip, *validation)
    run = Run(network, settings, images, labels, seed)
    where = Path(checkpoint) if checkpoint else None
    identity = _identity(chip, settings, images, labels, seed) if where else {}
    if where is not None and where.exists():
        load_state(run, where, identity)
    with threadpool_limits(1):  # the order of sums in BLAS depends on the threads
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


def _learn(
    run: Run, validation: Any, path: Path | None, identity: dict[str, Any], progress: bool
) -> None:
    with progress_bar(enabled=progress) as bar:
        task = bar.add_task("learning", total=run.samples, completed=run.done, note="")
        while run.done < run.samples:
            until = run.next_stop()
            run.learn_until(until, lambda n: bar.advance(task, n))
            row = run.measure(validation)
            if path is not None:
                save_state(run, path, identity)
            told = {k: row[k] for k in ("online_error", "error", "saturated") if k in row}
            bar.update(task, note=" ".join(f"{k} {v:.3g}" for k, v in told.items()))
    run.network.commit()


def _identity(
    chip: MappedNetwork, settings: Settings, images: Any, labels: Any, seed: Any
) -> dict[str, Any]:
    """Return what a checkpoint must share with the run that resumes it."""
    data = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()[:16]
    cells = hashlib.sha256()
    for layer in chip.layers:
        for part in layer.neurons.parts():
            for g in part.array.conductances():
                cells.update(np.ascontiguousarray(g).tobytes())
    fields = {name: repr(value) for name, value in vars(settings).items()}
    found = {"data": data, "chip": cells.hexdigest()[:16], "seed": seed.generate_state(4).tolist()}
    as_read_back: dict[str, Any] = json.loads(json.dumps(found | fields))
    return as_read_back


def _result(run: Run, given: WritePulses | None) -> Learned:
    import pandas as pd  # imported here because it takes half a second

    rows = []
    duration = parallel = 0.0
    rule = run.settings.rule
    for name, pulsed in run.all_arrays().items():
        device = pulsed.tiles.hardware.device
        pulses = write_pulses_of(device) if given is None else given
        rows.append(array_row(name, pulsed, pulses, why_energy_is_unknown(pulses)))
        up, down = float("nan"), float("nan")
        if pulses is not None:
            up, down = pulses.width_up, pulses.width_down
        duration += sum(s.counts.up * up + s.counts.down * down for s in pulsed.sides)
        if name == "0.main" and isinstance(rule, Coincidences | TikiTaka):
            parallel = run.done * rule.length * (up + down) * len(run.network.layers)
    is_parallel = isinstance(rule, Coincidences)
    return Learned(
        rows=pd.DataFrame(run.history),
        arrays=pd.DataFrame(rows),
        left_out=int((~run.lively).sum()),
        time=duration,
        time_in_parallel=parallel if is_parallel else float("nan"),
    )
