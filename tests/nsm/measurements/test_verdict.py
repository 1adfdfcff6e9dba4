"""The verdict on a fitted device."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import nsm
from devices import Device, FlickerNoise, StateDependentError
from nsm.measurements import page, verdict
from nsm.report.fit_page import levels_needed


@pytest.fixture(scope="module")
def found():
    """The verdict on a device with noise that has a memory, by a small network."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    device = Device(
        g_min=1e-6, g_max=1e-5, levels=8, write=StateDependentError(coefficients=(1e-7,)),
        read_noise=FlickerNoise(q=0.01, f_low=1.0, f_high=1e3),
    )  # fmt: skip
    return verdict.device_verdict(
        device, (rng.random((60, 6)), rng.integers(0, 3, 60)),
        networks={"NSM": nsm.nsm_mlp((6, 5, 3))}, workers=1, progress=False,
    )  # fmt: skip


def test_every_axis_of_the_device_is_asked(found):
    assert set(found.table["axis"]) == set(verdict.AXES)
    assert found.settings["sampling"] == "moments"


def test_the_levels_that_are_needed_are_told(found):
    (sentence,) = levels_needed(found)
    assert sentence.startswith("NSM needs ")
    assert "levels" in sentence


def test_the_page_shows_the_chart_and_its_conditions(found, tmp_path):
    preset = SimpleNamespace(technology="HfO2")
    texts = [verdict.conditions()]
    path = page.write_page(tmp_path / "p.html", [], preset, verdict=found, verdict_texts=texts)
    html = path.read_text("utf-8")
    assert found.sentence in html
    assert "What networks tolerate" in html
    for file in verdict.NETWORKS.values():
        assert file in html


def test_missing_images_are_told_before_any_work(monkeypatch, tmp_path):
    monkeypatch.setenv("NSM_DATA_DIR", str(tmp_path))
    with pytest.raises(OSError, match="train-images"):
        verdict.verdict_images()
    assert verdict.images_at_hand() is None  # no download for a quick verdict


def test_a_quick_verdict_measures_what_it_says():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    found = verdict.device_verdict(
        Device(g_min=1e-6, g_max=1e-5), (rng.random((40, 6)), rng.integers(0, 3, 40)),
        networks={"NSM": nsm.nsm_mlp((6, 5, 3))}, workers=1, progress=False, is_quick=True,
    )  # fmt: skip
    assert set(found.table["axis"]) == set(verdict.QUICK.axes) < set(verdict.AXES)
    for name in ("blocks", "samples"):
        assert found.settings[name] == getattr(verdict.QUICK, name)
    said = verdict.conditions(is_quick=True)
    assert said.startswith("Quick verdict, measured on the shipped perceptron mnist_mlp (2000 test")
    assert "4 chips, 5 samples" in said
    assert not verdict.conditions().startswith("Quick")


def test_downloaded_images_are_at_hand_without_a_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("NSM_DATA_DIR", raising=False)
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path)
    asked = []

    def load(*, download):
        asked.append(download)
        if not download:
            raise FileNotFoundError("no MNIST")
        return SimpleNamespace(x_test=np.zeros((3000, 784)), y_test=np.zeros(3000))

    monkeypatch.setattr("nsm.datasets.mnist.load_mnist", load)
    assert verdict.images_at_hand() is None
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{part}-ubyte.gz").write_bytes(b"")
    images, labels = verdict.images_at_hand()
    assert len(images) == len(labels) == verdict.QUICK.images
    assert asked == [False, True]
