"""Seconds that a fresh interpreter takes to import the packages and to answer a command."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

_ROUNDS = 5
_NSM = ("-c", "from nsm.cli.main import main; main()")

#: What is measured, and the arguments of the interpreter; the first is the reference.
_CANDIDATES = {
    "`import torch`": ("-c", "import torch"),
    "`import nsm`": ("-c", "import nsm"),
    "`import nsm`, `nsm.NSMLinear`": ("-c", "import nsm; nsm.NSMLinear"),
    "`import crossbar`": ("-c", "import crossbar"),
    "`nsm --help`": (*_NSM, "--help"),
    "`nsm map` of a network that does not exist": (*_NSM, "map", "nowhere"),
    "`nsm map` on a device that does not exist": (*_NSM, "map", "mnist_mlp", "--device", "fefet"),
}


def _seconds(arguments: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    return time.perf_counter() - start


def table() -> list[str]:
    """Return the rows of the table of start-up times: medians over rounds of all candidates."""
    for arguments in _CANDIDATES.values():
        _seconds(arguments)  # fills the caches of files and byte code
    times: dict[str, list[float]] = {name: [] for name in _CANDIDATES}
    for _ in range(_ROUNDS):
        for name, arguments in _CANDIDATES.items():
            times[name].append(_seconds(arguments))
    medians = {name: statistics.median(t) for name, t in times.items()}
    reference = next(iter(medians.values()))
    return [
        "| start of a fresh interpreter | time | ratio to torch |",
        "|---|---|---|",
        *(f"| {name} | {t:.2f} s | {t / reference:.2f} |" for name, t in medians.items()),
    ]
