"""Fixtures: the command in this process, and a folder to work in."""

import shlex
import sys
from pathlib import Path

import pytest
import torch

import nsm.cli.main
from nsm import nsm_mlp, save
from tests.helpers.command import SWEEP


@pytest.fixture
def run(monkeypatch, capsys):
    """A function that runs `nsm ...` in this process; returns exit status, output and errors."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(line):
        monkeypatch.setattr(sys, "argv", ["nsm", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            nsm.cli.main.main()
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
