"""The demonstration, here with two values per axis and one epoch of training."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from scipy.special import erf
from torch import nn
from typer.testing import CliRunner

from crossbar import Hardware
from devices import BlankOut, Device
from nsm import NSMConv2d, NSMLinear, error_rate, load, map_to_crossbar, relu_mlp, save
from nsm.cli import demo
from nsm.cli import main as cli
from nsm.datasets import load_digits
from nsm.nn.activations import Binarize, Sign
from nsm.nn.rules import NoiselessLinear
from nsm.nn.sigmoid import SigmoidLinear
from nsm.nn.weight_norm import RowNormLinear
from nsm.plots import chips
from nsm.sweeps import grid, read_rows

AXES = demo.AXES  # those of the command; the fixture `small` replaces them
NETWORKS = ["NSM", "ReLU", "StNN"]
IDEAL = Hardware(
    device=Device(g_min=1e-9, g_max=1e-6), gate=BlankOut(0.5), deterministic_path="ideal"
)


def two_values(axis):
    """The same sweep with its nominal value and one other."""
    other = next(value for value in axis.values if value != axis.nominal)
    return replace(axis, values=[axis.nominal, other])


@pytest.fixture(scope="module")
def small():
    """The demonstration, shortened to seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "AXES", tuple(two_values(axis) for axis in AXES))
        patch.setattr(demo, "WIDTHS", (64, 12, 10, 10))
        patch.setattr(demo, "TRAININGS", 2)
        patch.setattr(demo, "SAMPLES", 1)
        patch.setattr(demo, "load_digits", lambda: load_digits(test_fraction=0.03))
        yield demo


@pytest.fixture(scope="module")
def results(small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "results"
    page = small.run(folder, workers=1, epochs=1, progress=False)
    assert page == folder / "index.html"
    return folder


@pytest.fixture
def unsaved(monkeypatch):
    """Figures of chips are drawn but not saved, which `test_the_chip_is_drawn` tests."""
    monkeypatch.setattr(chips, "save_figure", lambda _, path: path.write_bytes(b"\x89PNG"))


def test_every_axis_has_rows_and_a_figure_of_all_three_networks(small, results):
    for axis in small.AXES:
        rows = read_rows(results / f"{axis.stem}.csv")
        assert sorted(rows.network.unique()) == NETWORKS
        assert len(rows) == 3 * 2 * 2
        assert sorted(rows[axis.path].unique()) == sorted(axis.values)
        assert (results / f"{axis.stem}.png").read_bytes().startswith(b"\x89PNG")


def test_the_chip_is_drawn(results):
    for name in ("conductances", "weight_error", "firing_probability"):
        assert (results / f"chip_{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_networks_are_kept(results):
    networks = [load(path) for path in sorted(results.glob("*.safetensors"))]
    kinds = [type(m[1]).__name__ for m in networks]
    assert kinds == ["NSMLinear"] * 2 + ["ReLU"] * 2 + ["SigmoidLinear"] * 2


def test_the_page_needs_no_other_file_and_names_what_was_run(small, results):
    page = (results / "index.html").read_text(encoding="utf-8")
    light = re.findall(r' src="([^"]*)"', page)
    dark = re.findall(r' srcset="([^"]*)"', page)
    assert len(light) == len(dark) == len(small.AXES) + 3
    assert all(s.startswith("data:image/png;base64,") for s in light + dark)
    assert not set(light) & set(dark)
    assert "http" not in page
    for axis in small.AXES:
        assert f"<h3>{axis.title}</h3>" in page
        assert f'href="{axis.stem}.csv"' in page
    for fact in (
        "64-12-10-10",
        "1 epochs, label smoothing 0.1, input flips 5 %, weight averaging 0.99",
        "<dt>trainings of each network</dt><dd>2</dd>",
        "Jerry",
        "blank-out, conducts with probability 0.5",
        "The device is the preset fefet_jerry2017, unchanged.",
        "Tiles, energy, latency and area of one inference",
        "<dt>seed</dt><dd>0</dd>",
    ):
        assert fact.lower() in page.lower()
    assert re.search(
        r"<footer>Written by nsm demo in [\d.]+ (s|min): training [\d.]+ (s|min)", page
    )


def test_every_panel_shows_the_error_in_software_of_all_networks(small, results):
    page = (results / "index.html").read_text(encoding="utf-8")
    (cells,) = re.findall(r"Test error in software \[%\]</th>(.*)</tr>", page)
    shown = [float(v) for v in re.findall(r"<td>([\d.]+) <small>", cells)]
    data = load_digits(test_fraction=0.03)
    for name, error in zip(NETWORKS, shown, strict=True):
        models = [load(results / f"{name}_{seed}.safetensors") for seed in (0, 1)]
        each = [error_rate(model, data.x_test, data.y_test, 1, rng=0) for model in models]
        assert error == round(100 * np.mean(each), 1)


@pytest.mark.usefixtures("unsaved")
def test_the_same_call_resumes(small, results, monkeypatch):
    few = small.AXES[:2]
    monkeypatch.setattr(small, "AXES", few)
    before = {f"{a.stem}.csv": (results / f"{a.stem}.csv").read_bytes() for a in few}
    torn = results / f"{small.AXES[0].stem}.csv"
    torn.write_bytes(before[torn.name][:-20])
    small.run(results, workers=1, epochs=1, progress=False)
    for name, content in before.items():
        whole, again = pd.read_csv(results / name), (results / name).read_bytes()
        if name == torn.name:
            assert len(whole) == 12
            assert again.startswith(content[: content[:-20].rfind(b"\n")])
        else:
            assert again == content


def test_the_panel_of_programming_errors_tells_those_of_its_chip():
    hardware, _ = demo.swept_hardware("device.write.error_factor")
    device = hardware.device
    (text,) = (axis.text for axis in AXES if axis.path == "device.write.error_factor")
    width = device.g_max - device.g_min
    (error,) = device.programming_error(np.array([(device.g_min + device.g_max) / 2])) / width
    assert f"errors of {100 * device.write.pulses.c2c:.1f} % of the conductance range" in text
    assert f"up to {100 * error:.1f} % in the middle of it (root mean square)" in text


def test_every_axis_of_the_demonstration_fits_its_hardware():
    for axis in AXES:
        assert axis.nominal in axis.values
        if axis.path != "gain":
            unchanged, _ = demo.swept_hardware(axis.path)
            (task,) = grid(relu_mlp((64, 5, 10)), unchanged, {axis.path: [axis.nominal]})
            nominal = task.hardware
            np.testing.assert_allclose(nominal.device.g_min, unchanged.device.g_min, rtol=1e-4)
            same = {name: getattr(unchanged.device, name) for name in ("g_min", "write", "pulses")}
            if axis.path == "device.on_off_ratio":  # pulses span the range, see with_on_off_ratio
                assert nominal.device.write.pulses.g_min == nominal.device.g_min
            else:
                same = {"g_min": unchanged.device.g_min}
            assert replace(nominal.device, **same) == unchanged.device
        hardware, _ = demo.swept_hardware(axis.path)
        tasks = grid(relu_mlp((64, 5, 10)), hardware, {axis.path: axis.values})
        assert len({t.id for t in tasks}) == len(axis.values) >= 5


def conv_net(*before):
    """A small convolutional network for digits, in train mode, where inputs would be flipped."""
    torch.manual_seed(0)
    first = [Binarize(flip=0.4), *before, nn.Unflatten(1, (1, 8, 8))]
    convolution = [NSMConv2d(1, 4, 3, padding=1, stride=2), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*first, *convolution, NSMLinear(16, 10), nn.Linear(10, 10))


def test_map_draws_the_firing_of_a_convolution(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(conv_net(), "conv.safetensors")
    line = "map conv.safetensors --images 5 --samples 1 --threads 1 --out chip"
    done = CliRunner().invoke(cli.app, line.split(), catch_exceptions=False)
    assert done.exit_code == 0
    assert (tmp_path / "chip" / "chip_firing_probability.png").read_bytes().startswith(b"\x89PNG")


def drawn_firing(model, tmp_path, monkeypatch):
    """Return the arguments and frequencies in the figure of a chip; None if it is not drawn."""
    found = []

    def kept(*args, **options):
        found.append(plot_firing(*args, **options))
        return found[-1]

    plot_firing = chips.plot_firing_probability
    monkeypatch.setattr(chips, "plot_firing_probability", kept)
    paths = demo.draw_chip(
        map_to_crossbar(model, IDEAL, rng=0), model, load_digits().x_test, tmp_path
    )
    assert ("chip_firing_probability.png" in [p.name for p in paths]) == bool(found)
    assert all(p.is_file() for p in paths)
    return found[0].lines[0].get_data() if found else None


@pytest.mark.usefixtures("unsaved")
@pytest.mark.parametrize("points", [20_000, 130, 1])
def test_the_points_of_a_convolution_lie_on_equation_4(points, tmp_path, monkeypatch):
    monkeypatch.setattr(chips, "POINTS", points)
    v, frequency = drawn_firing(conv_net(), tmp_path, monkeypatch)
    # The layer has 64 neurons. The limits are met by 50 images (800 points are drawn), 2 and 1.
    assert len(v) == {20_000: 800, 130: 128, 1: 64}[points]
    # A sum of 9 inputs is only roughly normal: it is off by 0.1. A mistaken order of neurons would
    # be off by up to 1.
    assert np.abs(frequency - 0.5 * (1 + erf(v))).max() < 0.25
    assert np.corrcoef(frequency, erf(v))[0, 1] > 0.97


@pytest.mark.usefixtures("unsaved")
def test_layers_without_noise_come_before_a_firing_that_is_drawn(tmp_path, monkeypatch):
    v, frequency = drawn_firing(conv_net(NoiselessLinear(64, 64)), tmp_path, monkeypatch)
    assert np.corrcoef(frequency, erf(v))[0, 1] > 0.97


@pytest.mark.usefixtures("unsaved")
@pytest.mark.parametrize(
    "hidden",
    [
        [SigmoidLinear(64, 12), NSMLinear(12, 10)],  # its inputs change from pass to pass
        [NoiselessLinear(64, 12), nn.Linear(12, 10)],  # no layer of the chip is stochastic
        [nn.Linear(64, 12), Sign(), nn.Linear(12, 10)],
    ],
)
def test_no_firing_is_drawn_where_images_do_not_determine_the_argument(
    hidden, tmp_path, monkeypatch
):
    assert drawn_firing(nn.Sequential(Binarize(), *hidden), tmp_path, monkeypatch) is None


def row_normal():
    """A layer with weights normalized by row, which are far from norm 1."""
    layer = RowNormLinear(64, 10)
    with torch.no_grad():
        layer.weight.mul_(3)
    return [layer]


def batch_normal():
    """A layer whose batch norm must be folded into its weights."""
    norm = nn.BatchNorm1d(10).eval()
    with torch.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            values.uniform_(0.5, 3)
    return [nn.Linear(64, 10), norm]


@pytest.mark.usefixtures("unsaved")
@pytest.mark.parametrize(
    ("build", "options"),
    [
        (lambda: [NSMLinear(64, 10)], {"weight_scale": "row"}),
        (lambda: [NoiselessLinear(64, 10)], {}),
        (row_normal, {}),
        (batch_normal, {}),
        (batch_normal, {"weight_scale": "row"}),
    ],
)
def test_an_ideal_chip_is_drawn_without_weight_errors(build, options, tmp_path, monkeypatch):
    torch.manual_seed(0)
    model, errors = nn.Sequential(*build(), nn.Linear(10, 10)), []
    draw = Axes.hist
    monkeypatch.setattr(
        Axes, "hist", lambda ax, x, **style: (errors.append(np.asarray(x)), draw(ax, x, **style))[1]
    )
    chip = map_to_crossbar(model, replace(IDEAL, **options), rng=0)
    demo.draw_chip(chip, model, load_digits().x_test, tmp_path)
    assert [e.size for e in errors] == [640, 100]
    assert max(np.abs(e).max() for e in errors) < 100 * 1e-9  # they are drawn in %
    assert chip.report().weight_error_rms.max() < 1e-9
