"""Measurements in several processes: workers that die, and scripts without a guard."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nsm.verdict.measurements import Measurement, Measurements


def dying(bench, path, times):
    """Die as often as told, and then return what the bench holds."""
    file = Path(path)
    deaths = int(file.read_text() or 0)
    if deaths < times:
        file.write_text(str(deaths + 1))
        os._exit(1)
    return bench["images"], deaths


def work(tmp_path, times):
    (tmp_path / "deaths").write_text("")
    (tmp_path / "none").write_text("")
    return [
        Measurement(
            name="network 'NSM', axis 'levels'",
            function=dying,
            arguments=(str(tmp_path / "deaths"), times),
        ),
        Measurement(name="other", function=dying, arguments=(str(tmp_path / "none"), 0)),
    ]


def test_measurements_whose_worker_dies_are_repeated_three_times_in_all(tmp_path):
    with Measurements({"images": 7}, workers=2) as runner:
        assert dict(runner.results(work(tmp_path, 2))) == {0: (7, 2), 1: (7, 0)}
        with pytest.raises(
            ChildProcessError,
            match=r"network 'NSM', axis 'levels': the worker died 3 times while it measured this",
        ):
            list(runner.results(work(tmp_path, 3)))
        assert (tmp_path / "deaths").read_text() == "3"


SCRIPT = """
import numpy as np
import torch
from nsm import relu_mlp, tolerances
from crossbar import Hardware
from devices import Device

torch.manual_seed(0)
rng = np.random.default_rng(1)
found = tolerances(
    relu_mlp((8, 12, 3)), Hardware(device=Device(g_min=0.0, g_max=1e-5)), rng.random((40, 8)),
    rng.integers(0, 3, 40), samples=1, blocks=4, axes=["gain, falling"], loss=0.5, step=100,
    workers=2, progress=False,
)
print("rows", len(found.table))
"""


def test_a_script_needs_no_guard(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *sys.path])}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout == "rows 1\n", done.stderr
