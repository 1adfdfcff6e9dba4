"""The shipped network on the real MNIST test set: in software and on an ideal crossbar, every synapse drawn."""

import os

import numpy as np
import pytest

import crossbar
import devices
import nsm
from nsm.checkpoint import locate

pytestmark = pytest.mark.skipif(
    "NSM_DATA_DIR" not in os.environ, reason="NSM_DATA_DIR is not set: MNIST is not at hand"
)
SAMPLES = 100


@pytest.fixture(scope="module")
def test_set():
    data = nsm.load_data("mnist")
    return data.x_test, data.y_test


@pytest.fixture(scope="module")
def software(test_set):
    return nsm.error_rate(nsm.load("mnist_mlp"), *test_set, SAMPLES, rng=0)


def test_the_shipped_file_is_small():
    assert locate("mnist_mlp").stat().st_size < 1.5e6


def test_it_errs_on_at_most_two_percent_in_software(software):
    # Detorakis et al. 2019, Table 1: 1.36 % with 100 samples. Standard error of 10,000 images at 1.4 %: 0.12 points.
    assert software <= 0.020


def test_an_ideal_crossbar_errs_as_the_software_does(software, test_set):
    device = devices.Device(g_min=1e-12, g_max=1e-6)
    hardware = crossbar.Hardware(device=device, gate=devices.BlankOut(0.5), gate_sharing="pair")
    chip = nsm.map_to_crossbar(nsm.load("mnist_mlp"), hardware, rng=0)
    assert chip.report()["read_path"].iloc[0].startswith("packed bits")
    error = chip.error_rate(*test_set, SAMPLES, rng=0)
    assert error <= 0.020
    assert abs(error - software) <= 2 * np.sqrt(software * (1 - software) / len(test_set[1]))
