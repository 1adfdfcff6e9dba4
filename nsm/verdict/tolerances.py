"""`nsm.tolerances`: how much of each non-ideality networks tolerate on a hardware."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike, NDArray
from torch import nn

from crossbar import Hardware
from devices.arguments import listed
from devices.seeding import RNG, seed_sequence
from devices.user_warnings import warn_user
from devices.validation import array, integer, shortened
from nsm.chips.hardware_table import as_table
from nsm.progress import progress_bar
from nsm.sweeps.calibration import Calibration, checked_options
from nsm.sweeps.data import Images, all_images, check_settings, checked_data, some_of
from nsm.sweeps.tasks import Task, grid
from nsm.verdict.axes import AXES, SLOWEST, chosen_axes
from nsm.verdict.bench import Bench
from nsm.verdict.measurements import Measurement, Measurements
from nsm.verdict.result import Tolerances
from nsm.verdict.search import (
    WORKS,
    Base,
    Found,
    Rule,
    decision_of,
    measure_base,
    search_axis,
)
from nsm.verdict.setting import Setting

#: Images of the test on which open ranges of converters are set, unless others are given.
CALIBRATED_ON = 200
#: Smallest block of images.
SMALLEST_BLOCK = 5

#: How a bench reads: samples, blocks, sampling.
Reads = dict[str, Any]

Networks = nn.Module | Mapping[str, nn.Module | Mapping[int, nn.Module]]


def bench_of(
    tasks: Sequence[Task],
    x: Any,
    y: ArrayLike,
    *,
    samples: int,
    blocks: int,
    sampling: str,
    calibrate: Any,
    rng: RNG,
) -> Bench:
    """Return the networks, images and settings of a search, checked.

    Args:
        tasks: One for each network and training, of `grid` without axes.
        x: As for `tolerances`; so are the others.
        y: Labels.
        samples: Noisy passes per image.
        blocks: Blocks of images.
        sampling: "exact" or "moments".
        calibrate: Images for open ranges of converters; None for the first of x.
        rng: Seed, Generator or None.

    Raises:
        ValueError: As `tolerances`.
    """
    check_settings(chips=1, samples=samples, sampling=sampling)
    integer("blocks", blocks, at_least=4)
    hardware = tasks[0].hardware
    parts = [part for part in as_table(hardware).values() if part is not None]
    needs = any(part.has_open_inputs for part in parts)
    sliced = all_images("x", x)
    few = some_of(sliced, slice(CALIBRATED_ON)) if calibrate is None else calibrate
    images, labels, _, plans = checked_data(tasks, x, y, few if needs else None)
    if len(labels) < SMALLEST_BLOCK * blocks:
        raise ValueError(
            f"{len(labels)} images are too few for {blocks} blocks; give at least "
            f"{SMALLEST_BLOCK * blocks}, or fewer blocks"
        )
    trainings: dict[str, tuple[nn.Module, ...]] = {}
    for task in tasks:
        trainings[task.network] = (*trainings.get(task.network, ()), task.model)
    return Bench(
        trainings=trainings,
        given=Setting(hardware=hardware),
        x=images,
        y=labels,
        calibration=Calibration(_as(images, few), checked_options({})),
        blocks=blocks,
        samples=samples,
        sampling=sampling,
        seed=seed_sequence(rng),
        plans=plans,
    )


def _as(images: Images, few: Any) -> Images:
    """Return images of a calibration in the precision and the shape of the test images."""
    if isinstance(images, tuple):
        parts = listed("calibrate", few, "a tuple of images, one for each input")
        if len(parts) != len(images):
            raise ValueError(f"calibrate has {len(parts)} inputs; give {len(images)}")
        return tuple(_alike(like, part) for like, part in zip(images, parts, strict=True))
    return _alike(images, few)


def _alike(images: NDArray[Any], few: Any) -> NDArray[Any]:
    shape = (None, *images.shape[1:])
    found = array("calibrate", few, shape=shape, truth_values=True)
    if not len(found):
        raise ValueError("calibrate holds no images; give at least one")
    return found.astype(images.dtype)


def tolerances(
    model: Networks,
    hardware: Hardware | Mapping[str, Hardware | None],
    x: Any,
    y: ArrayLike,
    *,
    loss: float = 0.01,
    confidence: float = 0.95,
    samples: int = 20,
    blocks: int = 10,
    axes: Sequence[str] | None = None,
    step: float = 1.6,
    rng: RNG = 0,
    sampling: str = "exact",
    calibrate: Any = None,
    workers: int = 1,
    progress: bool = True,
    on_result: Callable[[Base | Found], None] | None = None,
) -> Tolerances:
    """Return the largest value of each non-ideality with less than `loss` of loss.

    The loss is counted against the given hardware on the same images and chips; where one axis
    of it costs at least `loss`, against the same hardware with the ideal value of this axis (its
    ratio is then below 1). Images are shuffled once and cut into blocks, each read on a chip of its
    own, by the trainings in turn, until a loss is decided for images and chips together
    (`nsm.verdict.decision`) or the blocks are exhausted: then it is "not resolved". A ladder of
    values is bisected. All is drawn from `rng`, whatever the workers.

    Args:
        model: One network, or several by name; each may be several trainings by their seeds.
        hardware: The given hardware, one for all layers or a table by layer.
        x, y: Images and labels, as for `nsm.collect`.
        loss: Largest tolerated loss, as a share of the images.
        confidence: Confidence of each decision.
        samples: Noisy passes per image.
        blocks: Number of blocks of images, at least 4.
        axes: Names of axes in `nsm.verdict.axes.AXES`; None for all of them.
        step: Largest ratio of neighboring values on logarithmic axes; its square for wires.
        rng: Seed, Generator or None.
        sampling: "exact" draws every gate and cell, "moments" one normal per output.
        calibrate: Images on which open ranges of converters are set; None for the first of x.
        workers: Processes of `nsm.sweeps.worker_pool`; 1 for this one.
        progress: Whether to show a progress bar.
        on_result: Called with each `Base` and `Found` when it is measured.

    Raises:
        ValueError: An argument is wrong, or the hardware is refused.
        ChildProcessError: A worker process died three times at one measurement.
    """
    rule = Rule.checked(loss, confidence, step)
    names = chosen_axes(axes)
    integer("workers", workers, at_least=1)
    networks = dict(model) if isinstance(model, Mapping) else {"network": model}
    reads: Reads = {"samples": samples, "blocks": blocks, "sampling": sampling}
    bench = bench_of(grid(networks, hardware, {}), x, y, **reads, calibrate=calibrate, rng=rng)
    bases, found = _measured(bench, rule, names, axes is not None, workers, progress, on_result)
    size, seed = blocks * bench.size, str(bench.seed.entropy)
    settings = {**reads, **asdict(rule), "images": size, "seed": seed}
    parts = (_table(found), _base_errors(bench, rule, bases), settings)
    return Tolerances(*parts, bench.given.hardware, networks)


def _warn_of_memory(bench: Bench) -> None:
    """Warn once, and not with every chip, that moments forget the memory of a noise."""
    if bench.sampling == "moments" and any(part.has_memory for part in bench.given.parts):
        warn_user(
            'sampling="moments" takes the reads of this hardware for independent, but its noise '
            "has a memory: means over samples come out better than on the chip"
        )


def _measured(
    bench: Bench,
    rule: Rule,
    names: Sequence[str],
    named: bool,
    workers: int,
    progress: bool,
    on_result: Callable[[Base | Found], None] | None,
) -> tuple[list[Base], list[Found]]:
    """Return the errors of the given hardware, and the results of all axes."""
    _warn_of_memory(bench)
    tell = (lambda _: None) if on_result is None else on_result
    if not callable(tell):
        raise ValueError(
            f"on_result = {shortened(on_result)} cannot be called; give a function, or None"
        )
    total = len(bench.trainings) * (bench.blocks + len(names))
    with Measurements(bench, workers) as runner, progress_bar(enabled=progress) as bar:
        item = bar.add_task("tolerances", total=total, note="the given hardware")

        def step_on(note: str) -> None:
            bar.update(item, advance=1, note=note)

        bases = _bases(bench, runner, tell, step_on)
        return bases, _all_axes(rule, bases, names, named, runner, tell, step_on)


def _bases(
    bench: Bench,
    runner: Measurements,
    tell: Callable[[Base], None],
    step_on: Callable[[str], None],
) -> list[Base]:
    """Return the errors of every network on the given hardware."""
    found = []
    for network in bench.trainings:
        work = [
            Measurement(
                name=f"network {network!r}, the given hardware",
                function=measure_base,
                arguments=(network, block),
            )
            for block in range(bench.blocks)
        ]
        measured: dict[int, tuple[int, int, int | str | None]] = {}
        for number_, result in runner.results(work):
            measured[number_] = result
            wrong = sum(given for _, given, _ in measured.values())
            labels = len(measured) * bench.y[: bench.size].size
            step_on(f"{network}: {wrong} of {labels} wrong on this hardware")
        software, given, gate = zip(*(measured[k] for k in sorted(measured)), strict=True)
        refused = next((g for g in gate if isinstance(g, str)), "")
        counts = tuple(g for g in gate if isinstance(g, int))
        base = Base(
            network=network,
            software=software,
            given=given,
            without_gate=counts if len(counts) == len(gate) else None,
            refused=refused,
        )
        tell(base)
        found.append(base)
    return found


def _all_axes(
    rule: Rule,
    bases: Sequence[Base],
    names: Sequence[str],
    named: bool,
    runner: Measurements,
    tell: Callable[[Found], None],
    step_on: Callable[[str], None],
) -> list[Found]:
    """Return the result of every axis and network, in an order that no worker changes."""
    # With several workers the slowest axis is begun first, or it would run alone at the end.
    in_turn = sorted(names, key=lambda name: name != SLOWEST) if runner.workers > 1 else names
    order = [(name, base) for name in in_turn for base in bases]
    work = [
        Measurement(
            name=f"network {base.network!r}, axis {name!r}",
            function=search_axis,
            arguments=(rule, base, name, named),
        )
        for name, base in order
    ]
    found: dict[int, Found] = {}
    for number_, result in runner.results(work):
        found[number_] = result
        tell(result)
        step_on(f"{result.network}, {result.axis}")
    return [found[k] for k in sorted(found)]


def _table(found: Sequence[Found]) -> pd.DataFrame:
    """Return the rows of all results."""
    rows = pd.DataFrame([asdict(one) for one in found])
    order = {name: place for place, name in enumerate(AXES)}
    return rows.sort_values("axis", key=lambda a: a.map(order), kind="stable", ignore_index=True)


def _base_errors(bench: Bench, rule: Rule, bases: Sequence[Base]) -> pd.DataFrame:
    """Return the errors of every network, and whether the given hardware works."""
    labels = bench.blocks * bench.y[: bench.size].size
    classes = max(2, int(bench.y.max()) + 1)
    rows = []
    for base in bases:
        decision, _ = decision_of(base.given.__getitem__, base.software.__getitem__, bench, rule)
        gate = base.without_gate
        rows.append(
            {
                "network": base.network,
                "software": sum(base.software) / labels,
                "given": sum(base.given) / labels,
                "without_gate": float("nan") if gate is None else sum(gate) / labels,
                "refused": base.refused,
                "images": labels,
                "guessing": 1 - 1 / classes,
                "works": WORKS[decision],
            }
        )
    return pd.DataFrame(rows)
