"""Tolerances of a device whose slots are all tables, in Python and from its file."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crossbar import Hardware
from devices import preset
from devices.tables import as_toml
from nsm import relu_mlp, tolerances
from tests.helpers.tabulated_device import DEVICE, SPECTRUM

AXES = ["programming error", "read noise", "drift time", "on/off ratio", "levels"]


@pytest.mark.parametrize("noise", [DEVICE.read_noise, SPECTRUM], ids=["white", "spectrum"])
def test_every_axis_of_a_tabulated_device_is_searched(noise, tmp_path):
    device = replace(DEVICE, read_noise=noise, reference="mine")
    path = tmp_path / "mine.toml"
    path.write_text(as_toml(device, {"citation": "mine"}))
    assert preset(path) == device
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 8)), rng.integers(0, 3, 20)
    found = tolerances(
        relu_mlp((8, 6, 3)), Hardware(device=preset(path)), x, y,
        samples=1, blocks=4, axes=AXES, loss=0.6, step=100, progress=False, rng=0,
    )  # fmt: skip
    table = found.table.set_index("axis")
    assert set(table.index) == set(AXES)
    assert table["ratio"].notna().all()
    assert (table.loc[["programming error", "read noise"], "unit"] == "× given").all()
