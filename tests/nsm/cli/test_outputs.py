"""Outputs of every command are checked before any work: pipes, folders, names that are too long."""

import os

import pytest
from typer.testing import CliRunner

from nsm.cli.main import app

#: A command with each of its outputs as OUT, and the ending of a name that it takes.
COMMANDS = {
    "train --out OUT": ".safetensors",
    "train --out net.safetensors --checkpoint OUT": ".safetensors",
    "fit read-noise traces.csv --out OUT": ".toml",
    "fit read-noise traces.csv --out mine.toml --page OUT": ".html",
    "map mnist_mlp --out OUT": "",
    "map mnist_mlp --spice OUT": "",
    "learn --device fefet_jerry2017 --out OUT": ".safetensors",
    "learn --device fefet_jerry2017 --checkpoint OUT": ".safetensors",
    "learn --device fefet_jerry2017 --device rram_wu2018 --out OUT": ".csv",
    "learn --device fefet_jerry2017 --device rram_wu2018 --figure OUT": ".png",
    "tolerance mnist_mlp --out OUT": ".csv",
    "sweep levels.toml --out OUT": ".csv",
    "sweep levels.toml --out OUT ": ".parquet",
    "merge a.csv b.csv --out OUT": ".csv",
    "plot levels.csv --x gain --out OUT": ".png",
    "report levels.csv --out OUT": ".html",
    "presets show fefet_jerry2017 --out OUT": ".png",
    "demo --out OUT": "",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_outputs_that_cannot_be_written_are_refused_at_once(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "traces.csv").touch()
    os.mkfifo(f"pipe{COMMANDS[command]}")
    os.mkdir(f"folder{COMMANDS[command]}")
    before = sorted(os.listdir())
    refused = {"pipe": "is a pipe; name a ", "n" * 300: "is too long for the file system"}
    if COMMANDS[command]:
        refused["folder"] = "it is a folder; name a file"
    for name, message in refused.items():
        words = command.replace("OUT", f"{name}{COMMANDS[command]}").split()
        found = CliRunner().invoke(app, words)
        assert isinstance(found.exception, ValueError)
        assert message in str(found.exception)
    assert sorted(os.listdir()) == before
