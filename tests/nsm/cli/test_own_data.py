"""`nsm train` and `nsm map` on data of your own, and codings that stay with the network."""

import sys

import numpy as np
import pytest
import torch

import nsm
from nsm.cli.coding import CODINGS, CodingChoice, check_tells_apart
from nsm.cli.data import DataChoice
from nsm.nn.files.checkpoint import read_tensors
from tests.helpers import own_data
from tests.helpers.own_data import NAMES, pictures

TRAIN = pictures(20)
TEST = pictures(5, seed=1)
OPTIONS = (
    "--out a.safetensors --hidden 24 --epochs 25 --batch-size 10 --samples 3 --threads 1 --lr 0.01"
)
MAP = "map a.safetensors --samples 3 --threads 1"


@pytest.fixture
def sources(folder, monkeypatch):
    """A working folder with the same images in every format; their names for --data."""
    own_data.write_idx(folder / "fashion", TRAIN, TEST)
    np.savez(folder / "a.npz", x_train=TRAIN[0], y_train=TRAIN[1], x_test=TEST[0], y_test=TEST[1])
    own_data.write_csv(folder / "a.csv", TRAIN[0], np.array(NAMES)[TRAIN[1]])
    own_data.write_pictures(folder / "photos" / "train", *TRAIN)
    own_data.write_pictures(folder / "photos" / "test", *TEST)
    own_data.write_module(folder, *TRAIN, name="my_faces")
    yield {
        "idx": "fashion",
        "npz": "a.npz",
        "csv": "a.csv",
        "pictures": "photos",
        "module": "my_faces:Faces",
    }
    sys.modules.pop("my_faces", None)


@pytest.mark.parametrize("kind", ["idx", "npz", "csv", "pictures", "module"])
def test_a_network_is_trained_and_mapped_on_data_of_ones_own(kind, sources, run):
    data = f"--data {sources[kind]}"
    status, out, err = run(f"train {data} --coding median {OPTIONS}")
    assert status == 0, err
    images = 12 if kind in ("csv", "module") else 15
    assert f"{images} test images" in out
    assert f"on {images} images, 3 samples, in software" in out
    # The bands are 160 brighter than a background below 90: no image is hard.
    assert "test error 0.00%" in out
    status, out, err = run(f"{MAP} {data}")
    assert status == 0, err
    assert f"test error 0.00% on {images} images, 3 samples; in software: 0.00%" in out
    # The thresholds are in the file: they are those of the training images.
    layer = nsm.load("a.safetensors")[0]
    expected = nsm.BinarizePerPixel.of_median(DataChoice(sources[kind]).load().x_train)
    assert torch.equal(layer.threshold, expected.threshold)
    note = read_tensors("a.safetensors")[1]["note"]
    assert "classes: " + ("bag, boot, coat" if kind not in ("idx", "npz") else "0, 1, 2") in note
    split = "split as given" if images == 15 else "split stratified, 0.2 of each class for test, se"
    assert split in note


@pytest.mark.parametrize(
    ("options", "first", "inputs"),
    [
        ("", "Binarize(threshold=0.5, flip=0.0)", 30),
        ("--coding threshold=0.3 --flip 0.1", "Binarize(threshold=0.3, flip=0.1)", 30),
        ("--coding median --flip 0.1 --half", "BinarizePerPixel(shape=(30,), flip=0.1)", 30),
        ("--coding thermometer=3", "Thermometer(3, low=0.0, high=1.0, flip=0.0)", 90),
        ("--coding none --network bd", "Linear(in_features=30, out_features=24, bias=True)", 30),
        ("--coding thermometer=2 --network relu", "Thermometer(2, low=0.0, high=1.0", 60),
    ],
)
def test_a_coding_is_the_first_layer_of_the_network(options, first, inputs, sources, run):
    line = f"train --data fashion {options} {OPTIONS}".replace("--epochs 25", "--epochs 1")
    assert run(line)[0] == 0
    model = nsm.load("a.safetensors")
    assert repr(model[0]).startswith(first)
    assert next(layer for layer in model if hasattr(layer, "weight")).weight.shape[1] == inputs
    assert run(f"{MAP} --data fashion")[0] == 0


def test_a_thermometer_adds_channels_to_a_convolution(folder, run):
    images = np.random.default_rng(0).integers(0, 256, (8, 20, 18), dtype=np.uint8)
    np.savez("big.npz", x=images, y=np.arange(8) % 2)
    line = "train --data big.npz --network conv --hidden 6 --epochs 1 --samples 1 --threads 1"
    assert run(f"{line} --coding thermometer=2 --out a.safetensors")[0] == 0
    model = nsm.load("a.safetensors")
    assert tuple(model[1].unflattened_size) == (2, 20, 18)
    assert model[2].weight.shape[1] == 2
    status, out, _ = run("map a.safetensors --data big.npz --samples 1 --threads 1")
    assert status == 0
    assert "on 2 images" in out


def test_options_of_the_data_are_passed_on(folder, run):
    images, labels = TRAIN
    rows = np.column_stack([images.reshape(60, -1) // 16, labels])
    np.savetxt("last.csv", rows, fmt="%d", delimiter=",")
    options = "--data-option label_column=last --data-option white=15"
    shape = "--data-option image_shape=1,6,5 --shift 1"
    line = f"train --data last.csv {options} {shape} --coding median {OPTIONS}"
    status, out, err = run(line)
    assert status == 0, err
    assert "of shape (1, 6, 5)" in out
    status, out, err = run(f"{MAP} --data last.csv {options}")
    assert status == 0, err
    assert "on 12 images" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--data fashio", "unknown data set 'fashio'"),
        ("--data fashio/", "no file or folder fashio/"),
        ("--data fashion --data-dir x", "--data-dir x is the folder of published sets; give the"),
        ("--data-option white=3", "--data-option white=3.0 is for data of your own, but digits is"),
        ("--data fashion --data-option wite=3", "unknown data option 'wite'; did you mean 'white'"),
        ("--data fashion --data-option white=x", "--data-option 'white=x' is not allowed"),
        ("--data fashion --data-option white=0", "white = 0.0 is not allowed"),
        ("--data fashion --data-option label_column=a", "label_column = 'a' has no effect"),
        ("--coding medan", "unknown coding 'medan'; did you mean 'median'"),
        ("--coding median=3", "--coding 'median=3' is not allowed; write median"),
        ("--coding threshold", "--coding 'threshold' is not allowed; write threshold=0.5"),
        ("--coding threshold=x", "--coding 'threshold=x' is not allowed; give a number"),
        ("--coding thermometer=0", "--coding 'thermometer=0' is not allowed; give a whole number"),
        ("--coding thermometer=1.5", "'thermometer=1.5' is not allowed; give a whole number"),
        ("--coding none --network relu", "--coding none has no effect: this network takes images"),
        ("--coding none --flip 0.1", "--flip 0.1 changes signs of coded inputs, but --coding none"),
        ("--coding threshold=2", "Binarize(threshold=2.0, flip=0.0) codes all training images al"),
        ("--data test_only.npz", "test_only.npz holds test images only; give training images"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_training(options, message, sources, run):
    np.savez("test_only.npz", x_test=TEST[0], y_test=TEST[1])
    status, _, err = run(f"train {options} {OPTIONS}")
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_network_for_other_images_is_refused(sources, run):
    status, _, err = run("train --out a.safetensors --data fashion --network all_conv")
    assert status == 2
    assert "--network all_conv takes images of (3, 32, 32), but fashion has (1, 6, 5)" in err
    np.savez("color.npz", x=np.random.default_rng(0).random((4, 3, 32, 32)), y=[0, 0, 1, 1])
    line = "train --out a.safetensors --data color.npz --network all_conv --coding thermometer=2"
    status, _, err = run(line)
    assert status == 2
    assert "(3, 32, 32), but color.npz with thermometer=2 has (6, 32, 32)" in err


def test_labels_beyond_the_classes_of_the_network_are_refused(sources, run):
    run(f"train --data fashion {OPTIONS}".replace("--epochs 25", "--epochs 1"))
    np.savez("more.npz", x=np.repeat(TRAIN[0], 2, axis=0), y=np.arange(120) % 5)
    status, _, err = run(f"{MAP} --data more.npz")
    assert status == 2
    assert "labels go from 0 to 4; the network has 3 classes" in err


def test_every_coding_is_a_choice():
    for kind, takes_number in CODINGS.items():
        assert CodingChoice(f"{kind}=2" if takes_number else kind).kind == kind


def test_images_that_differ_are_told_apart():
    images = np.array([[0.2, 0.9], [0.2, 0.1]], "f4")
    check_tells_apart(torch.nn.Sequential(nsm.Binarize()), images)
    check_tells_apart(torch.nn.Sequential(nsm.Binarize(2)), images[:1])
    check_tells_apart(torch.nn.Sequential(torch.nn.ReLU()), images)
    with pytest.raises(ValueError, match=r"Binarize\(threshold=0.95.*from 0.1 to 0.9"):
        check_tells_apart(torch.nn.Sequential(nsm.Binarize(0.95)), images)
