"""Ranges of converters from data, and what a chip says of them."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Adc, BitSliced, Dac, Hardware
from devices import BlankOut, Device, GaussianNoise
from nsm import load_chip, map_to_crossbar, nsm_mlp
from nsm.chips.torch_reads.torch_chip import TorchChip
from tests.helpers.statistics import assert_variance

CELL = Device(g_min=1e-5, g_max=1e-4)
MATRIX = torch.tensor([[8.0, 3, -2], [-4, 7, 5], [3, 4, -12]])
X = np.array([[9.0, 15, 35]])
PRODUCT = np.array([47.0, 244, -333])


def chip_of(model, *, device=CELL, rng=0, **hardware):
    """Return a chip of clean cells with these converters."""
    return map_to_crossbar(model, Hardware(device=device, **hardware), rng=rng)


def one_matrix():
    """Return a linear layer with the matrix of the case."""
    layer = nn.Linear(3, 3, bias=False)
    layer.weight.data = MATRIX
    return nn.Sequential(layer)


def perceptron(seed=0):
    """Return a ReLU network of two layers."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 20), nn.ReLU(), nn.Linear(20, 5)).double()


# The case: a matrix times (9, 15, 35).


@pytest.mark.parametrize("per", ["layer", "column"])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_calibrated_converter_reads_the_product_within_half_a_step(bits, per):
    chip = chip_of(one_matrix(), adc=Adc(bits=bits))
    chip.calibrate(X, per=per)
    half_step = 333 / (2**bits - 1)
    assert np.abs(chip.sample(X, 1, rng=0)[0, 0] - PRODUCT).max() <= half_step * (1 + 1e-9)
    assert chip.report().clipped_currents.item() == 0


def test_without_calibration_it_says_what_it_clips():
    chip = chip_of(one_matrix(), adc=Adc(bits=8))
    with pytest.warns(UserWarning, match=r"ADC of layer 0 \(Linear\) clips its currents: 100\.00%"):
        chip.sample(X, 1, rng=0)
    assert chip.report().clipped_currents.item() == 1.0


def test_a_range_of_the_dac_is_enough_for_the_default_range_of_the_adc():
    chip = chip_of(one_matrix(), adc=Adc(bits=12), dac=Dac(12, 35.0))
    # Inputs err by half a step of the DAC, currents by half a step of the ADC.
    bound = 19 * 35 / (2**12 - 2) + 19 * 35 / (2**12 - 1)
    assert np.abs(chip.sample(X, 1, rng=0)[0, 0] - PRODUCT).max() <= bound


@pytest.mark.parametrize("serial", [False, True])
def test_calibrated_dacs_take_the_largest_input(serial):
    chip = chip_of(one_matrix(), dac=Dac(8, serial=serial))
    with pytest.raises(
        ValueError, match=r"the DAC of layer 0 \(Linear\) has no range: .*calibrate"
    ):
        chip.sample(X, 1, rng=0)
    chip.calibrate(X)
    assert chip.layers[0].neurons.drivers.limit == 35
    levels = np.rint(X * 127 / 35) * 35 / 127
    np.testing.assert_allclose(chip.sample(X, 1, rng=0)[0], levels @ MATRIX.numpy().T, rtol=1e-6)


# Whole networks.


def test_layers_are_calibrated_behind_the_converters_before_them(rng):
    model = perceptron()
    x = rng.uniform(-3, 3, (50, 12))
    chip = chip_of(model, adc=Adc(3), dac=Dac(3))
    chip.calibrate(x)
    first, second = (layer.neurons for layer in chip.layers)
    # The slow twin: one converter after the other, each with the largest value that it sees.
    (w1, b1), (w2, b2) = (
        [p.detach().numpy() for p in (model[i].weight, model[i].bias)] for i in (0, 2)
    )
    z = x
    for neurons, w, b in ((first, w1, b1), (second, w2, b2)):
        np.testing.assert_allclose(neurons.drivers.limit, np.abs(z).max(), rtol=1e-6)
        u = Dac(3).convert(z, np.abs(z).max()) @ w.T + b
        amperes = neurons.converters.amperes_per_weight
        limit = np.abs(u).max()
        np.testing.assert_allclose(neurons.converters.limits / amperes, [[limit]], rtol=1e-6)
        z = np.maximum(Adc(3).convert(u, limit), 0)
    out = Adc(3).convert(u, limit)
    np.testing.assert_allclose(chip.sample(x, 1, rng=0)[0], out, atol=1e-5)


def test_calibration_does_not_depend_on_batches_and_repeats_with_its_seed(rng):
    device = Device(g_min=1e-5, g_max=1e-4, read_noise=GaussianNoise(0.1))
    x = rng.uniform(-3, 3, (50, 12))
    chips = [chip_of(perceptron(), device=device, adc=Adc(4), dac=Dac(4)) for _ in range(3)]
    for chip, seed in zip(chips, (1, 1, 2), strict=True):
        chip.calibrate(x, method="percentile", percentile=99, rng=seed)
    ranges = [[layer.neurons.converters.limits.item() for layer in c.layers] for c in chips]
    assert ranges[0] == ranges[1] != ranges[2]


def test_few_bits_are_worth_most_with_a_range_for_each_column(rng):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(30, 10, bias=False)).double()
    model[0].weight.data *= torch.logspace(-2, 0, 10)[:, None]
    x = rng.standard_normal((400, 30))
    exact = x @ model[0].weight.detach().numpy().T
    errors = {}
    for method in ("max", "percentile", "least_squares"):
        for per in ("layer", "column"):
            chip = chip_of(model, adc=Adc(4))
            chip.calibrate(x, method=method, per=per)
            errors[method, per] = ((chip.sample(x, 1, rng=0)[0] - exact) ** 2).mean()
    assert errors["least_squares", "layer"] < errors["max", "layer"]
    assert errors["least_squares", "column"] < errors["max", "column"]
    assert all(errors[m, "column"] < errors[m, "layer"] for m in ("max", "least_squares"))


def test_ranges_that_are_given_stay(rng):
    x = rng.uniform(-3, 3, (50, 12))
    chip = chip_of(perceptron(), adc=Adc(8, 1e-3), dac=Dac(8))
    chip.calibrate(x)
    for layer in chip.layers:
        np.testing.assert_array_equal(layer.neurons.converters.limits, [[1e-3]])
        assert layer.neurons.drivers.limit is not None


def test_what_a_calibration_clips_on_purpose_is_no_reason_to_warn(rng):
    x = rng.standard_normal((500, 12))
    chip = chip_of(perceptron(), adc=Adc(4))
    chip.calibrate(x, method="percentile", percentile=98)
    chip.sample(x, 1, rng=0)
    assert 0.01 < chip.report().clipped_currents.dropna().iloc[0] < 0.03
    with pytest.warns(UserWarning, match="clips its currents"):
        chip.sample(5 * x, 1, rng=0)


def test_a_calibrated_chip_is_copied_with_its_ranges(rng):
    x = rng.uniform(-3, 3, (20, 12))
    chip = chip_of(perceptron(), adc=Adc(4), dac=Dac(4))
    chip.calibrate(x)
    again = copy.deepcopy(chip)
    np.testing.assert_array_equal(chip.sample(x, 1, rng=0), again.sample(x, 1, rng=0))


@pytest.mark.parametrize(
    "hardware",
    [
        {"adc": Adc(4, offset=1e-6), "dac": Dac(4)},
        {"adc": Adc(4, per="tile"), "tile_shape": (5, 8), "dac": Dac(4, serial=True)},
        {"adc": Adc(6), "mapping": BitSliced(bits_per_cell=1, bits=4)},
    ],
    ids=["output", "tile", "slices"],
)
def test_a_calibrated_chip_comes_back_from_its_file(hardware, rng, tmp_path):
    device = Device(g_min=1e-5, g_max=1e-4, read_noise=GaussianNoise(0.05))
    x = rng.uniform(-3, 3, (20, 12))
    chip = chip_of(perceptron(), device=device, **hardware)
    chip.calibrate(x, per="column", rng=0)
    chip.save(tmp_path / "chip.safetensors")
    again = load_chip(tmp_path / "chip.safetensors")
    np.testing.assert_array_equal(chip.sample(x, 2, rng=0), again.sample(x, 2, rng=0))


def test_a_convolution_is_calibrated_over_all_its_locations(rng):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).double()
    x = rng.uniform(0, 255, (10, 1, 6, 6))
    exact = model(torch.tensor(x)).detach().numpy()
    errors = []
    for bits in (8, 12):
        chip = chip_of(model, adc=Adc(bits), dac=Dac(bits))
        chip.calibrate(x, per="column")
        errors.append(np.abs(chip.sample(x, 1, rng=0)[0] - exact).max())
        assert (chip.report().clipped_currents.dropna() == 0).all()
    assert errors[1] < 1e-3 * np.abs(exact).max()
    assert errors[1] < errors[0] / 8  # 4 bits are a factor of 16


def test_the_shares_that_are_clipped_stand_in_the_report(rng):
    chip = chip_of(perceptron()[:1], adc=Adc(4, 1.0), dac=Dac(4, 1.0))
    x = np.zeros((10, 12))
    x[:, 0] = 2.0
    assert chip.report().clipped_inputs.isna().all()
    with pytest.warns(UserWarning, match="DAC of layer 0"):
        chip.sample(x, 1, rng=0)
    assert chip.report().clipped_inputs.iloc[0] == pytest.approx(1 / 12)


def test_noise_of_converters_is_drawn_in_numpy_and_torch(rng):
    unit = chip_of(one_matrix()).layers[0].amperes_per_weight
    chip = chip_of(one_matrix(), adc=Adc(20, 500 * unit, noise=3 * unit))
    for reader in (chip, TorchChip(chip, dtype=torch.float64)):
        read = reader.sample(X, 20_000, rng=0)[:, 0]
        assert_variance(read, 9.0, PRODUCT)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"adc": Adc(8, per="tile"), "tile_shape": (2, 3)}, "arrays that are read as one"),
        ({"dac": Dac(8, 35.0)}, "inputs without a DAC"),
    ],
)
def test_torch_reads_refuse_what_is_converted_in_parts(options, reason):
    with pytest.raises(ValueError, match=rf"layer 0 \(Linear\): torch reads need {reason}"):
        TorchChip(chip_of(one_matrix(), **options))


# Refusals.


@pytest.mark.parametrize(
    ("hardware", "options", "message"),
    [
        ({}, {}, r"this chip has no converters to calibrate; .*Hardware\(adc=crossbar\.Adc"),
        ({"adc": Adc(8, 1e-3)}, {}, r"every converter of this chip has a range that the hardware"),
        ({"adc": Adc(8)}, {"method": "mean"}, r"unknown method 'mean'"),
        ({"adc": Adc(8)}, {"per": "tile"}, r"unknown per 'tile'"),
        ({"adc": Adc(8)}, {"percentile": 99}, r'percentile = 99 has no effect with method = "max"'),
        (
            {"adc": Adc(8)},
            {"method": "percentile", "percentile": 0},
            r"percentile = 0 is not allowed",
        ),
        ({"dac": Dac(8)}, {"per": "column"}, r'per = "column" has no effect'),
    ],
)
def test_calibration_without_effect_is_refused(hardware, options, message):
    with pytest.raises(ValueError, match=message):
        chip_of(one_matrix(), **hardware).calibrate(X, **options)


def test_inputs_that_give_no_range_are_refused_and_change_nothing(rng):
    chip = chip_of(perceptron(), adc=Adc(8), dac=Dac(8))
    before = [layer.neurons.converters.limits for layer in chip.layers]
    with pytest.raises(
        ValueError, match=r"layer 0 \(Linear\): all inputs that the calibration saw"
    ):
        chip.calibrate(np.zeros((5, 12)))
    for layer, limits in zip(chip.layers, before, strict=True):
        assert layer.neurons.drivers.limit is None
        assert layer.neurons.drivers.watch is None
        assert layer.neurons.converters.watch is None
        np.testing.assert_array_equal(layer.neurons.converters.limits, limits)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"dac": Dac(8, 1.0, serial=True)},
            "computes with the noise of one read, which bit-serial",
        ),
        (
            {"mapping": BitSliced()},
            r"computes with the noise of one cell or pair .* has 4; give it",
        ),
    ],
)
def test_neural_sampling_layers_refuse_what_averages_their_noise(part, message):
    hardware = Hardware(device=CELL, gate=BlankOut(0.5), **part)
    with pytest.raises(ValueError, match=message):
        map_to_crossbar(nsm_mlp((8, 6, 3)), hardware, rng=0)


# Counts, and warnings.


class Recurrent(nn.Module):
    """A network whose last output of an LSTM is its answer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.lstm = nn.LSTM(6, 8, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


def counts_of(chip):
    """Return the conversions of all converters of a chip."""
    banks = [(n.drivers, n.converters) for n in (layer.neurons for layer in chip.layers)]
    return [(bank.clips.conversions, bank.clips.clipped) for two in banks for bank in two]


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("options", [{"method": "least_squares"}, {"method": "percentile"}])
def test_time_steps_that_clip_more_than_their_mean_are_no_reason_to_warn(bits, options, rng):
    hardware = Hardware(device=CELL, adc=Adc(bits), dac=Dac(bits + 1))
    x = torch.tensor(rng.standard_normal((40, 7, 6)), dtype=torch.float32)
    chip = map_to_crossbar(Recurrent(), hardware, rng=0, example=x[:2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chip.calibrate(x, **options)
        chip.sample(x, 1, rng=1)
    with pytest.warns(UserWarning, match="clips its (inputs|currents)"):
        chip.sample(20 * x, 1, rng=0)


def test_the_reads_of_a_calibration_are_not_counted(rng):
    x = rng.uniform(-3, 3, (20, 12))
    by_layer = {"0": Hardware(device=CELL, adc=Adc(4, 1e-3), dac=Dac(4))}
    by_layer["2"] = Hardware(device=CELL, adc=Adc(4), dac=Dac(4, 100.0))
    chip = map_to_crossbar(perceptron(), by_layer, rng=0)
    chip.calibrate(x)
    assert counts_of(chip) == [(0, 0)] * 4
    chip.sample(x, 1, rng=0)
    assert counts_of(chip) == [(240, 0), (400, 0), (400, 0), (100, 0)]


def test_a_calibration_that_fails_leaves_ranges_and_counts(rng):
    x = rng.uniform(-3, 3, (20, 12))
    chip = chip_of(perceptron(), adc=Adc(4), dac=Dac(4))
    chip.calibrate(x)
    chip.sample(x, 1, rng=0)
    before, counts = chip.sample(x, 1, rng=0), counts_of(chip)
    left = iter((3, 2, 1, 0))  # the passes of the first layer's DAC and ADC succeed
    handle = chip.layers[1].register_forward_hook(lambda *_: 1 / next(left) and None)
    with pytest.raises(ZeroDivisionError):
        chip.calibrate(10 * x)
    handle.remove()
    assert counts_of(chip) == counts
    np.testing.assert_array_equal(chip.sample(x, 1, rng=0), before)
    assert counts_of(chip) > counts


# The range of one converter.
