"""The verdict of `nsm fit`: quick by default, left out, or refused; the command of the full one."""

import shlex
from pathlib import Path

import numpy as np
import pytest
import torch

import nsm
from devices import read_preset
from nsm.cli.fit_verdict import full_command
from nsm.measurements.verdict import QUICK, images_at_hand

LINE = "fit programming pairs.csv --workers 1 --out mine.toml"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder with programmed cells, where the shipped network and MNIST are small."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    target = np.repeat([10.0, 30.0, 90.0], 100)
    table = np.c_[target, target + rng.normal(0, 1, target.size)]
    np.savetxt("pairs.csv", table, delimiter=",", header="target_uS,got_uS", comments="")
    torch.manual_seed(0)
    network = nsm.nsm_mlp((6, 5, 3))
    images = rng.random((40, 6)), rng.integers(0, 3, 40)
    monkeypatch.setattr("nsm.nn.files.checkpoint.load", lambda name: network)
    monkeypatch.setattr("nsm.measurements.verdict.images_at_hand", lambda: images)
    monkeypatch.setattr("nsm.measurements.verdict.verdict_images", lambda: images)


def test_a_quick_verdict_stands_in_terminal_and_page(run, small):
    status, out, _ = run(LINE)
    assert status == 0
    page = Path("mine.programming.html").read_text("utf-8")
    assert "verdict: the shipped perceptron on this device, 40 images, 3 of 7 axes; about" in out
    assert "--no-verdict leaves it out" in out
    command = f"nsm {LINE} --replace --verdict"
    for text in (
        "in software",
        "NSM needs ",
        f"The full verdict, with all axes, takes minutes: {command}",
    ):
        assert text in out
        assert text in page
    for axis in QUICK.axes:
        assert f"NSM, {axis}: " in out
    assert "Quick verdict, measured on the shipped perceptron" in page
    assert "What networks tolerate" in page
    # The command that is told fits again, and asks all axes.
    status, out, _ = run(command.removeprefix("nsm "))
    assert status == 0
    assert "NSM, drift time: " in out
    assert "convolutional NSM, levels: " in out
    assert "takes minutes" not in out
    assert "Quick" not in Path("mine.programming.html").read_text("utf-8")


def test_without_images_or_with_no_verdict_the_command_is_told(run, small, monkeypatch):
    status, out, _ = run(f"{LINE} --no-verdict")
    command = f"nsm {LINE} --replace --verdict"
    assert status == 0
    assert "The verdict was left out with --no-verdict. The full verdict, with all axes, ta" in out
    assert command in out
    assert command in Path("mine.programming.html").read_text("utf-8")
    monkeypatch.setattr("nsm.measurements.verdict.images_at_hand", lambda: None)
    status, out, _ = run(f"{LINE} --replace")
    assert status == 0
    assert "There is no verdict, because MNIST is not here (NSM_DATA_DIR)." in out
    assert out.count(command) == 1


@pytest.mark.parametrize("error", [ValueError, ChildProcessError])
def test_a_device_that_cannot_be_asked_is_still_written(error, run, small, monkeypatch):
    def refuse(*arguments, **options):
        raise error("NSM cannot be mapped")

    monkeypatch.setattr("nsm.measurements.verdict.device_verdict", refuse)
    status, out, _ = run(LINE)
    assert status == 0
    assert "There is no verdict: NSM cannot be mapped" in out
    assert "NSM cannot be mapped" in Path("mine.programming.html").read_text("utf-8")
    assert read_preset("mine.toml").model.g_max == 9e-5
    status, _, err = run(f"{LINE} --replace --verdict")  # who asks for it is told by an error
    assert status in (1, 2)
    assert err == "nsm: NSM cannot be mapped\n"


def test_the_command_of_the_full_verdict_is_that_of_this_fit():
    line = "fit levels 'my cells.csv' --no-verdict --replace --out mine.toml"
    expected = "nsm fit levels 'my cells.csv' --out mine.toml --replace --verdict"
    assert full_command(shlex.split(line)) == expected


def test_images_at_hand_are_those_of_the_folder():
    images = images_at_hand()
    if images is None:
        pytest.skip("NSM_DATA_DIR has no MNIST")
    data = nsm.load_data("mnist")
    np.testing.assert_array_equal(images[0], data.x_test[: QUICK.images])
    np.testing.assert_array_equal(images[1], data.y_test[: QUICK.images])
