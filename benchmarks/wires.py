"""Times and memory to solve an array with resistive wires, compared with a sparse LU."""

import gc
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import SuperLU, splu

from benchmarks.networks import resident_kib
from benchmarks.timing import medians, threads
from crossbar import Wires
from devices.validation import Floats

WIRES = Wires(1.0, 1.0)
SIZES = (64, 128, 256, 512, 1024, 2048)
VECTORS = 16
BESIDE_LU = 512  # largest array that the LU is measured on
ONCE = 512  # arrays of this size or more are timed once, because the LU takes over ten seconds


def random_array(n: int) -> tuple[Floats, Floats]:
    """Return n × n cells of 10 kΩ to 1 MΩ [S], and inputs (16, n) within ± 1 V."""
    rng = np.random.default_rng(0)
    return 1 / rng.uniform(1e4, 1e6, (n, n)), rng.uniform(-1, 1, (VECTORS, n))


def nodal_matrix(g: Floats, wires: Wires) -> csc_array:
    """Return the conductances [S] between all 2 m n nodes, word lines first."""
    m, n = g.shape
    nodes = np.arange(2 * m * n).reshape(2, m, n)
    pairs = [
        (nodes[0, :, :-1], nodes[0, :, 1:], 1 / wires.r_row),
        (nodes[1, :-1], nodes[1, 1:], 1 / wires.r_col),
        (nodes[0], nodes[1], g),
    ]
    a, b = (np.concatenate([p[k].ravel() for p in pairs]) for k in (0, 1))
    c = np.concatenate([np.broadcast_to(p[2], p[0].shape).ravel() for p in pairs])
    ends = np.concatenate([nodes[0, :, 0], nodes[1, -1]])
    to_ground = np.repeat(
        [1 / (wires.r_source + wires.r_row), 1 / (wires.r_col + wires.r_sense)], [m, n]
    )
    rows, columns = np.concatenate([a, b, a, b, ends]), np.concatenate([a, b, b, a, ends])
    return csc_array((np.concatenate([c, c, -c, -c, to_ground]), (rows, columns)))


def factor(g: Floats) -> SuperLU:
    """Return the sparse LU of an array.

    Ordering and mode are those for symmetric matrices, the fastest ones of SuperLU here.
    """
    symmetric = {"SymmetricMode": True, "DiagPivotThresh": 0.0}
    return splu(nodal_matrix(g, WIRES), permc_spec="MMD_AT_PLUS_A", options=symmetric)


def solve_by_lu(lu: SuperLU, g: Floats, v: Floats) -> Floats:
    """Return the currents (…, n) [A] of factorized arrays."""
    m, n = g.shape
    into = np.zeros((2 * m * n, len(v)))
    into[np.arange(m) * n] = v.T / (WIRES.r_source + WIRES.r_row)
    return lu.solve(into)[-n:].T / (WIRES.r_col + WIRES.r_sense)


def seconds(work: Callable[[], object]) -> float:
    """Return the time [s] of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def times(n: int) -> dict[str, float]:
    """Return the times [s] of one and of 16 vectors, and of factorizing and solving by LU."""
    g, v = random_array(n)
    work: dict[str, Callable[[], object]] = {
        "one": lambda: WIRES.currents(g, v[0]),
        "many": lambda: WIRES.currents(g, v),
    }
    if n > BESIDE_LU:
        return {name: seconds(call) for name, call in work.items()}
    start = time.perf_counter()
    lu = factor(g)
    first = time.perf_counter() - start
    np.testing.assert_allclose(
        WIRES.currents(g, v), solve_by_lu(lu, g, v), rtol=0, atol=1e-9 * np.abs(v @ g).max()
    )
    beside: dict[str, Callable[[], object]] = {
        "solve": lambda: solve_by_lu(lu, g, v[:1]),
        "solve many": lambda: solve_by_lu(lu, g, v),
    }
    if n >= ONCE:
        return medians(work | beside, runs=1) | {"factor": first}
    return medians(work | beside | {"factor": lambda: factor(g)}, runs=3)


def row(n: int) -> str:
    """Return the row of an n × n array."""
    t = times(n)
    ours = f"| {n}² | {t['one'] * 1e3:.3g} | {t['many'] * 1e3:.3g} "
    if "factor" not in t:
        return ours + "| | | | | |"
    once = t["factor"] + t["solve"]
    reused = t["factor"] + t["solve many"]
    return (
        f"{ours}| {t['factor'] * 1e3:,.0f} | {t['solve'] * 1e3:.3g} "
        f"| {once / t['one']:,.0f} | {reused / t['many']:,.0f} "
        f"| {t['solve many'] / t['many']:.2f} |"
    )


def table() -> list[str]:
    """Return the rows of the table of wires, and a line on effective conductance and memory.

    Cells have 10 kΩ to 1 MΩ, wires 1 Ω per segment; one thread.
    """
    with threads(1):
        rows = [row(n) for n in SIZES]
        g, _ = random_array(128)
        effective = medians({"matrix": lambda: WIRES.effective_conductance(g)}, runs=3)["matrix"]
    code = "from benchmarks.wires import measure_memory; print(measure_memory(1024))"
    memory = float(
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
    )
    return [
        "| array | 1 vector [ms] | 16 vectors [ms] | LU: factor [ms] | LU: solve 1 [ms] "
        "| LU/ours, 1 vector | LU/ours, 16 | LU factors reused / ours, 16 |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Effective conductance of 128²: {effective * 1e3:.0f} ms. "
        f"Peak memory of one vector on 1024², beyond the cells: {memory:.0f} bytes per cell.",
    ]


def measure_memory(n: int) -> float:
    """Return how far the resident size rises during one solve of n × n cells [bytes per cell].

    Linux only.
    """
    g, v = random_array(n)
    with threads(1):
        WIRES.currents(g[:8, :8], v[0, :8])
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # resets the recorded peak
        before = resident_kib("VmRSS")
        WIRES.currents(g, v[0])
    return (resident_kib("VmHWM") - before) * 1024 / n**2
