"""Blocks and parts: the same rows, whichever jobs read the images of a chip."""

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from torch import nn
from torch.nn import functional

import nsm.chips.sampler
from crossbar import Hardware
from devices import BlankOut, Device, GaussianNoise, TelegraphNoise
from nsm import Until, collect, grid, map_to_crossbar, nsm_mlp, relu_mlp
from nsm.chips.monte_carlo import MonteCarlo
from nsm.sweeps import read_rows, worker_pool

DEVICE = Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1))
HARDWARE = Hardware(device=DEVICE, gate=BlankOut(0.5))
SETTINGS = {"chips": 2, "samples": 3, "rng": 5, "progress": False}


class Branches(nn.Module):
    """No chain; a dropout that torch draws stays on, so that batches must be cut alike."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 10)
        self.second = nn.Linear(8, 10)
        self.out = nn.Linear(10, 3)

    def forward(self, x):
        hidden = torch.relu(self.first(x)) + torch.tanh(self.second(x))
        return self.out(functional.dropout(hidden, 0.3, training=True))


class Segmenter(nn.Module):
    """A class for every pixel."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)

    def forward(self, x):
        return self.conv(x).reshape(len(x), 3, 4, 4)


def swept(model, x, y, hardware=HARDWARE, axes=None, **options):
    tasks = grid(model, hardware, axes or {"gain": [0.1, 1.0]})
    return collect(tasks, x, y, **(SETTINGS | options))


def made(build, shape=(8,), labels=(), n=50):
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    return build(), rng.random((n, *shape)), rng.integers(0, 3, (n, *labels))


def assert_same_rows(one, other):
    assert_frame_equal(one.drop(columns="elapsed"), other.drop(columns="elapsed"))


NETWORKS = {
    "NSM": (lambda: nsm_mlp((8, 12, 3)), (8,), ()),
    "ReLU": (lambda: relu_mlp((8, 12, 3)), (8,), ()),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)),
        (1, 4, 4),
        (),
    ),
    "branches": (Branches, (8,), ()),
    "pixels": (Segmenter, (1, 4, 4), (4, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("reads", [1 << 14, 30])
def test_rows_of_blocks_are_those_of_complete_chips(name, reads, monkeypatch):
    monkeypatch.setattr(nsm.chips.sampler, "READS_AT_ONCE", reads)
    for function in (nsm.chips.sampler.Sampler.runs, MonteCarlo.predict_proba):
        monkeypatch.setitem(function.__kwdefaults__, "reads_at_once", reads)
    model, x, y = made(*NETWORKS[name], n=24)
    options = {"axes": {"gain": [0.5]}, "chips": 1}
    rows = swept(model, x, y, **options)
    assert (rows.images == y.size).all()
    for block in (5, 24):
        assert_same_rows(swept(model, x, y, block=block, **options), rows)


@pytest.mark.parametrize("name", ["ReLU", "branches"])
def test_images_of_many_batches_are_read_as_without_blocks(name, monkeypatch):
    monkeypatch.setattr(nsm.chips.sampler, "READS_AT_ONCE", 2)  # one image has three reads
    for function in (nsm.chips.sampler.Sampler.runs, MonteCarlo.predict_proba):
        monkeypatch.setitem(function.__kwdefaults__, "reads_at_once", 2)
    model, x, y = made(*NETWORKS[name], n=8)
    options = {"axes": {"gain": [0.5]}, "chips": 1}
    assert_same_rows(swept(model, x, y, block=3, **options), swept(model, x, y, **options))


@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_of_a_chip_cover_each_image_once(name):
    model, x, _ = made(*NETWORKS[name])
    chip = map_to_crossbar(model, HARDWARE, rng=0, example=x[:2])
    for samples in (1, 7, 20_000):
        blocks = [chip.block(a, min(a + 9, 2000), 2000, samples) for a in range(0, 2000, 9)]
        images = [i for a, b in blocks for i in range(a, b)]
        assert images == [*range(2000)]


def test_blocks_cross_processes_and_files(tmp_path):
    model, x, y = made(*NETWORKS["NSM"])
    rows = swept(model, x, y)
    with worker_pool(2) as pool:
        saved = swept(model, x, y, block=20, executor=pool, save_to=tmp_path / "rows.csv")
    assert_same_rows(saved, rows)
    on_disk = read_rows(tmp_path / "rows.csv").sort_values(["gain", "chip"], ignore_index=True)
    assert on_disk.errors.tolist() == rows.errors.tolist()


MEMORY = TelegraphNoise(0.4, 1e-6, 1e-6)


def test_noise_with_memory_is_read_in_one_piece():
    model, x, y = made(*NETWORKS["ReLU"])
    axes = {"device.read_noise": {"white": GaussianNoise(0.1), "telegraph": MEMORY}}
    assert_same_rows(swept(model, x, y, axes=axes, block=7), swept(model, x, y, axes=axes))


def test_blocks_without_effect_are_refused():
    model, x, y = made(*NETWORKS["ReLU"])
    slow = Hardware(device=Device(g_min=1e-6, g_max=1e-5, read_noise=MEMORY))
    with pytest.raises(ValueError, match="block = 7 has no effect: the noise at every point has a"):
        swept(model, x, y, slow, block=7)
    with pytest.raises(ValueError, match="block = 0 is not allowed"):
        swept(model, x, y, block=0)


@pytest.mark.parametrize("parts", [2, 3])
def test_parts_together_are_the_rows_of_the_sweep(parts, tmp_path):
    model, x, y = made(*NETWORKS["ReLU"])
    rows = swept(model, x, y)
    found = []
    for i in range(1, parts + 1):
        path = tmp_path / f"{i}.csv"
        part = swept(model, x, y, part=(i, parts), save_to=path)
        assert_same_rows(part, rows.iloc[i - 1 :: parts].reset_index(drop=True))
        found += [*zip(read_rows(path).task, read_rows(path).chip, strict=True)]
    assert sorted(found) == sorted(zip(rows.task, rows.chip, strict=True))


@pytest.mark.parametrize("part", [(0, 2), (3, 2), (1,), "1/2", (1.0, 2), (True, 2), 1])
def test_other_parts_are_refused(part):
    model, x, y = made(*NETWORKS["ReLU"])
    with pytest.raises(ValueError, match=r"part = .* is not allowed; give \(i, n\), the i-th of n"):
        swept(model, x, y, part=part)


def test_adaptive_pixels_are_refused():
    model, x, y = made(*NETWORKS["pixels"])
    with pytest.raises(ValueError, match=r"until counts images that are wrong, but labels of shap"):
        swept(model, x, y, until=Until(errors=5))
