"""Commands that are stopped by a signal: one sentence, what is kept, their status, in a second."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from nsm.sweeps import read_rows

SWEEP = """
network = "mine:network"
data = "digits"
chips = 5000
samples = 20
seed = 0

[hardware]
device = "rram_milo2021"
gate = "nsm_bernoulli"

[axes]
gain = [0.1, 1.0]
"""

NETWORK = """
import nsm
import torch

def network():
    torch.manual_seed(0)
    return nsm.nsm_mlp((64, 32, 10))
"""


@contextmanager
def running(arguments, folder):
    """Run a command in a session of its own, as a terminal has one."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    command = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield command
    finally:
        with suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)
        command.communicate()


def wait_for(is_there, command, seconds=120):
    deadline = time.monotonic() + seconds
    while not is_there():
        assert command.poll() is None, command.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(session):
    """Return whether a process of a session runs; one that has ended but was not waited for not."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return True
    return False


@pytest.mark.parametrize(
    ("name", "status", "known_as"), [("SIGINT", 130, "Ctrl-C"), ("SIGHUP", 129, "SIGHUP")]
)
def test_a_stopped_sweep_says_what_is_kept_and_goes_on(name, status, known_as, tmp_path):
    if signal.getsignal(getattr(signal, name)) == signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as nohup does it")
    (tmp_path / "gain.toml").write_text(SWEEP)
    (tmp_path / "mine.py").write_text(NETWORK)
    rows = tmp_path / "gain.csv"
    with running(["-m", "nsm", "sweep", "gain.toml", "--workers", "2"], tmp_path) as command:
        wait_for(lambda: rows.exists() and rows.read_bytes().count(b"\n") > 4, command)
        os.killpg(command.pid, getattr(signal, name))  # as a terminal sends it, to all processes
        _, stderr = command.communicate(timeout=90)
        deadline = time.monotonic() + 2
        while is_running(command.pid):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert command.returncode == status
    kept = len(read_rows(rows))
    message = stderr.decode().strip().rsplit("\n", 1)[-1]
    found = re.fullmatch(
        rf"nsm: stopped by {known_as}; (\d+) finished rows are in gain\.csv; "
        "the same command goes on from there",
        message,
    )
    assert found, stderr.decode()
    assert 4 <= int(found[1]) <= kept <= int(found[1]) + 1
    assert "Traceback" not in stderr.decode()


LONG = """
import numpy as np
from nsm.cli import main
def app():
    print("ready", flush=True)
    x = np.ones((8000, 8000))
    while True:
        x = x @ x / 8000  # some twenty seconds, in which no handler runs
main.app = app
main.main()
"""


def test_a_command_in_compiled_code_ends_too(tmp_path):
    (tmp_path / "script.py").write_text(LONG)
    with running(["script.py"], tmp_path) as command:
        assert command.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        begin = time.monotonic()
        command.send_signal(signal.SIGTERM)
        _, stderr = command.communicate(timeout=60)
        # 0.8 s on an idle machine; the product takes far longer.
        assert time.monotonic() - begin < 5
    assert command.returncode == 143
    assert stderr.decode().strip() == "nsm: stopped by SIGTERM; nothing is left half-written"


def test_a_stopped_training_names_its_checkpoint(tmp_path):
    options = ["--epochs", "500", "--out", "a.safetensors", "--checkpoint", "a.ckpt"]
    checkpoint = tmp_path / "a.ckpt"
    with running(["-m", "nsm", "train", *options], tmp_path) as command:
        wait_for(lambda: checkpoint.exists() and checkpoint.stat().st_size > 0, command)
        command.send_signal(signal.SIGTERM)
        _, stderr = command.communicate(timeout=90)
    assert command.returncode == 143
    assert (
        stderr.decode()
        .strip()
        .endswith(
            "nsm: stopped by SIGTERM; the last finished epoch is in a.ckpt; "
            "the same command goes on from there"
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("to_all", [False, True])
def test_a_stopped_paper_says_where_its_results_are_and_nothing_else(to_all, tmp_path):
    options = ["--out", "runs", "--report", "page", "--workers", "2", "--only", "residual"]
    with running(["-m", "nsm.paper", *options], tmp_path) as command:
        wait_for(lambda: any(tmp_path.glob("runs/*")), command)
        (os.killpg if to_all else os.kill)(command.pid, signal.SIGTERM)
        _, stderr = command.communicate(timeout=90)  # also what the tracker of loky says later
    assert command.returncode == 143
    *before, last = stderr.decode().strip().split("\n")
    assert last == (
        "nsm: stopped by SIGTERM; finished results and epochs are in runs; the same command goes "
        "on from there"
    )
    assert all(" experiments 0/" in line for line in before if line)
