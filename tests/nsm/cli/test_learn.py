"""`nsm learn`: one device to a chip file, several to a table, and refusals by name."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from nsm import load_chip
from nsm.learning import devices_that_pulse
from nsm.learning.checkpoint import FORMAT
from nsm.nn.files.tensor_file import read_tensors
from nsm.quantities import quantity

FAST = "--data digits --hidden 20 --images 200 --epochs 1 --samples 2"


def test_one_device_learns_and_its_chip_is_written(run, tmp_path):
    out = tmp_path / "chip.safetensors"
    status, text, _ = run(f"learn --device fefet_jerry2017 {FAST} --out {out}")
    assert status == 0
    assert "200 samples: error" in text
    assert "on one cell" in text
    assert "energy of the pulses not known: pulses on a gate draw charge" in text
    assert re.search(r"\d+ pulses \([\d.]+ [mµ]s one after another\)", text)
    assert load_chip(out).layers


def test_several_devices_give_a_table(run, tmp_path):
    out = tmp_path / "devices.csv"
    status, text, _ = run(
        f"learn --device fefet_jerry2017 --device rram_wu2018 {FAST} --rule coincidences "
        f"--out {out} --figure {tmp_path / 'devices.png'}"
    )
    assert status == 0
    rows = pd.read_csv(out)
    assert rows["device"].tolist() == ["fefet_jerry2017", "rram_wu2018"]
    assert (rows["pulses"] > 0).all()
    joules, seconds = rows.loc[1, ["energy [J]", "time [s]"]]
    assert re.search(rf"rram_wu.* {quantity(joules, 'J')} +{quantity(seconds, 's')}\n", text), text
    assert "energy and time: those of all pulses, on one cell after another" in text
    assert "energy of the pulses not known of fefet_jerry2017: pulses on a gate draw" in text
    assert (tmp_path / "devices.png").stat().st_size > 5000


def test_all_devices_are_those_with_a_pulse_response(run, monkeypatch, tmp_path):
    seen = []

    def learn_on_devices(model, hardware, names, x, y, **options):
        seen.append((names, options["save_to"]))
        costs = {"energy [J]": float("nan"), "time [s]": float("nan")}
        return pd.DataFrame({"device": list(names), "error": 0.1, **costs, "run": "a"})

    monkeypatch.setattr("nsm.learning.on_devices.learn_on_devices", learn_on_devices)
    out = tmp_path / "all.csv"
    assert run(f"learn --device all {FAST} --out {out}")[0] == 0
    ((names, save_to),) = seen
    assert list(names) == devices_that_pulse()
    assert save_to == out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--device fefet_jerry2017 --figure a.png", "--figure a.png compares devices, and one"),
        ("--device pcm_nandakumar2019", "pulses = None"),
        ("--device fefet_jerry2017 --device pcm_nandakumar2019", "'pcm_nandakumar2019' has no"),
        ("--device fefet_jerry2017 --rule sgd", "unknown rule 'sgd'"),
        ("--device fefet_jerry2017 --network conv", "unknown network 'conv'"),
        (
            "--device fefet_jerry2017 --device rram_wu2018 --checkpoint run.safetensors",
            "2 devices are given",
        ),
        ("--device fefet_jerry2017 --device fefet_jerry2017", "fefet_jerry2017 is given 2 times"),
        ("--device all --device rram_wu2018", "or leave out the others: rram_wu2018"),
        (
            "--device fefet_jerry2017 --device rram_wu2018 --set 1:device.levels=4",
            "--set 1:device.levels=4 is for some layers, and a comparison of devices has one",
        ),
        (
            "--device fefet_jerry2017 --images 5000",
            "--images = 5000, but digits has 1347 training images; give at most so many",
        ),
    ],
)
def test_what_cannot_learn_is_refused_by_name(options, message, run):
    status, _, error = run(f"learn {FAST} {options}")
    assert status == 2
    assert message in error


def test_a_process_that_was_killed_resumes_bit_for_bit(run, tmp_path):
    checkpoint = tmp_path / "run.safetensors"

    def line(out, *, resumes):
        own = f" --checkpoint {checkpoint}" if resumes else ""
        return (
            "learn --device fefet_jerry2017 --data digits --hidden 12 --images 200 --epochs 20 "
            f"--samples 1 --measure-every 100 --out {tmp_path / out}{own}"
        )

    command = [sys.executable, "-m", "nsm", *shlex.split(line("killed.safetensors", resumes=True))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.safetensors").exists()
    stopped_at = samples_of(checkpoint)
    assert 0 < stopped_at < 4000
    status, resumed, _ = run(line("resumed.safetensors", resumes=True))
    assert status == 0
    status, whole, _ = run(line("whole.safetensors", resumes=False))
    assert status == 0
    # All rows, pulses and wear that are printed, and all tensors of the chip.
    assert resumed.replace("resumed.safetensors", "whole.safetensors") == whole
    ours, theirs = (load_file(tmp_path / f"{name}.safetensors") for name in ("resumed", "whole"))
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        assert torch.equal(values, theirs[name]), name


def samples_of(checkpoint):
    """Return after how many samples a checkpoint was written."""
    return json.loads(read_tensors(checkpoint, (FORMAT,))[1]["learning"])["done"]
