"""What a sweep will take: counts are exact, sizes those of the file, times scale with images."""

import numpy as np
import pytest
import torch

import nsm.sweeps.spec.estimate
from nsm import collect, nsm_mlp, relu_mlp, save
from nsm.cli.sweep_check import duration
from nsm.sweeps.spec.estimate import estimate
from nsm.sweeps.spec.sweep_file import parse
from nsm.sweeps.spec.sweep_inputs import sweep_inputs

TEXT = """
samples = 2
chips = 2
images = {images}
[networks]
NSM = "nsm.safetensors"
ReLU = "relu.safetensors"
[hardware]
device = "fefet_jerry2017"
[axes]
"device.read_noise" = ["none", {{name = "5 %", kind = "gaussian", sigma = 0.05}}]
[[zip]]
"device.levels" = [4, "none"]
gain = [1.0, 0.25]
"""


@pytest.fixture
def described(tmp_path):
    torch.manual_seed(0)
    save(nsm_mlp((64, 6, 10)), tmp_path / "nsm.safetensors")
    save(relu_mlp((64, 6, 10)), tmp_path / "relu.safetensors")
    return parse(TEXT.format(images=20), folder=tmp_path)


def test_counts_and_size_are_those_of_the_sweep(described, tmp_path):
    inputs = sweep_inputs(described)
    found = estimate(described, inputs)
    assert (found.points, found.rows, found.images) == (8, 16, 20)
    assert [each.network for each in found.measured] == ["NSM", "ReLU"]
    path = tmp_path / "rows.csv"
    options = {"chips": 2, "samples": 2, "rng": 0, "save_to": path, "progress": False}
    collect(inputs.tasks, inputs.x, inputs.y, **options)
    # Numbers of errors and times have one digit more or less.
    assert abs(found.bytes - path.stat().st_size) <= 16 * 6
    expected = sum(8 * (each.per_chip + 20 * each.per_image) for each in found.measured)
    assert found.seconds == pytest.approx(expected)


def test_times_of_chips_and_images_are_told_apart(described, monkeypatch):
    def timed(tasks, x, y, **_):
        rows = collect(tasks, x, y, **_)
        rows["elapsed"] = 0.25 + 0.125 * len(x)  # what a chip and each of its images take
        return rows

    monkeypatch.setattr(nsm.sweeps.spec.estimate, "collect", timed)
    found = estimate(described, sweep_inputs(described))
    for each in found.measured:
        assert (each.per_chip, each.per_image) == pytest.approx((0.25, 0.125))
    assert found.seconds == pytest.approx(16 * (0.25 + 20 * 0.125))
    assert found.measured[0].images == 16  # 12 more images take 1.5 s, which is long enough


def test_one_image_is_measured_too(tmp_path, described):
    inputs = sweep_inputs(parse(TEXT.format(images=1), folder=tmp_path))
    found = estimate(described, inputs)
    assert found.images == 1
    assert found.seconds > 0


def test_more_images_than_there_are_are_refused(described, tmp_path):
    sweep = parse(TEXT.format(images=451), folder=tmp_path)
    with pytest.raises(ValueError, match="images = 451, but digits has 450 test images"):
        sweep_inputs(sweep)
    inputs = sweep_inputs(parse(TEXT.format(images=450), folder=tmp_path))
    assert np.shape(inputs.x)[0] == len(inputs.y) == 450


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 s"), (89, "89 s"), (150, "2.5 min"), (9000, "2.5 h"), (4e5, "4.6 days")],
)
def test_durations_have_a_fitting_unit(seconds, text):
    assert duration(seconds) == text
