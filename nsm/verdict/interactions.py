"""Two axes at once: the error on a small grid, to see whether two non-idealities add up."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from crossbar import Hardware
from devices.seeding import RNG
from devices.validation import instance, integer
from nsm.progress import progress_bar
from nsm.sweeps.tasks import grid
from nsm.verdict.axes import AXES, chosen_axes
from nsm.verdict.axis import Axis, Context, DoesNotAct
from nsm.verdict.bench import Bench
from nsm.verdict.measurements import Measurement, Measurements
from nsm.verdict.result import Tolerances
from nsm.verdict.setting import Setting
from nsm.verdict.tolerances import Networks, Reads, bench_of

#: Ratio of neighboring values from which those of a map are chosen.
_STEP = 1.4


def _error(bench: Bench, network: str, names: Sequence[str], values: Sequence[float]) -> int:
    """Return the wrong images of a network at one point of a map, over all blocks."""
    facts = bench.facts(network)
    context = Context(given=bench.given, facts=facts, step=_STEP)
    setting: Setting = bench.given
    for name, value in zip(names, values, strict=True):
        setting = AXES[name](context).apply(setting, value)
    return sum(bench.errors(network, setting, block) for block in range(bench.blocks))


def _spread(axis: Axis, around: float, points: int) -> list[float]:
    """Return values of an axis from the given one past a tolerated one."""
    ladder = axis.outward
    at = min(range(len(ladder)), key=lambda i: abs(axis.ratio(ladder[i]) - axis.ratio(around)))
    last = min(len(ladder) - 1, max(points - 1, at + max(2, at // 2)))
    rungs = np.unique(np.linspace(0, last, points).round().astype(int))
    return [ladder[int(i)] for i in rungs]


def _two(found: Tolerances) -> tuple[str, str]:
    """Return the two axes with the smallest ratios that can be combined.

    Gains are left out where another axis is left: their four rows act on one quantity.
    """
    names = [name for name in found.worst if not name.startswith("gain")]
    names += [name for name in found.worst if name not in names]
    if len(names) < 2:
        raise ValueError(
            f"the tolerances have {len(names)} axes with a result; a map needs two: give axes="
        )
    return names[0], names[1]


def tolerance_map(
    model: Networks,
    hardware: Hardware | Mapping[str, Hardware | None],
    x: Any,
    y: ArrayLike,
    *,
    axes: Sequence[str] | Mapping[str, Sequence[float]] | None = None,
    found: Tolerances | None = None,
    points: int = 4,
    samples: int = 20,
    blocks: int = 4,
    rng: RNG = 0,
    sampling: str = "exact",
    calibrate: Any = None,
    workers: int = 1,
    progress: bool = True,
) -> pd.DataFrame:
    """Return the error on a grid of two axes; `nsm.plots.plot_tolerance_map` draws it.

    Axes interact where the error with both is larger than the two losses together. Arguments that
    are not listed are those of `tolerances`.

    Args:
        model: One network, or several by name.
        hardware: The given hardware.
        x: Images.
        y: Labels.
        axes: Two names of axes, whose values go from the given one past the tolerated one; or
            two names with their values. None: the two worst of `found`.
        found: The result of `tolerances`; None to give axes.
        points: Values of each axis, where they are not given.

    Returns:
        Columns network, the two axes, errors, images, error (a share), loss (the error minus that
        with the first value of both axes); `attrs` holds the units of the axes.

    Raises:
        ValueError: There are not two axes, or one does not act on each network on this hardware.
        ChildProcessError: A worker process died three times at one point.
    """
    if axes is None and found is None:
        raise ValueError("a map needs two axes; give axes=, or found=, the result of tolerances")
    integer("points", points, at_least=2)
    integer("workers", workers, at_least=1)
    if found is not None:
        instance("found", found, Tolerances, advice="give the result of nsm.tolerances")
    chosen = axes if axes is not None else _two(found)  # type: ignore[arg-type]
    names = chosen_axes(list(chosen) if isinstance(chosen, Mapping) else chosen)
    if len(names) != 2:
        raise ValueError(f"axes = {list(names)!r}; a map needs two of them")
    networks = dict(model) if isinstance(model, Mapping) else {"network": model}
    reads: Reads = {"samples": samples, "blocks": blocks, "sampling": sampling}
    bench = bench_of(grid(networks, hardware, {}), x, y, **reads, calibrate=calibrate, rng=rng)
    given = dict(chosen) if isinstance(chosen, Mapping) else {}
    return _measured(bench, names, given, found, points, workers, progress)


def _measured(
    bench: Bench,
    names: Sequence[str],
    given: Mapping[str, Sequence[float]],
    found: Tolerances | None,
    points: int,
    workers: int,
    progress: bool,
) -> pd.DataFrame:
    """Return the rows of a map; arguments as for `tolerance_map`."""
    axes = {name: _axis(bench, name) for name in names}
    values = [list(given.get(n) or _values(axis, n, found, points)) for n, axis in axes.items()]
    grid_of = [(n, (a, b)) for n in bench.trainings for a in values[0] for b in values[1]]
    work = [
        Measurement(
            name=f"network {network!r}, {names[0]} = {at[0]:g}, {names[1]} = {at[1]:g}",
            function=_error,
            arguments=(network, names, at),
        )
        for network, at in grid_of
    ]
    labels = bench.blocks * bench.y[: bench.size].size
    wrong: dict[int, int] = {}
    with Measurements(bench, workers) as runner, progress_bar(enabled=progress) as bar:
        item = bar.add_task("map of two axes", total=len(work), note=" × ".join(names))
        for place, errors in runner.results(work):
            wrong[place] = errors
            bar.update(item, advance=1)
    rows = pd.DataFrame(
        {
            "network": [network for network, _ in grid_of],
            names[0]: [at[0] for _, at in grid_of],
            names[1]: [at[1] for _, at in grid_of],
            "errors": [wrong[k] for k in range(len(work))],
            "images": labels,
        }
    )
    rows["error"] = rows["errors"] / labels
    rows["loss"] = rows["error"] - rows.groupby("network")["error"].transform("first")
    rows.attrs["units"] = {name: axis.unit for name, axis in axes.items()}
    return rows


def _axis(bench: Bench, name: str) -> Axis:
    """Return an axis, which must act on every network."""
    found: list[Axis] = []
    for network in bench.trainings:
        context = Context(given=bench.given, facts=bench.facts(network), step=_STEP)
        try:
            found.append(AXES[name](context))
        except DoesNotAct as why:
            raise ValueError(
                f"axis {name!r} of the map does not act on {network}: {why}; leave this network "
                "out, or choose another axis"
            ) from None
    return found[0]


def _values(axis: Axis, name: str, found: Tolerances | None, points: int) -> list[float]:
    """Return the values of an axis of a map, see `_spread`."""
    around = axis.outward[len(axis.outward) // 2]
    if found is not None:
        of_axis = found.table[(found.table["axis"] == name) & found.table["ratio"].notna()]
        if len(of_axis):
            around = float(of_axis["tolerated"].iloc[0])
    return _spread(axis, around, points)
