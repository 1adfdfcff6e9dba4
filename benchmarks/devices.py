"""Times to program an array of cells and to advance telegraph traps by one read."""

import numpy as np

from benchmarks.timing import medians, threads
from devices import StateDependentError
from devices.read_noise._trap_kernels import refresh_dense, refresh_sparse

CELLS = 10**7
TRAPS = 10**6
REFRESHED = 0.01  # probability that a trap is drawn anew in one step


def table() -> list[str]:
    """Return the rows of the table of device times, one thread."""
    rng = np.random.default_rng(0)
    write = StateDependentError(coefficients=(1e-7, 0.02))
    target = rng.uniform(1e-6, 1e-5, CELLS)
    captured = rng.random(TRAPS) < 0.5
    with threads(1):
        programmed = medians({"program": lambda: write.program(target, rng=rng)}, runs=3)
        options = (captured, 0.5, REFRESHED)
        step = medians(
            {
                "every trap": lambda: refresh_dense(*options, random=rng),
                "refreshed traps only": lambda: refresh_sparse(*options, random=rng),
            }
        )
    slowest = max(step.values())
    return [
        "| devices, one thread | time | ratio |",
        "|---|---|---|",
        f"| programming 10⁷ cells, state-dependent error | {programmed['program']:.2f} s | |",
        *(
            f"| one telegraph step of 10⁶ cells, {REFRESHED:.0%} refreshed, {name} "
            f"| {t * 1e3:.2f} ms | {slowest / t:.1f} |"
            for name, t in step.items()
        ),
    ]
