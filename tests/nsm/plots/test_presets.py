"""Presets beside each other."""

import numpy as np
import pandas as pd
import pytest
import torch

import crossbar
import devices
import nsm
from nsm.plots.presets import (
    CIRCUITS,
    READS,
    chip_rows,
    plot_preset_errors,
    preset_table,
    rows_of_presets,
)
from nsm.plots.style import style_of

QUIET, NOISY = devices.PRESETS["rram_milo2021"], devices.PRESETS["sonos_agrawal2022"]
HARDWARE = crossbar.Hardware(device=QUIET.model, gate=devices.BlankOut(0.5))


@pytest.fixture(scope="module")
def networks():
    found = {"NSM": {}, "ReLU": {}}
    for seed in (0, 3):
        torch.manual_seed(seed)
        found["NSM"][seed] = nsm.nsm_mlp((64, 8, 10))
        found["ReLU"][seed] = nsm.relu_mlp((64, 8, 10))
    return found


@pytest.fixture(scope="module")
def images():
    digits = nsm.load_data("digits")
    return digits.x_test[:20], digits.y_test[:20]


def test_table_says_what_the_records_say():
    table = preset_table(devices.PRESETS.values())
    assert list(table.index) == list(devices.PRESETS)
    for name, preset in devices.PRESETS.items():
        row = table.loc[name]
        said = [row["measured"], row["inferred"], row["programming"], row["numbers read in"]]
        assert said == [preset.measured, preset.inferred, preset.programming, preset.verified]
        assert preset.model.levels is None or preset.levels_counted in row["levels"]
    assert table.loc["rram_wu2018", "on/off"] == "10"
    assert table.loc["rram_wu2018", "levels"].startswith("128: pulses")
    assert table.loc["pcm_nandakumar2019", "on/off"] == "∞"
    assert table.loc["pcm_nandakumar2019", "levels"] == "continuous"


def test_rows_of_a_chip_are_those_of_a_chip_made_by_hand(networks, images):
    x, y = images
    first, row = chip_rows(networks["NSM"], HARDWARE, x, y, samples=3)
    assert (first["training_seed"], row["training_seed"]) == (0, 3)
    chip = nsm.map_to_crossbar(networks["NSM"][3], HARDWARE, rng=3)
    assert row["error"] == 100 * chip.error_rate(x, y, samples=3, rng=3)
    assert row["errors"] == len(row["wrong"]) == chip.errors(x, y, samples=3, rng=3)
    assert row["static/noise"] == chip.report()["static_to_noise_ratio"].iloc[0]
    assert row["effective samples"] == pytest.approx(READS)
    row, _ = chip_rows(networks["ReLU"], HARDWARE.ungated(), x, y, samples=1)
    assert np.isnan(row["static/noise"])


def test_an_nsm_without_any_noise_is_left_out(networks, images):
    rows = rows_of_presets([QUIET, NOISY], networks, HARDWARE, *images, samples=1)
    count = rows.groupby(["preset", "circuit"]).size().unstack()
    assert (count.loc[NOISY.name] == 2).all()
    assert np.isnan(count.loc[QUIET.name, "NSM without a gate"])
    ratio = rows[rows["preset"] == NOISY.name].groupby("circuit")["static/noise"].mean()
    assert ratio["NSM without a gate"] > 100 * ratio["NSM behind a gate"]


def test_noise_with_memory_is_read_with_fewer_images(networks, images):
    traps = devices.PRESETS["rtn_illustrative"]
    x, y = images
    rows = rows_of_presets([NOISY, traps], networks, HARDWARE, x, y, samples=1, every=5)
    counted = rows.groupby("preset")["images"].unique()
    assert (list(counted[NOISY.name]), list(counted[traps.name])) == ([20], [4])


def test_figure_shows_the_mean_and_the_range_of_the_trainings():
    rows = pd.DataFrame(
        [
            {
                "preset": preset,
                "circuit": circuit,
                "training_seed": seed,
                "error": error + 2 * seed,
                "images": n,
            }
            for preset, error, n in (("one", 10.0, 90), ("two", 30.0, 15))
            for circuit in CIRCUITS
            for seed in (0, 1)
        ]
    )
    ax = plot_preset_errors(rows)
    drawn = {line.get_label(): line for line in ax.lines if line.get_label() in CIRCUITS}
    assert list(drawn) == list(CIRCUITS)
    for circuit, line in drawn.items():
        np.testing.assert_allclose(line.get_xdata(), [11, 31])
        assert line.get_color() == style_of(CIRCUITS[circuit][0])["color"]
    assert drawn["NSM without a gate"].get_markerfacecolor() == "white"
    ranges = [segment[:, 0] for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ranges, [[10, 12], [30, 32]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["one", "two (15 images)"]
    assert "2 trainings" in ax.get_xlabel()
