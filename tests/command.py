"""The command in this process, and a folder to work in: what tests of `nsm …` share."""

import shlex
import sys
from pathlib import Path

import pytest
import torch

import nsm.cli
from nsm import nsm_mlp, save

SWEEP = """\
network = "small.safetensors"
samples = 2
chips = 1
images = 20
[hardware]
device = "fefet_jerry2017"
[axes]
"device.levels" = [4, 32]
gain = [0.1, 1.0]
"""


@pytest.fixture
def run(monkeypatch, capsys):
    """Run `nsm …` in this process; return its exit status, output and errors."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(line):
        monkeypatch.setattr(sys, "argv", ["nsm", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            nsm.cli.main()
        out, err = capsys.readouterr()
        return end.value.code or 0, out, err

    return command


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a network for digits and a sweep file."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    save(nsm_mlp((64, 12, 10, 10)), "small.safetensors")
    Path("levels.toml").write_text(SWEEP)
    return tmp_path
