"""Read noise that kills or slows the worker which reads it, and a small sweep on such cells.

The classes are in a module of their own, so that workers of any kind can import them.
"""

import os
import signal
import time
from pathlib import Path

import numpy as np
import torch

from crossbar import Hardware
from devices import Device, ReadNoise
from nsm import collect, grid, relu_mlp

SETTINGS = {"chips": 3, "samples": 2, "rng": 5, "progress": False}


class WorkerNoise(ReadNoise):
    """Gaussian noise; each file in a folder kills or slows one reading process.

    Args:
        folder: A file "kill…" in it is removed by the worker that then kills itself, a file
            "stop…" by the one that then sleeps for a second.
        home: Process that is spared.
    """

    def __init__(self, folder, home):
        self.folder = str(folder)
        self.home = home

    def moments(self, g):
        return np.ones(np.shape(g)), np.full(np.shape(g), 0.01)

    def sample(self, g, state, n_reads, *, rng, period):
        if os.getpid() != self.home:
            self._suffer()
        return 1 + 0.1 * rng.standard_normal((n_reads, *np.shape(g))), state

    def _suffer(self):
        for file in sorted(Path(self.folder).glob("*")):
            try:
                file.unlink()
            except FileNotFoundError:  # another worker was faster
                continue
            if file.name.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(1.0)
            return


def small_sweep(folder, **options):
    """Return the rows of a small sweep on cells with `WorkerNoise`."""
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    noise = WorkerNoise(folder, os.getpid())
    device = Device(g_min=1e-6, g_max=1e-5, read_noise=noise)
    tasks = grid(relu_mlp((8, 6, 3)), Hardware(device=device), {"gain": [0.1, 0.5, 1.0]})
    x, y = rng.random((12, 8)), rng.integers(0, 3, 12)
    return collect(tasks, x, y, **(SETTINGS | options))
