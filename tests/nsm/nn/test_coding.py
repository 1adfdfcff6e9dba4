"""Codings as ±1: balanced thresholds per pixel, thermometers, their files and their chips."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import crossbar
import devices
from nsm import Binarize, BinarizePerPixel, NSMLinear, Thermometer, load, map_to_crossbar, save
from nsm.nn.registry import on_chip

BYTES = np.random.default_rng(0).integers(0, 256, (31, 12)).astype("f4") / np.float32(255)
IDEAL = crossbar.Hardware(device=devices.Device(g_min=0, g_max=1e-4))


def test_the_threshold_is_the_median_if_the_middle_values_differ():
    images = np.random.default_rng(0).random((30, 7)).astype("f4")
    found = BinarizePerPixel.of_median(images).threshold.numpy()
    np.testing.assert_allclose(found, np.median(images, axis=0), rtol=1e-6)


@given(pixels=st.lists(st.lists(st.integers(0, 5), min_size=9, max_size=9), min_size=1, max_size=4))
def test_no_threshold_balances_a_pixel_better(pixels):
    images = np.array(pixels).T
    layer = BinarizePerPixel.of_median(images)
    above = (layer(torch.as_tensor(images, dtype=torch.float32)) > 0).sum(dim=0)
    for column, count, threshold in zip(images.T, above, layer.threshold, strict=True):
        if len(set(column)) == 1:
            assert threshold == column[0] + 0.5
            continue
        best = min(abs((column >= t).sum() - 4.5) for t in set(column))
        assert abs(int(count) - 4.5) == best


def test_large_sets_are_sorted_in_parts(monkeypatch):
    whole = BinarizePerPixel.of_median(BYTES).threshold
    monkeypatch.setattr("nsm.nn.coding._AT_ONCE", 100)
    torch.testing.assert_close(BinarizePerPixel.of_median(BYTES).threshold, whole, rtol=0, atol=0)


def test_neighboring_numbers_are_still_told_apart():
    x = np.array([[1.0], [np.nextafter(np.float32(1), np.float32(2))]], "f4")
    layer = BinarizePerPixel.of_median(x)
    assert layer(torch.from_numpy(x)).flatten().tolist() == [-1, 1]


def test_one_image_gives_thresholds_above_it():
    assert BinarizePerPixel.of_median(np.zeros((1, 3))).threshold.tolist() == [0.5] * 3


def test_one_level_is_binarize():
    x = torch.from_numpy(BYTES)
    assert torch.equal(Thermometer(1)(x), Binarize()(x))
    assert torch.equal(BinarizePerPixel(12)(x), Binarize()(x))


@given(levels=st.integers(1, 9), low=st.floats(-3, 3), width=st.floats(0.1, 5))
def test_a_thermometer_counts_the_thresholds_below_the_value(levels, low, width):
    layer = Thermometer(levels, low=low, high=low + width)
    x = torch.linspace(low - 1, low + width + 1, 40)[:, None]
    states = layer(x)
    assert states.shape == (40, levels)
    rank = np.searchsorted(layer.thresholds, x.numpy().ravel(), side="right")
    assert ((states > 0).sum(dim=1).numpy() == rank).all()
    assert (states.diff(dim=1) <= 0).all()  # a column: no +1 above a −1
    assert (rank.min(), rank.max()) == (0, levels)


def test_levels_follow_each_other_as_channels():
    images = torch.rand(4, 2, 3, 5)
    states = Thermometer(3)(images)
    assert states.shape == (4, 6, 3, 5)
    flat = Thermometer(3)(images.flatten(1))
    assert torch.equal(flat.reshape(4, 6, 3, 5), states)
    assert torch.equal(states[:, 2:4], Binarize(0.5)(images))


@pytest.mark.parametrize(
    "layer",
    [BinarizePerPixel.of_median(BYTES, flip=0.3), Thermometer(4, flip=0.3), Binarize(flip=0.3)],
    ids=lambda layer: type(layer).__name__,
)
def test_states_flip_in_training_only(layer):
    x = torch.from_numpy(BYTES).repeat(30, 1)
    layer.eval()
    states = layer(x)
    assert torch.equal(layer(x), states)
    torch.manual_seed(0)
    layer.train()
    flipped = (layer(x) != states).double()
    # The share of flips is binomial; five standard errors.
    assert abs(flipped.mean() - 0.3) < 5 * (0.3 * 0.7 / flipped.numel()) ** 0.5
    layer.eval()


@pytest.mark.parametrize("dtype", [None, torch.float16])
@pytest.mark.parametrize(
    "coding",
    [BinarizePerPixel.of_median(BYTES), Thermometer(3, low=0.1)],
    ids=lambda layer: type(layer).__name__,
)
def test_a_file_and_a_chip_hold_the_coding(coding, dtype, tmp_path):
    torch.manual_seed(0)
    x = torch.from_numpy(BYTES)
    model = nn.Sequential(coding, nn.Linear(coding(x).shape[1], 3))
    save(model, tmp_path / "a.safetensors", dtype=dtype)
    again = load(tmp_path / "a.safetensors")
    # Thresholds between bytes code them alike in float16, too.
    assert torch.equal(again[0](x), coding(x))
    chip = map_to_crossbar(again, IDEAL, rng=0)
    logits = chip.sample(BYTES, 1, rng=0)[0]
    np.testing.assert_allclose(logits, again(x).detach().numpy(), atol=1e-5)


def test_a_chip_and_torch_compare_at_the_threshold_alike():
    x = np.tile((np.arange(256) / 255).astype("f4"), (2, 1))
    for layer in (Thermometer(4), Thermometer(9), Thermometer(50), BinarizePerPixel(256)):
        states = on_chip(layer, "layer 0").function(x.astype(np.float64))
        np.testing.assert_array_equal(states, layer(torch.from_numpy(x)).numpy() > 0)


def test_states_are_coded_as_numbers():
    states = np.array([[True, False]])
    coding = on_chip(Thermometer(1, low=-2, high=2), "layer 0").function
    np.testing.assert_array_equal(coding(states), states)
    coding = on_chip(BinarizePerPixel(2), "layer 0").function
    np.testing.assert_array_equal(coding(states), states)


def test_a_coding_passes_no_gradient():
    x = torch.rand(3, 12, requires_grad=True)
    for layer in (BinarizePerPixel(12), Thermometer(2)):
        assert not layer(x).requires_grad


def test_a_sampling_network_maps_behind_a_thermometer():
    torch.manual_seed(0)
    model = nn.Sequential(Thermometer(2), NSMLinear(24, 5), nn.Linear(5, 3)).eval()
    hardware = IDEAL.__class__(
        device=IDEAL.device, gate=devices.BlankOut(p=0.5), gate_sharing="pair"
    )
    chip = map_to_crossbar(model, hardware, rng=0)
    assert chip.sample(BYTES, 2, rng=0).shape == (2, 31, 3)
    assert 0 <= chip.error_rate(BYTES, np.arange(31) % 3, 2, rng=0) <= 1
    with pytest.raises(ValueError, match=r"\(31, 11\)"):  # images have 12 values, not 24
        chip.sample(BYTES[:, :11], 2, rng=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BinarizePerPixel(0), "BinarizePerPixel.shape = 0 is not allowed"),
        (lambda: BinarizePerPixel(3, flip=0.5), "BinarizePerPixel.flip = 0.5 is not allowed"),
        (lambda: Thermometer(0), "Thermometer.levels = 0 is not allowed"),
        (lambda: Thermometer(2, low=1), "Thermometer.high = 1.0 is not allowed"),
        (lambda: BinarizePerPixel.of_median(np.zeros(3)), "images have shape (3,); give at least"),
        (lambda: BinarizePerPixel.of_median([[np.nan]]), "images holds 1 values that are NaN"),
        (lambda: BinarizePerPixel(3)(torch.zeros(2, 4)), "images have shape (4,), but Binarize"),
        (lambda: BinarizePerPixel(3)(np.zeros((2, 3))), "BinarizePerPixel was called with a nda"),
        (lambda: Binarize()([0.0]), "Binarize was called with a list; give a torch.Tensor"),
        (lambda: Thermometer(2)(np.zeros((2, 3))), "Thermometer was called with a ndarray; give"),
    ],
)
def test_wrong_values_are_refused(make, message):
    with pytest.raises(ValueError) as refusal:
        make()
    assert message in str(refusal.value)
