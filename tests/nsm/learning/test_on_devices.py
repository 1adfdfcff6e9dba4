"""Devices that learn, one after another: rows that are kept, and an experiment that resumes."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import nsm
from devices import PRESETS, GaussianNoise, preset
from nsm.learning import Coincidences, TikiTaka, devices_that_pulse, learn_on_devices
from nsm.learning.device_rows import KeptRows
from tests.helpers.learning import blobs, chip_of

NAMES = ["fefet_jerry2017", "rpu_gokmen2016"]


def rows_of(names=NAMES, **options):
    x, y = blobs(40)
    torch.manual_seed(0)
    model = nsm.nsm_mlp((16, 12, 3))
    options = {"epochs": 1, "rng": 0, "progress": False, "validation": (x, y), **options}
    return learn_on_devices(model, chip_of("nsm").origin.hardware, names, x, y, **options)


def test_rows_are_kept_and_a_killed_experiment_resumes_with_the_same(tmp_path, monkeypatch):
    file = tmp_path / "devices.csv"
    whole = rows_of(chips=2)
    import nsm.learning.on_devices as on_devices

    learn, learned = on_devices.learn, []

    class Killed(Exception):
        pass

    def killed_in_the_second(chip, x, y, **options):
        if len(learned) == 1:
            learn(chip, x, y, **{**options, "validation": None, "epochs": 0.5})
            raise Killed
        learned.append(chip)
        return learn(chip, x, y, **options)

    monkeypatch.setattr(on_devices, "learn", killed_in_the_second)
    with pytest.raises(Killed):
        rows_of(chips=2, save_to=file)
    assert len(pd.read_csv(file)) == 1
    assert (tmp_path / "devices.csv.learning").exists()
    (tmp_path / "devices.csv.learning").unlink()  # that of the run with half an epoch
    calls = []
    monkeypatch.setattr(on_devices, "learn", lambda *a, **o: calls.append(o) or learn(*a, **o))
    resumed = rows_of(chips=2, save_to=file)
    assert len(calls) == 3
    assert calls[0]["checkpoint"] == tmp_path / "devices.csv.learning"
    pd.testing.assert_frame_equal(resumed, whole)
    pd.testing.assert_frame_equal(pd.read_csv(file), whole, check_dtype=False)
    assert not (tmp_path / "devices.csv.learning").exists()
    # A further device is added to the file, and finished ones do not learn again.
    calls.clear()
    more = rows_of([*NAMES, "rram_wu2018"], chips=2, save_to=file)
    assert len(calls) == 2
    assert more["device"].tolist() == np.repeat([*NAMES, "rram_wu2018"], 2).tolist()


def test_a_device_that_cannot_learn_is_refused_before_another_learns(tmp_path):
    good = preset("fefet_jerry2017")
    devices = {"good": good, "noisy": replace(good, read_noise=GaussianNoise(0.1))}
    file = tmp_path / "devices.csv"
    with pytest.raises(ValueError, match=r"device 'noisy': layer 1 .*TikiTaka reads its fast arr"):
        rows_of(devices, rule=TikiTaka(), save_to=file)
    assert not file.exists()


def test_rows_of_another_experiment_are_refused(tmp_path):
    file = tmp_path / "devices.csv"
    rows_of(save_to=file)
    with pytest.raises(ValueError, match="row of device 'fefet_jerry2017', chip 0, from another"):
        rows_of(save_to=file, rule=Coincidences())
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"other\.csv has no rows of learn_on_devices .*a, b"):
        rows_of(save_to=tmp_path / "other.csv")
    with pytest.raises(ValueError, match="checkpoint = 'run' is of one run; give save_to="):
        rows_of(checkpoint="run")
    with pytest.raises(ValueError, match=r"save_to = '.*' with rng = None: every call would draw"):
        rows_of(save_to=tmp_path / "new.csv", rng=None)
    with pytest.raises(
        ValueError, match=r"names = 'all' is not a list; give a list of presets, such as nsm"
    ):
        rows_of("all")
    with pytest.raises(ValueError, match="hardware = Device.* is not a Hardware; give one, whose"):
        learn_on_devices(
            nsm.nsm_mlp((16, 12, 3)), preset("rram_wu2018"), NAMES, [], [], rng=0, epochs=1
        )
    with pytest.raises(ValueError, match="unknown setting of learn 'rules'"):
        rows_of(rules=Coincidences())


def test_the_presets_that_can_learn_are_those_with_a_pulse_response():
    names = devices_that_pulse()
    assert {"fefet_jerry2017", "rram_gong2018", "rpu_gokmen2016"} < set(names)
    assert "pcm_nandakumar2019" not in names
    assert len(names) == sum(
        getattr(entry.model, "pulses", None) is not None for entry in PRESETS.values()
    )


def test_the_figure_of_devices_has_the_best_on_top_and_refuses_rows_without_errors():
    from nsm.plots import plot_devices

    rows = pd.DataFrame({"device": ["good", "bad", "good", "bad"], "error": [0.02, 0.3, 0.04, 0.5]})
    axes = plot_devices(rows)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["bad", "good"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([40.0, 3.0])
    assert axes.lines[0].get_xdata().tolist() == pytest.approx([2, 30, 4, 50])
    assert list(axes.lines[0].get_ydata()) == [1, 0, 1, 0]
    with pytest.raises(ValueError, match="rows have no error; measure it"):
        plot_devices(rows.drop(columns="error"))


def test_hashes_that_look_like_numbers_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "devices.csv"
    runs = {("a", 0): "000000000012", ("a", 1): "1234567e8901", ("b", 0): "123456789012"}
    error = 0.1 + 0.2
    kept = KeptRows(path, runs)
    for name, number in runs:
        kept.add(name, number, {"error": error})
    again = KeptRows(path, runs)
    assert again.missing() == []
    assert again.table()["run"].tolist() == list(runs.values())
    assert again.table()["error"].tolist() == [error] * 3


def test_rows_go_to_a_csv_alone(tmp_path):
    with pytest.raises(ValueError, match=r"ending of save_to .*rows.xlsx '.xlsx'. Known: .csv"):
        rows_of(save_to=tmp_path / "rows.xlsx")
