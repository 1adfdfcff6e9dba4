"""`nsm learn`: one device to a chip file, several to a table, and refusals by name."""

import pandas as pd
import pytest

from nsm import load_chip

FAST = "--data digits --hidden 20 --images 200 --epochs 1 --samples 2"


def test_one_device_learns_and_its_chip_is_written(run, tmp_path):
    out = tmp_path / "chip.safetensors"
    status, text, _ = run(f"learn --device fefet_jerry2017 {FAST} --out {out}")
    assert status == 0
    assert "200 samples: error" in text
    assert "on one cell" in text
    assert load_chip(out).layers


def test_several_devices_give_a_table(run, tmp_path):
    out = tmp_path / "devices.csv"
    status, _, _ = run(
        f"learn --device fefet_jerry2017 --device rram_wu2018 {FAST} --rule coincidences "
        f"--out {out}"
    )
    assert status == 0
    rows = pd.read_csv(out)
    assert rows["device"].tolist() == ["fefet_jerry2017", "rram_wu2018"]
    assert (rows["pulses"] > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--device pcm_nandakumar2019", "pulses = None"),
        ("--device fefet_jerry2017 --device pcm_nandakumar2019", "'pcm_nandakumar2019' has no"),
        ("--device fefet_jerry2017 --rule sgd", "unknown rule 'sgd'"),
        ("--device fefet_jerry2017 --network conv", "unknown network 'conv'"),
        (
            "--device fefet_jerry2017 --device rram_wu2018 --checkpoint run.safetensors",
            "2 devices are given",
        ),
    ],
)
def test_what_cannot_learn_is_refused_by_name(options, message, run):
    status, _, error = run(f"learn {FAST} {options}")
    assert status == 2
    assert message in error
