"""Arguments without effect, of another kind, or that no file can hold are refused by name."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import nsm
from crossbar import Hardware, Wires, row_factors, tile_factors, to_spice
from devices import BlankOut, Device
from nsm.plots import facet_error_rate

HARDWARE = Hardware(device=Device(g_min=1e-6, g_max=1e-4), gate=BlankOut(0.5))
X, Y = np.linspace(0, 1, 24).reshape(6, 4), np.arange(6) % 2
MASKED = np.ma.masked_array(X, X > 0.9)
LONG = "a" * 300


def network():
    torch.manual_seed(0)
    return nsm.nsm_mlp((4, 3, 2))


def rows():
    """Return rows of two networks at two gains."""
    names = [(n, g) for n in "ab" for g in (0.5, 1.0)]
    return pd.DataFrame(
        [{"network": n, "gain": g, "chip": 0, "errors": 1, "images": 6} for n, g in names]
    )


@pytest.fixture
def measured(tmp_path):
    """Return a table of programmed cells."""
    lines = [f"{t},{t + 0.01 * k}" for t in (5, 10) for k in range(30)]
    (tmp_path / "mine.csv").write_text("\n".join(["target [µS],got [µS]", *lines]))
    return tmp_path / "mine.csv"


def test_data_that_come_with_a_library_have_no_folder():
    with pytest.raises(ValueError, match="data_dir = 'x' has no effect: digits comes with scikit"):
        nsm.load_data("digits", data_dir="x")
    with pytest.raises(ValueError, match=r"data_dir = \['x'\] is not a path"):
        nsm.load_data("digits", data_dir=["x"])


def test_ends_of_normalized_values_need_normalized_values(measured):
    with pytest.raises(
        ValueError, match="--g-min has no effect on .*mine.csv, read as programming"
    ):
        nsm.read_measurement(measured, "programming", g_min=1e-6, g_max=1e-4)
    with pytest.raises(ValueError, match="g_min has no effect without g_max"):
        nsm.read_measurement(measured, "programming", g_min=1e-6)
    with pytest.raises(ValueError, match="strict = 'no' is not allowed; give True or False"):
        nsm.read_measurement(measured, "programming", strict="no")


def test_an_order_of_lines_names_all_of_them():
    with pytest.raises(ValueError, match=r"order = \['a', 'b'\] has no effect without group"):
        nsm.plot_error_rate(rows().iloc[:2], x="gain", order=["a", "b"])
    with pytest.raises(ValueError, match=r"order = \['b'\] lacks a, which rows have"):
        nsm.plot_error_rate(rows(), x="gain", group="network", order=["b"])
    with pytest.raises(ValueError, match="ax = 5 is not an Axes"):
        nsm.plot_error_rate(rows(), x="gain", group="network", ax=5)
    with pytest.raises(ValueError, match="columns = 0 is not allowed"):
        facet_error_rate(rows(), x="gain", facet="network", columns=0)


@pytest.mark.parametrize("call", [nsm.map_to_crossbar, nsm.hardware_aware])
def test_masked_examples(call):
    with pytest.raises(ValueError, match="example is a masked array, 3 of whose 24 values"):
        call(network(), HARDWARE, rng=0, example=MASKED)


def test_a_beta_of_nan_is_named_by_its_layer():
    broken = network()
    broken[1].beta.data[0] = torch.nan
    with pytest.raises(ValueError, match=r"layer 1 \(NSMLinear\) holds NaN or infinite beta"):
        nsm.map_to_crossbar(broken, HARDWARE, rng=0)


@pytest.mark.parametrize("factors", [row_factors, tile_factors])
@pytest.mark.parametrize("w_max", [0, -1.0, np.nan, True, "0.5", None])
def test_the_range_of_factors_is_a_number_above_0(factors, w_max):
    hardware = Hardware(device=HARDWARE.device, weight_scale=factors.__name__.split("_")[0])
    with pytest.raises(ValueError, match=r"w_max = "):
        factors(np.ones((2, 2)), w_max, hardware)


@pytest.mark.parametrize(
    ("g", "v", "wires", "name"),
    [
        (np.ones((2, 1), dtype=bool), [0.1, 0.1], Wires(1.0, 1.0), "g holds truth values"),
        (np.full((2, 1), 1e-5), [0.1, 1e300], Wires(1.0, 1.0), r"v holds values up to 1e\+300"),
        (np.full((2, 1), 1e-5), [0.1, 0.1], None, "wires = None is not a Wires"),
    ],
)
def test_netlists(g, v, wires, name):
    with pytest.raises(ValueError, match=name):
        to_spice(g, v, wires)


@pytest.mark.parametrize("value", ["no", 0, None, "false"])
def test_flags_are_truth_values(value):
    with pytest.raises(ValueError, match=r"NSMLinear.bias = .* is not allowed; give True or False"):
        nsm.NSMLinear(4, 3, bias=value)
    with pytest.raises(ValueError, match=r"NSMConv2d.bias = .* is not allowed"):
        nsm.NSMConv2d(1, 2, 3, bias=value)
    with pytest.raises(ValueError, match=r"per_location = .* is not allowed"):
        nsm.conv_net(per_location=value)
    tasks = nsm.grid(network(), HARDWARE, {"gain": [0.5]})
    for flag in ("keep_wrong", "progress"):
        with pytest.raises(ValueError, match=rf"{flag} = .* is not allowed"):
            nsm.collect(tasks, X, Y, chips=1, samples=1, rng=0, **{flag: value})


@pytest.mark.parametrize("kernel", [{3, 2}, b"ab", "33", {3: 1, 2: 1}, 1.5])
def test_kernels_are_numbers(kernel):
    with pytest.raises(ValueError, match=r"NSMConv2d.kernel_size = .* is not allowed"):
        nsm.NSMConv2d(1, 2, kernel)


@pytest.mark.parametrize("read", [nsm.load, nsm.load_chip, nsm.read_rows])
def test_names_that_are_too_long_name_no_file(read):
    with pytest.raises(FileNotFoundError, match="aaa … aaa"):
        read(LONG)
    with pytest.raises(ValueError, match="path = 5 is not a path"):
        read(5)


def test_a_measurement_with_a_long_name():
    with pytest.raises(FileNotFoundError, match="no measurement aaa"):
        nsm.read_measurement(f"{LONG}.csv", "programming")


@pytest.mark.parametrize(
    "call",
    [nsm.interval, nsm.to_xarray, lambda r: nsm.compare(r, "gain", "a", "b"),
     lambda r: nsm.plot_error_rate(r, x="gain")],
)  # fmt: skip
def test_rows_are_a_table(call):
    with pytest.raises(ValueError, match=r"rows = \[1\] is not a DataFrame; give the rows of nsm"):
        call([1])


def test_names_that_no_file_can_hold():
    with pytest.raises(ValueError, match="name of a network in model = .* half of a character"):
        nsm.grid({"\ud800": network()}, HARDWARE, {"gain": [0.5]})


def test_what_is_given_to_be_called_returns_what_is_asked():
    options = {"epochs": 1, "rng": 0, "progress": False}
    with pytest.raises(ValueError, match="augment returned None for 6 images"):
        nsm.fit(network(), X, Y, augment=lambda *given: None, **options)
    with pytest.raises(ValueError, match="the result of measure = None is not a dict"):
        nsm.fit(network(), X, Y, measure=lambda model: None, **options)


def test_images_that_calibrate_tolerances_are_like_the_others():
    with pytest.raises(ValueError, match=r"calibrate has shape \(2, 3\)"):
        nsm.tolerances(
            nn.Sequential(nn.Linear(4, 2)), Hardware(device=HARDWARE.device), np.tile(X, (5, 1)),
            np.tile(Y, 5), blocks=4, samples=1, calibrate=np.ones((2, 3)), progress=False,
        )  # fmt: skip
