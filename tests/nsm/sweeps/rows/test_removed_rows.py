"""Rows that were removed from the file of a finished sweep are noticed when it is read."""

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware
from devices import Device
from nsm import collect, grid, merge_rows, read_rows

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-4))
X, Y = np.random.default_rng(0).random((6, 3)), np.arange(6) % 2


def sweep(file, gains):
    """Run a sweep of two chips over gains into a file."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 2))
    tasks = grid(network, HARDWARE, {"gain": gains})
    return collect(tasks, X, Y, chips=2, samples=1, rng=0, save_to=file, progress=False)


def remove(file, which):
    """Remove some lines of a file, the header being line 0."""
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(line for k, line in enumerate(lines) if k not in which))


@pytest.mark.parametrize("which", [{1}, {4}, {2, 3}, {1, 2, 3, 4}])
def test_removed_rows_are_told(which, tmp_path):
    file = tmp_path / "rows.csv"
    whole = sweep(file, [0.5, 1.0])
    assert read_rows(file).attrs == {"rows": 4, "planned": 4}
    remove(file, which)
    with pytest.warns(UserWarning, match=f"has {4 - len(which)} rows, and had 4 when its sweep"):
        rows = read_rows(file)
    assert rows.attrs == {"rows": 4 - len(which), "planned": 4}
    again = sweep(file, [0.5, 1.0])
    assert again["errors"].tolist() == whole["errors"].tolist()
    assert read_rows(file).attrs == {"rows": 4, "planned": 4}


def test_a_sweep_that_goes_on_and_merged_files_have_more_rows(tmp_path):
    first, second, out = (tmp_path / f"{name}.csv" for name in "abc")
    sweep(first, [0.5])
    sweep(first, [1.0])
    sweep(second, [2.0])
    merge_rows([first, second], out)
    remove(out, {6})
    with pytest.warns(UserWarning, match="c.csv has 5 rows, and had 6"):
        read_rows(out)


def test_without_a_description_nobody_knows(tmp_path):
    file = tmp_path / "rows.csv"
    sweep(file, [0.5, 1.0])
    remove(file, {1})
    (tmp_path / "rows.toml").unlink()
    assert read_rows(file).attrs == {"rows": 3, "planned": 3}
