"""Times to program cells, to advance telegraph traps by one read, and to fit telegraph noise."""

import numpy as np

from benchmarks.timing import medians, threads
from devices import StateDependentError, TelegraphNoise, fit_telegraph
from devices.fitting.telegraph.chains import FreeLevels
from devices.fitting.telegraph.em import Reads
from devices.read_noise._trap_kernels import refresh_dense, refresh_sparse

CELLS = 10**7
TRAPS = 10**6
REFRESHED = 0.01  # probability that a trap is drawn anew in one step
READS = 100_000
TRACES = 30
PERIOD = 1 / 400
# Levels 1 and 0, ln σ and ln odds of a capture and an emission.
CHAIN = np.array([1.0, 0.0, np.log(0.5), -4.8, -4.4])


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


def fitting_table() -> list[str]:
    """Return the rows of the table of telegraph fits, one thread."""
    rng = np.random.default_rng(0)
    traces = [_trace(rng) for _ in range(TRACES)]
    y = (traces[0] - 0.99e-4) / 1e-6
    reads = Reads(y)

    def fit_all() -> None:
        for trace in traces:
            fit_telegraph(trace, PERIOD)

    with threads(1):
        fit_telegraph(traces[0], PERIOD)  # compiles
        passes = medians(
            {
                "plain numpy": lambda: _plain_pass(y),
                "compiled": lambda: reads.expected(FreeLevels(2), CHAIN),
            },
            runs=3,
        )
        whole = medians({"fit": fit_all}, runs=1)["fit"]
    plain = passes["plain numpy"]
    return [
        f"| telegraph noise, {READS:,} reads, one thread | time | of one plain pass |",
        "|---|---|---|",
        f"| forward-backward pass of two levels, plain numpy | {plain:.2f} s | 1.00 |",
        f"| the same, compiled | {passes['compiled'] * 1e3:.1f} ms "
        f"| {passes['compiled'] / plain:.4f} |",
        f"| fit of {TRACES} cells, one to four levels | {whole:.1f} s | {whole / plain:.1f} |",
    ]


def _trace(rng: np.random.Generator) -> np.ndarray:
    """Return the reads [S] of a cell with a trap and white noise."""
    cell = np.array(1e-4)
    noise = TelegraphNoise(0.01, *rng.uniform(0.05, 1, 2))
    xi, _ = noise.sample(cell, noise.init(cell, rng=rng), READS, rng=rng, period=PERIOD)
    return 1e-4 * xi + 5e-7 * rng.standard_normal(READS)


def _plain_pass(y: np.ndarray) -> np.ndarray:
    """Return the expected reads in both levels, by one forward-backward pass in plain numpy."""
    levels, sigma, p = FreeLevels(2).unpack(CHAIN)
    emission = np.exp(-(((y[:, None] - levels) / sigma) ** 2) / 2)
    alpha = np.empty((len(y), 2))
    scale = np.empty(len(y))
    before = np.full(2, 0.5)
    for t in range(len(y)):
        now = before * emission[t]
        scale[t] = now.sum()
        alpha[t] = now / scale[t]
        before = alpha[t] @ p
    beta = np.ones(2)
    total = alpha[-1].copy()
    for t in range(len(y) - 1, 0, -1):
        beta = p @ (emission[t] * beta) / scale[t]
        total += alpha[t - 1] * beta
    return total
