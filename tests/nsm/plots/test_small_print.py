"""Small print of figures says what was computed, and labels of ticks do not touch."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import TextPath
from scipy.stats import norm

import crossbar
import devices
import nsm
from nsm.cli.demo import AXES, demo_hardware
from nsm.plots import conditions, facet_error_rate, plot_error_rate, style_of
from nsm.plots.notes import SMALL, note_below, note_figure, text_width, wrapped
from nsm.plots.style import NETWORK_PLACES, figure
from nsm.plots.ticks import separate_tick_labels

NETWORKS = {
    "NSM": nsm.nsm_mlp((64, 5, 10)),
    "ReLU": nsm.relu_mlp((64, 5, 10)),
    "StNN": nsm.stnn_mlp((64, 5, 10)),
    "BD": nsm.bd_mlp((64, 5, 10)),
}


def test_readouts_and_gates_are_read_off_networks_and_hardware():
    text = conditions(demo_hardware(), NETWORKS)
    assert text.startswith(
        "NSM, StNN, BD: comparators, last layer ideal ADCs; ReLU: ideal ADCs. One gate per pair. "
        "Range: largest |w| of each layer. Written by open-loop pulses with an error of 1.9 % "
        "of the range."
    )
    eight = replace(demo_hardware(), adc=crossbar.Adc(bits=8), gate_sharing="word_line")
    text = conditions(eight, {"ReLU": NETWORKS["ReLU"], "NSM": NETWORKS["NSM"]})
    assert text.startswith(
        "ReLU: 8-bit ADCs; NSM: comparators, last layer 8-bit ADCs. One gate per"
    )
    assert "One gate per word line." in text
    # A network without gates has none to share.
    assert "gate" not in conditions(demo_hardware(), {"ReLU": NETWORKS["ReLU"]})
    assert "gate" not in conditions(
        demo_hardware(), NETWORKS, axis="gate_sharing", values=["pair", "cell"]
    )


@pytest.mark.parametrize(
    ("rule", "scale", "words"),
    [
        ("max", "row", "Range: largest |w| of each row."),
        ("least_squares", "layer", "Range: least-squares |w| of each layer."),
        (99.5, "layer", "Range: 99.5th percentile of |w| of each layer."),
    ],
)
def test_the_weights_that_fill_the_range_are_told_unless_they_vary(rule, scale, words):
    hardware = replace(demo_hardware(), weight_range=rule, weight_scale=scale)
    assert words in conditions(hardware, NETWORKS)
    of_scales = conditions(hardware, NETWORKS, axis="weight_scale", values=["layer", "row"])
    assert f"{words.partition(' of each')[0]}." in of_scales
    assert "Range" not in conditions(hardware, NETWORKS, axis="weight_range", values=["max", 99.0])


def test_offsets_stand_beside_full_scale_currents():
    device = devices.Device(g_min=1e-6, g_max=11e-6)
    hardware = crossbar.Hardware(device=device, gate=devices.BlankOut(0.5), tile_shape=(64, 64))
    text = conditions(hardware, NETWORKS, axis="comparator.offset", values=[0.0, 1e-7])
    # 0.1 V · 10 µS, and 64 times as much.
    assert "Full scale: 1 µA of one cell, 64 µA of 64 cells of a bit line." in text
    assert "Exact programming." in text
    assert "Full scale" not in conditions(hardware, NETWORKS)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_gaussian_noise_says_its_share_of_negative_conductances(sigma):
    hardware = demo_hardware(noise=devices.GaussianNoise(0.0))
    axis = {"axis": "device.read_noise.sigma", "values": [0.0, sigma]}
    share = 100 * norm.cdf(-1 / sigma)
    text = conditions(hardware, NETWORKS, **axis)
    expected = f"Gaussian noise: {share:.2g} % of conductances are negative at σ = {sigma:g}."
    assert expected in text
    lognormal = demo_hardware(noise=devices.LognormalNoise(0.0))
    assert "negative" not in conditions(lognormal, NETWORKS, **axis)
    assert "negative" not in conditions(hardware, NETWORKS)


def test_trainings_and_recipe_are_named():
    both = {"ReLU": {0: NETWORKS["ReLU"], 1: NETWORKS["ReLU"]}}
    text = conditions(demo_hardware(), both, recipe="5 epochs", test="360 images")
    assert text.endswith("360 images. 2 trainings: 5 epochs.")


def test_bad_conditions_are_refused():
    with pytest.raises(ValueError, match="networks is empty; give at least one by its name"):
        conditions(demo_hardware(), {})
    with pytest.raises(ValueError, match="axis 'gain' has no values"):
        conditions(demo_hardware(), NETWORKS, axis="gain")


def test_a_number_and_its_unit_stay_on_one_line():
    text = "input flips 5 %, reads of 10 ns at 0.1 V, 450 images"
    lines = wrapped(text, 0.01).split("\n")  # every word has a line of its own
    together = ["5 %,", "10 ns", "0.1 V,"]
    assert [line for line in lines if " " in line] == together
    assert " ".join(lines) == text


def test_small_print_breaks_into_lines_inside_the_figure():
    text = conditions(demo_hardware(), NETWORKS, recipe="20 epochs, label smoothing 0.1")
    assert wrapped(text, 2.0).replace("\n", " ") == text
    drawing, ax = figure()
    ax.set_xlabel("x")
    drawing.draw_without_rendering()
    before = ax.get_window_extent().height
    note_below(ax, ["", text])
    drawing.draw_without_rendering()
    assert abs(ax.get_window_extent().height - before) < 0.06 * before
    (note,) = ax.texts
    box = note.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= drawing.bbox.width
    assert box.y0 >= 0
    assert box.y1 < ax.xaxis.label.get_window_extent().y0
    panels = Figure(figsize=(7, 3), layout="constrained")
    panels.subplots(1, 2)
    note_figure(panels, [text])
    panels.draw_without_rendering()
    assert panels._supxlabel.get_window_extent().x0 >= 0


@pytest.mark.parametrize("text", ["One gate per pair.", "σ = 0.5, √2 µS", "$G_{max}$ of all cells"])
def test_the_width_of_a_text_is_that_of_its_outline(text):
    outline = TextPath((0, 0), text, size=SMALL).get_extents().width / 72
    # The advances include the empty margins of the first and the last letter.
    assert text_width(text) == pytest.approx(outline, abs=0.2 * SMALL / 72)


def rows_of(axis, values):
    return pd.DataFrame(
        [
            {"network": n, axis: v, "chip": c, "errors": 10 + 3 * c, "images": 1000}
            for n in ("NSM", "ReLU")
            for v in values
            for c in range(2)
        ]
    )


SHIPPED = {
    **{axis.path: axis.values for axis in AXES},
    "comparator.offset": [0.0, 1e-8, 3e-8, 1e-7, 3e-7, 1e-6],
    "device.levels": [2, 3, 4, 6, 8, 16, 32, None],
    "tile_shape": ["(24, 24)", "(32, 32)", "(48, 48)", "(64, 64)", "(96, 96)", "(128, 128)"],
    "mapping": ["DifferentialPair()", "ReferenceColumn()", "OffsetColumn(centered=True)"],
    "device.write.error_factor": [0.0, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0],
    "temperature": [250.0, 250.1, 250.2, 300.0, 400.0],
}


@pytest.mark.parametrize("axis", SHIPPED)
@pytest.mark.parametrize("width", [3.4, 2.4])
def test_labels_of_the_axes_never_touch(axis, width):
    drawing, ax = figure((width, 2.5))
    values = SHIPPED[axis]
    plot_error_rate(rows_of(axis, values), x=axis, group="network", ax=ax)
    drawing.draw_without_rendering()
    labels = [t for t in ax.get_xticklabels() if t.get_text()]
    names = [t.get_text() for t in labels]
    if isinstance(values[0], str):
        assert names == values  # categories are all kept
    if None in values:
        assert names[-1] == "continuous"
    assert len(names) >= 2
    if labels[0].get_rotation() in (30, 90):
        apart = min(
            b - a
            for a, b in pairwise(ax.transData.transform([(t, 0) for t in ax.get_xticks()])[:, 0])
        )
        height = labels[0].get_fontsize() * drawing.dpi / 72
        assert apart * np.sin(np.radians(labels[0].get_rotation())) > height
        return
    left, right = ax.get_xlim()
    boxes = [
        tick.label1.get_window_extent()
        for tick in ax.xaxis.get_major_ticks()
        if left <= tick.get_loc() <= right and tick.label1.get_text()
    ]
    assert all(a.x1 < b.x0 for a, b in pairwise(sorted(boxes, key=lambda box: box.x0)))


def test_labels_that_have_room_stay():
    _, ax = figure()
    ax.plot([0, 1], [0, 1])
    before = list(ax.get_xticks())
    separate_tick_labels(ax)
    assert list(ax.get_xticks()) == before


def test_a_figure_is_laid_out_again_only_after_panels_that_changed(monkeypatch):
    runs = []
    execute = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(
        ConstrainedLayoutEngine, "execute", lambda *a: (runs.append(a), execute(*a))[1]
    )
    panels = Figure(figsize=(6, 3), layout="constrained").subplots(1, 4)
    separate_tick_labels(*panels)
    assert len(runs) == 1
    panels[0].set_xticks(np.linspace(0, 1, 20))
    panels[2].set_yticks(np.linspace(0, 1, 90))
    separate_tick_labels(*panels)
    assert len(runs) == 1 + 3
    for ax in panels:
        for ticks in (ax.get_xticks(), ax.get_yticks()):
            assert 2 <= len(ticks) < 20 or ax is panels[2]


def test_networks_have_one_style_by_name():
    assert style_of("NSM") == style_of("bNSM") == style_of("NSM, 4 levels")
    assert len({tuple(style_of(n).items()) for n in NETWORK_PLACES}) == 7
    with pytest.raises(ValueError, match="unknown network 'RELU'; did you mean 'ReLU'"):
        style_of("RELU")


def test_unfinished_facets_say_so():
    rows = rows_of("gain", [0.1, 1.0])
    rows.attrs = {"rows": 8, "planned": 10}
    drawing = facet_error_rate(rows, facet="network", x="gain", conditions="Made up.")
    assert drawing._supxlabel.get_text() == "Unfinished sweep: 8 of 10 rows.\nMade up."
