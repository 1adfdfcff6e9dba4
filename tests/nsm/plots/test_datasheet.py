"""Data sheets: one panel per property, labels with units, spectra against theory, and files."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from devices import (
    GATES,
    PRESETS,
    BlankOut,
    Device,
    FlickerNoise,
    GaussianNoise,
    LogTimeDrift,
    MetallicTemperature,
    NoDrift,
    NoFaults,
    NonlinearPulses,
    NoNoise,
    NoTemperature,
    PcmFlicker,
    Preset,
    ProductNoise,
    SaturatingError,
    StochasticSelector,
    StuckCells,
    TelegraphNoise,
    preset,
)
from devices.tables import PROVENANCE
from nsm.plots.datasheet import data_sheet, save_data_sheet
from nsm.plots.spectrum import CELLS, PERIOD, READS, expected_spectrum, sampled_spectrum
from nsm.plots.style import COLORS
from tests.helpers import tabulated_device
from tests.helpers.statistics import STANDARD_ERRORS, assert_mean

EVERYTHING = {**PRESETS, **GATES}
every_one = pytest.mark.parametrize("name", EVERYTHING)
PLAIN = Device(g_min=1e-6, g_max=1e-5)
RICH = Device(
    g_min=1e-4,
    g_max=2e-3,
    levels=4,
    write=SaturatingError(largest=1e-5, g_ref=1e-4),
    read_noise=TelegraphNoise(0.1, 1e-5, 1e-4),
    retention=LogTimeDrift(mean=-1e-6, std=1e-6, std_rate=1e-6),
    faults=StuckCells(p_stuck_lrs=0.05),
    temperature_law=MetallicTemperature(alpha=1e-3),
    pulses=NonlinearPulses(g_min=1e-4, g_max=2e-3, pulses=20, nl_up=1.0),
)

TABLES = replace(tabulated_device.DEVICE, read_noise=tabulated_device.SPECTRUM)


def named(model, **words):
    """A preset of the model, whose texts are a single word unless they are given."""
    return Preset(name="mine", model=model, **(dict.fromkeys(PROVENANCE, "word") | words))


@cache
def sheet_of(name):
    own = {"mine": RICH, "tables": TABLES}
    return data_sheet(named(own[name]) if name in own else EVERYTHING[name])


def panels(sheet):
    """The axes of a sheet by the first words of their title."""
    return {re.split(r"[,$]| at ", ax.get_title())[0].strip(): ax for ax in sheet.axes if ax.axison}


def titles(device):
    """Titles of the panels that a sheet should have, from the fields of the device."""
    noisy = not isinstance(device.read_noise, NoNoise)
    wanted = {
        "range and programming": True,
        "standard deviation of G": noisy or device.write.sigma(np.array([device.g_max])) > 0,
        "σ(G) ∝ G": noisy,
        "noise spectrum": noisy,
        "pulses": device.pulses is not None,
        "retention": not isinstance(device.retention, NoDrift),
        "stuck cells": not isinstance(device.faults, NoFaults),
        "temperature": not isinstance(device.temperature_law, NoTemperature),
    }
    return [title for title, there in wanted.items() if there]


@every_one
def test_there_is_one_panel_for_each_property_that_a_preset_models(name):
    sheet = sheet_of(name)
    if name in PRESETS:
        assert list(panels(sheet)) == titles(PRESETS[name].model)
    else:
        mean, variance = GATES[name].model.moments(np.array(1e-6))
        wanted = [f"mean {mean:.3g}", "noise spectrum"]
        assert list(panels(sheet)) == wanted + ["threshold switch"] * isinstance(
            GATES[name].model, StochasticSelector
        )
        assert f"variance {variance:.3g}" in sheet.axes[0].get_title()
    assert isinstance(sheet, Figure)
    assert sheet.get_suptitle().replace("\n", " ") == f"{name}: {EVERYTHING[name].technology}"
    source = sheet.get_supxlabel().replace("\n", " ")
    for words in (EVERYTHING[name].citation, EVERYTHING[name].status, EVERYTHING[name].verified):
        assert words.replace(" ", "") in source.replace(" ", "")


def test_a_full_device_has_all_panels_and_a_plain_one_only_its_range():
    assert list(panels(sheet_of("mine"))) == titles(RICH)
    assert list(panels(sheet_of("tables"))) == titles(TABLES)
    assert len(titles(RICH)) == 8
    assert list(panels(data_sheet(named(PLAIN)))) == ["range and programming"]
    # A noise of size 0 has no panel, whatever its class.
    assert list(panels(data_sheet(named(replace(PLAIN, read_noise=GaussianNoise(0.0)))))) == [
        "range and programming"
    ]


@every_one
def test_labels_carry_units_and_bands_are_explained(name):
    for title, ax in panels(sheet_of(name)).items():
        pure = {
            "exponent γ",
            "G / programmed G",
            "G(T) / G",
            "P(conducts)",
            "pulses",
            "factor ξ of a read",
            "voltage above the mean threshold [σ]",
            "",
        }
        for label in (ax.get_xlabel(), ax.get_ylabel()):
            assert label in pure or re.search(r"\[(nS|µS|mS|Hz|1/Hz|s|K|V|%)\]$", label), (
                title,
                label,
            )
        shown = [text.get_text() for text in ax.get_legend().get_texts()] if ax.get_legend() else []
        if ax.collections:  # bands, or bars of single levels
            assert "band" in ax.get_title() or any(
                "% of cells" in text or "±" in text for text in shown
            ), title
        if len(ax.lines) > 1:
            assert shown, title


def overlaps(boxes):
    """Pairs of boxes that overlap by more than a pixel."""
    boxes = sorted(boxes, key=lambda box: (box.x0, box.y0))
    return [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if a.padded(-1).overlaps(b.padded(-1))
    ]


@pytest.mark.parametrize("name", [*EVERYTHING, "mine", "tables"])
def test_no_text_lies_on_another_or_leaves_the_page(name):
    sheet = sheet_of(name)
    assert sheet.get_size_inches()[0] == 3.5  # one column of a two-column page
    assert min(text.get_fontsize() for text in sheet.findobj(Text) if text.get_text()) >= 6
    sheet.draw_without_rendering()
    for ax in panels(sheet).values():
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            ticks = [
                t
                for t in axis.get_major_ticks()
                if t.label1.get_text() and low <= t.get_loc() <= high
            ]
            assert len(ticks) >= 2, (ax.get_title(), [t.label1.get_text() for t in ticks])
            assert not overlaps([t.label1.get_window_extent() for t in ticks]), ax.get_title()
            assert not any(t.label1.get_text() for t in axis.get_minor_ticks()), ax.get_title()
    texts = [ax.title for ax in sheet.axes] + [
        label for ax in sheet.axes for label in (ax.xaxis.label, ax.yaxis.label)
    ]
    texts += [sheet._suptitle, sheet._supxlabel]
    boxes = [
        text.get_window_extent()
        for text in texts
        if text.get_text() and (text.axes is None or text.axes.axison)
    ]
    assert not overlaps(boxes)
    page = sheet.bbox.padded(1)
    legends = [ax.get_legend().get_window_extent() for ax in sheet.axes if ax.get_legend()]
    for box in [*boxes, *legends]:
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1


@every_one
def test_all_colors_are_from_the_palette(name):
    for ax in panels(sheet_of(name)).values():
        drawn = [to_hex(line.get_color()) for line in ax.lines] + [
            to_hex(p.get_facecolor()) for p in ax.patches
        ]
        assert set(drawn) <= {c.lower() for c in COLORS}


NOISES = [
    GaussianNoise(0.3),
    TelegraphNoise(0.4, 2e-5, 5e-5, 2, window=1e-6),
    FlickerNoise(q=PcmFlicker(), f_low=1e2, f_high=1e6),
    tabulated_device.NOISE,
    tabulated_device.SPECTRUM,
    StochasticSelector(z=0.4, correlation=0.95, spread=1.0, leak=0.1),
    ProductNoise(BlankOut(0.5), TelegraphNoise(0.4, 2e-5, 5e-5)),
    preset("rtn_illustrative").read_noise,
]


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: type(noise).__name__)
def test_the_spectrum_drawn_is_that_of_the_covariance(noise, rng):
    frequency, expected = expected_spectrum(noise, 5e-6)
    # The mean periodogram of N reads that are Δ apart is 2Δ Σ_k (1 − |k|/N) C(kΔ) cos 2πfkΔ. Here
    # it is summed lag by lag.
    lags = np.arange(1, READS)
    at = [0, 3, 40, len(frequency) // 2, len(frequency) - 1]
    variance = float(noise.moments(np.array(5e-6))[1])
    covariance = np.array([float(noise.covariance(np.array(5e-6), k * PERIOD)) for k in lags])
    kept = (
        (1 - lags / READS) * covariance * np.cos(2 * np.pi * np.outer(frequency[at], lags) * PERIOD)
    )
    # The covariance is interpolated from lag 64 on: good to 1 %, less than the width of a line.
    np.testing.assert_allclose(
        expected[at], 2 * PERIOD * (variance + 2 * kept.sum(axis=1)), rtol=0.01
    )
    cells = np.full((CELLS, 1), 5e-6)
    xi, _ = noise.sample(cells, noise.init(cells, rng=rng), READS, rng=rng, period=PERIOD)
    power = np.abs(np.fft.rfft(xi[:, :, 0], axis=0)[1:]) ** 2 * 2 * PERIOD / READS
    assert_mean(power[at].T / expected[at], 1)
    # The figure shows the same average with another seed.
    spread = STANDARD_ERRORS * power.std(axis=1) * np.sqrt(2 / CELLS)
    assert (np.abs(sampled_spectrum(noise, 5e-6) - power.mean(axis=1)) <= 1.2 * spread).all()


def test_the_white_spectrum_is_twice_the_variance_times_the_period():
    frequency, expected = expected_spectrum(GaussianNoise(0.3), 1e-6)
    np.testing.assert_allclose(expected, 2 * 0.09 * 1e-6, rtol=1e-12)
    np.testing.assert_allclose(
        frequency[[0, -1]], [1 / (READS * PERIOD), 1 / (2 * PERIOD)], rtol=1e-12
    )


def test_conductances_are_in_the_unit_of_their_range():
    labels = {
        name: panels(sheet_of(name))["range and programming"].get_xlabel() for name in PRESETS
    }
    assert labels["rram_jo2010"] == "target [nS]"  # 3 to 38 nS
    assert labels["rram_wu2018"] == "target [µS]"
    assert panels(sheet_of("mine"))["range and programming"].get_xlabel() == "target [mS]"
    ax = panels(sheet_of("rram_jo2010"))["range and programming"]
    np.testing.assert_allclose(ax.lines[0].get_xdata()[[0, -1]], [3.07692, 38.4615])


def test_the_programming_band_holds_95_of_100_cells():
    ax = panels(sheet_of("rram_milo2021"))["range and programming"]
    (band,) = ax.collections
    edges = band.get_paths()[0].vertices
    off = np.abs(edges[:, 0] - 137.5)
    middle = edges[off < off.min() + 1e-6, 1]
    # The band is ±1.96 σ with σ = 4.782 − 0.009107 · 137.5 = 3.53 µS. Each end is a quantile of
    # 1,000 cells, with a standard error of √(p (1 − p)/n)/φ(1.96) = 0.084 σ.
    np.testing.assert_allclose(
        np.ptp(middle), 2 * 1.96 * 3.53, atol=5 * np.sqrt(2) * 0.084 * 3.53 + 1
    )


def test_measured_levels_are_drawn_as_points_where_they_are():
    device = replace(RICH, levels=(1e-4, 3e-4, 2e-3))
    figure = data_sheet(named(device))
    line = figure.axes[0].lines[-1]
    assert line.get_label() == "3 levels"
    np.testing.assert_allclose(line.get_xdata(), [0.1, 0.3, 2.0])  # [mS]


def test_bars_count_stuck_cells():
    ax = panels(sheet_of("rram_faults_chen2015"))["stuck cells"]
    heights = [bar.get_height() for bar in ax.patches]
    # 9.04 % and 1.75 % of two million cells have standard errors of 0.020 and 0.009 %.
    np.testing.assert_allclose(heights, [9.04, 1.75], atol=0.1)


@pytest.mark.parametrize(
    "gate", [*(entry.model for entry in GATES.values()), StochasticSelector(leak=0.05, spread=1.0)]
)
def test_the_histogram_of_a_gate_holds_nearly_all_reads(gate):
    bars = data_sheet(named(gate)).axes[0].patches
    # A tenth of a percent of the reads lies beyond the ends of the axis.
    assert 99.8 < sum(bar.get_height() for bar in bars) < 100 + 1e-9
    if gate == BlankOut(0.5):
        tall = [bar for bar in bars if bar.get_height() > 0]
        np.testing.assert_allclose(
            [bar.get_x() + bar.get_width() / 2 for bar in tall], [0, 1], atol=1e-9
        )
        # The frequency of 100,000 reads has a standard error of 0.16 %.
        np.testing.assert_allclose([bar.get_height() for bar in tall], 50, atol=0.8)


def test_pulses_are_those_of_the_device():
    for name in ("rram_wu2018", "rram_om_gong2022"):
        pulses = PRESETS[name].model.pulses
        ax = panels(sheet_of(name))["pulses"]
        up, down = (line.get_ydata() for line in ax.lines)
        np.testing.assert_allclose([up * 1e-6, down * 1e-6], pulses.curve(len(up) - 1), rtol=1e-12)
        assert np.ptp(up) > 0.9e6 * (pulses.g_max - pulses.g_min)
        assert len(ax.collections) == 2
    # Cells without spread have no band.
    assert not panels(sheet_of("mine"))["pulses"].collections


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_a_sheet_is_written(ending, start, tmp_path):
    path = tmp_path / f"sheet.{ending}"
    assert save_data_sheet(GATES["nsm_bernoulli"], path) == path
    assert path.read_bytes().startswith(start)


def test_a_sheet_is_the_same_every_time(tmp_path):
    for name in ("one", "two"):
        save_data_sheet(PRESETS["rram_wu2018"], tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/a.png", "cannot write .*no/a.png: the folder .*no does not exist; create it first"),
        ("a.bmp", "unknown figure format '.bmp'.* Known: .png, .pdf, .svg"),
        ("a", "unknown figure format ''. Known: .png, .pdf, .svg"),
    ],
)
def test_a_sheet_that_cannot_be_written_is_refused(path, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_data_sheet(GATES["nsm_bernoulli"], tmp_path / path)


def test_a_file_of_ones_own_has_its_notes_and_no_stray_punctuation():
    empty = dict.fromkeys(PROVENANCE, "")
    plain = Preset(name="mine", model=PLAIN, **empty)
    sheet = data_sheet(plain)
    assert sheet.get_supxlabel() == ""
    assert sheet.get_suptitle() == "mine"
    told = data_sheet(replace(plain, status="refit", notes="Too short.\nFew cells", citation="A."))
    assert told.get_supxlabel() == "A.\nNumbers: refit.\nNotes: Too short.\nFew cells."
