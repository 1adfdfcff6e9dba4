"""Exact passes of the shipped MNIST networks beside those of another checkout, in turns.

`git worktree add ../before COMMIT; python -m benchmarks.beside ../before` prints the passes per
second of both, on one thread, and their ratio. A round starts a fresh process for each checkout,
so that a busy machine slows both equally.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
NETWORKS = ("mnist_mlp", "mnist_conv")
_MEASURE = """
import time
import numpy as np, crossbar, devices, nsm
from crossbar.threads import threads
device = devices.Device(g_min=1e-8, g_max=1e-6, levels=32)
hardware = crossbar.Hardware(device=device, gate=devices.BlankOut(0.5))
x = np.random.default_rng(0).random((50, 784))
chip = nsm.map_to_crossbar(nsm.load("{name}"), hardware, rng=0)
with threads(1):
    chip.sample(x, 2, rng=0)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        chip.sample(x, 10, rng=0)
        times.append(time.perf_counter() - start)
print(500 / min(times))
"""


def passes_per_second(checkout: Path, network: str) -> float:
    """Return the exact passes per second [1/s] of a shipped network, by the code of a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE.format(name=network)],
        check=True,
        capture_output=True,
        text=True,
        cwd=checkout,
        env=environment,
    )
    return float(done.stdout)


def main() -> None:
    """Print the rates of both checkouts and their ratio, a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path, help="a checkout of the commit to compare with")
    parser.add_argument("--rounds", type=int, default=5, help="processes for each, default 5")
    options = parser.parse_args()
    for network in NETWORKS:
        rates: dict[str, list[float]] = {"before": [], "now": []}
        for _ in range(options.rounds):
            rates["before"].append(passes_per_second(options.before.resolve(), network))
            rates["now"].append(passes_per_second(HERE, network))
        before, now = (statistics.median(rates[which]) for which in ("before", "now"))
        print(f"{network}: {before:,.0f} passes/s before, {now:,.0f} now, ratio {now / before:.2f}")


if __name__ == "__main__":
    main()
