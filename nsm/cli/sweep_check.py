"""`nsm sweep --check`, what a sweep will take, and `--schema`, what a sweep file may hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsm.cli.options import console

if TYPE_CHECKING:
    from nsm.sweeps.spec.estimate import Estimate
    from nsm.sweeps.spec.sweep_file import Sweep
    from nsm.sweeps.spec.sweep_inputs import SweepInputs

OnlyCheck = Annotated[
    bool, typer.Option("--check", help="Tell rows, time and size of the results; write nothing.")
]
ShowSchema = Annotated[
    bool, typer.Option("--schema", help="Print the JSON schema of sweep files, for editors.")
]


def show_schema() -> None:
    """Print the JSON schema of sweep files."""
    from nsm.sweeps.spec.schema import schema_text

    typer.echo(schema_text())


def show_check(sweep: Sweep, inputs: SweepInputs, save_to: Path, workers: int) -> None:
    """Print how many rows a sweep has, how long it takes, and how large the results are.

    Args:
        sweep: The sweep file.
        inputs: Its tasks and data.
        save_to: Where the rows will be.
        workers: Processes.
    """
    from nsm.sweeps.spec.estimate import estimate

    with console().status("measuring one point of each network"):
        found = estimate(sweep, inputs)
    for line in _lines(found, sweep, save_to, workers):
        console().print(line, highlight=False, soft_wrap=True)


def _lines(found: Estimate, sweep: Sweep, save_to: Path, workers: int) -> list[str]:
    """Return the lines of the answer."""
    networks = len(found.measured)
    lines = [
        f"points   {found.points} of {networks} network{'s' * (networks > 1)}",
        f"rows     {found.rows}: {sweep.chips} chips of each point, {found.images} images, "
        f"{sweep.samples} samples",
        f"time     {'about' if sweep.until is None else 'at most'} "
        f"{duration(found.seconds / workers)} with {workers} "
        f"process{'es' * (workers > 1)}",
    ]
    for each in found.measured:
        lines.append(
            f"         measured on one chip of the middle point of {each.network}, from "
            f"{each.images} of {found.images} images: {each.per_chip:.2g} s for a chip and "
            f"{1e3 * each.per_image:.2g} ms for an image; scaled to all rows"
        )
    lines += [f"results  about {found.bytes} bytes in {save_to}", "nothing was written"]
    return lines


def duration(seconds: float) -> str:
    """Return a time in seconds, minutes, hours or days.

    >>> duration(0.4), duration(150), duration(9000), duration(4e5)
    ('0.4 s', '2.5 min', '2.5 h', '4.6 days')
    """
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.2g} {unit}"
    return f"{seconds:.2g} s"
