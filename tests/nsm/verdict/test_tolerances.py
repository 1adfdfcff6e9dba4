"""Tolerances of networks whose limits are known in closed form, and of small networks on digits."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm
from torch import nn

from crossbar import Adc, Comparator, Dac, Hardware, Wires
from devices import (
    BlankOut,
    Device,
    FixedTime,
    GaussianNoise,
    MetallicTemperature,
    NoNoise,
    PowerLawDrift,
    ProductNoise,
    StateDependentError,
    StuckCells,
    TelegraphNoise,
    TrapEnsemble,
    WearOut,
    preset,
    with_on_off_ratio,
)
from nsm import nsm_mlp, relu_mlp, tolerance_map, tolerances
from nsm.nn.activations import Sign
from nsm.sweeps.tasks import grid
from nsm.verdict.axes import AXES
from nsm.verdict.axis import Context, DoesNotAct
from nsm.verdict.saving import check_saving
from nsm.verdict.search import End
from nsm.verdict.setting import Setting
from nsm.verdict.tolerances import bench_of

CELL = Device(g_min=0.0, g_max=1e-5)
HARDWARE = Hardware(device=CELL)
#: Current of a weight and an input of one: one cell at g_max under the read voltage [A].
CURRENT = 0.1 * 1e-5
QUIET = {"progress": False, "rng": 0}


def threshold_unit():
    """Return a network that gives the sign of its one input, through one comparator."""
    network = nn.Sequential(nn.Linear(1, 1, bias=False), Sign(), nn.Linear(1, 2, bias=False))
    network[0].weight.data = torch.ones(1, 1)
    network[2].weight.data = torch.tensor([[-1.0], [1.0]])
    return network


def signs(n):
    """Return inputs ±1 and their classes."""
    y = np.arange(n) % 2
    return 2.0 * y[:, None] - 1, y


def row(found, axis, network=None):
    """Return the row of an axis, as a Series."""
    rows = found.table[found.table["axis"] == axis]
    return (rows if network is None else rows[rows["network"] == network]).iloc[0]


def small(build=nsm_mlp):
    torch.manual_seed(0)
    return build((8, 12, 10, 3))


def batch(n=60):
    rng = np.random.default_rng(1)
    return rng.random((n, 8)), rng.integers(0, 3, n)


@pytest.mark.parametrize("loss", [0.05, 0.2])
def test_comparator_noise_of_one_threshold_unit(loss):
    # A unit with the current I is wrong with the probability Φ(−I/σ) under the noise σ.
    limit = CURRENT / norm.isf(loss)
    found = tolerances(
        threshold_unit(),
        HARDWARE,
        *signs(4000),
        loss=loss,
        samples=1,
        axes=["comparator noise"],
        step=1.2,
        **QUIET,
    )
    it = row(found, "comparator noise")
    assert it.low <= limit < it.high
    assert it.high / it.low < 1.5
    assert (it.given, it.unit) == (0, "A")
    assert it.reference == "the full-scale current of one cell"
    assert it.ratio == pytest.approx(it.tolerated / CURRENT)


def test_read_noise_of_one_threshold_unit():
    # A cell of relative noise σ gives a current of the wrong sign with the probability Φ(−1/σ).
    limit = 1 / norm.isf(0.1)
    found = tolerances(
        threshold_unit(), HARDWARE, *signs(4000), loss=0.1, samples=1, axes=["read noise"],
        step=1.2, **QUIET,
    )  # fmt: skip
    it = row(found, "read noise")
    # The deterministic read-out adds its own noise, which changes no sign below this σ.
    assert it.low <= limit * 1.05
    assert it.high > limit / 1.3
    assert it.reference == "σ(G) = G"


def test_comparator_offsets_are_drawn_once_for_each_chip():
    # Within one chip all images of a class fail together, so that chips decide, not images.
    found = tolerances(
        threshold_unit(), HARDWARE, *signs(600), loss=0.1, samples=1, axes=["comparator offset"],
        blocks=60, step=1.5, **QUIET,
    )  # fmt: skip
    it = row(found, "comparator offset")
    # Either class fails with the probability Φ(−I/σ), one of the two at a time.
    limit = CURRENT / norm.isf(0.1)
    assert it.low <= limit < it.high
    assert it.ended == End.UNRESOLVED
    assert not it.decided  # 60 chips do not resolve a tenth to a factor of 1.5


def test_a_device_that_breaks_a_network_has_a_ratio_below_one():
    # Published noise of 5 I breaks the unit; I/σ of 1.28 would lose a tenth of the images.
    noisy = replace(HARDWARE, comparator=Comparator(noise=5 * CURRENT))
    found = tolerances(
        threshold_unit(), noisy, *signs(4000), loss=0.1, samples=1, axes=["comparator noise"],
        step=1.2, **QUIET,
    )  # fmt: skip
    it = row(found, "comparator noise")
    limit = CURRENT / norm.isf(0.1)
    assert it.low <= limit < it.high < 5 * CURRENT
    assert it.ratio == pytest.approx(it.tolerated / (5 * CURRENT))
    assert it.ratio < 1
    assert it.repaired == "yes"
    assert it.repairs == pytest.approx(norm.sf(0.2), abs=0.05)
    assert found.base_errors.works.item() == "no"
    assert found.sentence.startswith("network works with comparator noise (at most ")
    assert ". Cost of the given values: comparator noise: 4" in found.sentence
    assert found.fix_first.startswith("fix first: comparator noise, 4")
    assert it.ended == End.BROKEN


def test_what_cannot_act_is_listed_with_its_reason():
    found = tolerances(
        {"NSM": small(), "ReLU": small(relu_mlp)},
        replace(HARDWARE, gate=BlankOut(0.5)),
        *batch(),
        samples=1,
        axes=["drift time", "temperature", "comparator noise", "stuck cells"],
        loss=0.5,
        step=30,
        **QUIET,
    )
    reasons = found.table.set_index(["axis", "network"])["reason"]
    assert reasons["drift time", "NSM"] == (
        "does not act: the device has no retention, and no noise has a memory"
    )
    assert reasons["temperature", "ReLU"].startswith("does not act: the device has no temperature")
    assert reasons["comparator noise", "ReLU"] == (
        "does not act: no layer of this network ends in comparators"
    )
    assert not reasons["comparator noise", "NSM"].startswith("does not act")
    assert "Without its gate: cannot be mapped" in found.sentence
    assert "free of noise" in found.sentence


def test_an_nsm_is_read_without_its_gate_where_cells_are_noisy():
    noisy = replace(CELL, read_noise=GaussianNoise(0.5))
    found = tolerances(
        small(), Hardware(device=noisy, gate=BlankOut(0.5)), *batch(), samples=1,
        axes=["gain, falling"], loss=0.5, step=30, **QUIET,
    )  # fmt: skip
    without = found.base_errors.without_gate.item()
    assert 0 < without < 1
    assert f"Without its gate: error {100 * without:.3g} %." in found.sentence


def test_results_depend_on_the_seed_alone():
    options = {"samples": 2, "axes": ["levels", "gain, falling"], "loss": 0.1, "step": 4}
    data = batch()
    options |= {"progress": False}
    one, same, other = (
        tolerances(small(relu_mlp), HARDWARE, *data, rng=seed, **options) for seed in (3, 3, 4)
    )
    pd.testing.assert_frame_equal(one.table, same.table)
    pd.testing.assert_frame_equal(one.base_errors, same.base_errors)
    assert one.settings == same.settings
    assert one.settings["seed"] != other.settings["seed"]
    two = tolerances(small(relu_mlp), HARDWARE, *data, rng=3, workers=2, **options)
    pd.testing.assert_frame_equal(one.table, two.table)


def test_trainings_take_turns_in_the_blocks():
    right, wrong = threshold_unit(), threshold_unit()
    wrong[0].weight.data *= -1
    options = {"samples": 1, "axes": ["gain, falling"], "step": 30, **QUIET}
    found = tolerances({"unit": {0: right, 1: wrong}}, HARDWARE, *signs(100), **options)
    assert found.base_errors.software.item() == 0.5


def test_gains_do_not_move_a_comparator_and_are_tolerated_to_the_end():
    found = tolerances(
        threshold_unit(), HARDWARE, *signs(4000), samples=1, axes=["gain, falling"], **QUIET
    )
    it = row(found, "gain, falling")
    assert (it.tolerated, it.high, it.ratio) == (1e-3, 0.0, pytest.approx(1000))
    assert it.reason == "tolerated up to 0.001, the worst value that was tried"
    assert (it.ended, it.falls) == (End.WORST, True)
    assert it.decided


#: Axes on which smaller values are worse.
FALLING = (
    "levels", "on/off ratio", "gain, falling", "gain, falling, compensated", "ADC bits", "DAC bits",
)  # fmt: skip
#: Hardware on which every axis acts.
EVERYTHING = Hardware(
    device=replace(
        CELL,
        g_min=1e-7,
        levels=16,
        write=StateDependentError(coefficients=(1e-7,)),
        read_noise=TelegraphNoise(0.1, 1e-6, 1e-6),
        retention=PowerLawDrift(nu_mean=0.05, nu_std=0.01, t_0=1.0, g_ref=1e-5),
        faults=StuckCells(p_stuck_hrs=0.01),
        temperature_law=MetallicTemperature(alpha=1e-3),
    ),
    gate=BlankOut(0.5),
    wires=Wires(r_row=1.0, r_col=1.0),
    comparator=Comparator(offset=1e-8, noise=1e-8),
    adc=Adc(6),
    dac=Dac(6),
)


HARDWARES = {"everything": EVERYTHING, "ideal": replace(HARDWARE, gate=BlankOut(0.5))}


@pytest.fixture(scope="module", params=HARDWARES)
def of_all_axes(request):
    """Return the name of a hardware, and the tolerances of all its axes."""
    x, y = batch(20)
    found = tolerances(
        small(), HARDWARES[request.param], x, y, samples=1, blocks=4, axes=list(AXES), loss=0.6,
        step=1e4, calibrate=x[:2], **QUIET,
    )  # fmt: skip
    return request.param, found


@pytest.mark.parametrize("name", AXES)
def test_every_axis_is_measured_or_says_why_not(name, of_all_axes):
    hardware, found = of_all_axes
    it = row(found, name)
    if np.isnan(it.ratio):
        assert hardware == "ideal"
        assert it.reason.startswith("does not act: ")
        assert it.ended == End.NOT_SEARCHED
        assert name in ("drift time", "temperature")
    else:
        assert it.ratio >= 0
        assert it.reference
        assert it.ended != End.NOT_SEARCHED
        assert it.falls == (name in FALLING)
        assert it.low == it.tolerated


def test_a_value_that_a_model_refuses_ends_the_ladder():
    # The linear law of this filament leaves no resistance 100 K above its reference.
    filament = replace(CELL, temperature_law=MetallicTemperature(alpha=-0.01))
    found = tolerances(
        threshold_unit(), Hardware(device=filament), *signs(4000), samples=1, axes=["temperature"],
        step=100, **QUIET,
    )  # fmt: skip
    it = row(found, "temperature")
    assert (it.tolerated, it.high) == (5, 200)
    assert (it.ended, it.falls) == (End.REFUSED, False)
    assert it.reason.startswith("200 is refused: temperatures of 500 to 500 K leave no resistance")


@pytest.mark.parametrize("of_all_axes", ["everything"], indirect=True)
def test_given_values_are_those_of_the_hardware(of_all_axes):
    expected = {
        "levels": 16,
        "programming error": 1,
        "telegraph amplitude": 0.1,
        "telegraph time": 0.5e-6,
        "stuck cells": 0.01,
        "on/off ratio": 100,
        "wires": 1,
        "comparator offset": 1e-8,
        "ADC bits": 6,
        "DAC bits": 6,
    }
    _, found = of_all_axes
    table = found.table.set_index("axis").loc[list(expected)]
    assert table["given"].to_dict() == pytest.approx(expected)
    assert set(table["reference"]) == {"given"}


def test_faults_without_a_share_are_no_axis():
    worn = replace(CELL, faults=WearOut(cycles=10.0, characteristic_life=1e6, shape=1.5, p_lrs=0.5))
    found = tolerances(
        threshold_unit(), Hardware(device=worn), *signs(60), samples=1, axes=["stuck cells"],
        **QUIET,
    )  # fmt: skip
    assert row(found, "stuck cells").reason == (
        "does not act: WearOut has no share of stuck cells to vary"
    )


def test_hardware_by_layer_whose_layers_differ_is_named():
    table = {"0": HARDWARE, "*": replace(HARDWARE, device=replace(CELL, levels=8))}
    found = tolerances(
        threshold_unit(), table, *signs(60), samples=1, axes=["levels", "gain, falling"], step=30,
        **QUIET,
    )  # fmt: skip
    assert row(found, "levels").reason == (
        "does not act: the layers of the hardware table differ (None, 8)"
    )
    assert row(found, "gain, falling").ratio > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": 0}, r"loss = 0 is not allowed; give a finite number in \(0, 1\)"),
        ({"confidence": 0.4}, r"confidence = 0.4"),
        ({"axes": ["level"]}, r"axis of the tolerances.*'level'.*levels"),
        ({"axes": []}, r"axes = \[\].*give a list of at least one"),
        ({"axes": ["levels", "levels"]}, r"'levels'.*given twice"),
        ({"blocks": 3}, r"blocks = 3"),
        ({"blocks": 30}, r"100 images are too few for 30 blocks; give at least 150"),
        ({"workers": 0}, r"workers = 0"),
        ({"step": 1.0}, r"step = 1"),
        ({"samples": 0}, r"samples = 0"),
        ({"sampling": "moment"}, r"sampling.*'moment'"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tolerances(threshold_unit(), HARDWARE, *signs(100), **(QUIET | options))


def test_the_files_hold_the_table_and_the_verdict(tmp_path):
    import tomllib

    found = tolerances(
        threshold_unit(), HARDWARE, *signs(100), samples=1, axes=["gain, falling"], step=30, **QUIET
    )
    found.save(tmp_path / "t.csv")
    rows = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert list(rows["axis"]) == ["gain, falling"]
    assert rows["tolerated"].item() == found.table["tolerated"].item()
    about = tomllib.loads((tmp_path / "t.toml").read_text())
    assert about["sentence"] == found.sentence
    assert about["settings"]["images"] == 100
    assert about["base_errors"][0]["given"] == 0
    with pytest.raises(ValueError, match=r"t\.txt; give a path that ends in \.csv"):
        found.save(tmp_path / "t.txt")
    found.save(tmp_path / "t.csv")  # its own files are replaced


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.toml", "seed = 1\n"), ("t.csv", "network,device.levels,errors\nNSM,4,1\n")],
)
def test_files_of_others_are_not_overwritten(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f"{name} is another file, which saving .* would overwri"):
        check_saving(tmp_path / "t.csv")
    assert (tmp_path / name).read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_map_needs_axes_that_act_on_every_network():
    with pytest.raises(
        ValueError,
        match=r"axis 'comparator noise' of the map does not act on ReLU: no layer of this network "
        r"ends in comparators; leave this network out",
    ):
        tolerance_map(
            {"NSM": small(), "ReLU": small(relu_mlp)}, replace(HARDWARE, gate=BlankOut(0.5)),
            *batch(), axes={"levels": [32, 2], "comparator noise": [0, 1e-6]}, samples=1, **QUIET,
        )  # fmt: skip


MEASURED = Device(g_min=1e-7, g_max=1e-5, levels=(1e-7, 2e-7, 4e-7, 1e-5))


@pytest.fixture(scope="module")
def bench():
    """Return measurements of hardware whose levels were measured."""
    # Measured levels are not evenly spaced: four levels of the axis are these four.
    hardware = replace(EVERYTHING, device=replace(EVERYTHING.device, levels=MEASURED.levels))
    x, y = batch(20)
    return bench_of(
        grid(small(), hardware, {}), x, y, samples=1, blocks=4, sampling="exact", calibrate=x[:2],
        rng=0,
    )  # fmt: skip


@pytest.mark.parametrize("name", AXES)
def test_the_first_value_of_an_axis_is_the_given_hardware(name, bench):
    context = Context(given=bench.given, facts=bench.facts("network"), step=2.0)
    axis = AXES[name](context)
    setting = axis.apply(bench.given, axis.outward[0])
    if name == "levels":
        assert axis.outward[0] == 4
        assert setting == bench.given
        assert axis.apply(bench.given, 3.0).parts[0].device.levels == 3
    for block in range(2):
        assert bench.errors("network", setting, block) == bench.errors(
            "network", bench.given, block
        )


def test_another_on_off_ratio_moves_the_pulses_that_begin_at_g_min():
    hardware = Hardware(device=preset("fefet_jerry2017"))
    axis = AXES["on/off ratio"](Context(given=Setting(hardware=hardware), facts=None, step=2.0))
    for ratio in (axis.inward[0], *axis.outward[-1:]):
        device = axis.apply(Setting(hardware=hardware), ratio).parts[0].device
        assert device == with_on_off_ratio(hardware.device, ratio)


def test_a_map_of_two_axes_multiplies_two_noises():
    # The noises of comparator and cell add in variance: Φ(−1/√(a² + b²)).
    a, b = 0.5, 0.8
    rows = tolerance_map(
        threshold_unit(), HARDWARE, *signs(4000),
        axes={"comparator noise": [0.0, a * CURRENT], "read noise": [0.0, b]}, samples=1, **QUIET,
    )  # fmt: skip
    expected = [norm.sf(1 / np.hypot(x, y)) if x or y else 0 for x in (0, a) for y in (0, b)]
    np.testing.assert_allclose(rows["error"], expected, atol=0.03)
    np.testing.assert_allclose(rows["loss"], rows["error"] - rows["error"][0])
    assert rows.attrs["units"] == {"comparator noise": "A", "read noise": "σ(G)/G"}


def test_a_map_takes_the_two_worst_axes():
    found = tolerances(
        small(), replace(HARDWARE, gate=BlankOut(0.5)), *batch(), samples=1, loss=0.3, step=10,
        axes=["stuck cells", "levels", "gain, falling"], **QUIET,
    )  # fmt: skip
    rows = tolerance_map(
        small(), replace(HARDWARE, gate=BlankOut(0.5)), *batch(), found=found, samples=1, points=2,
        **QUIET,
    )  # fmt: skip
    assert set(rows.columns[1:3]) == {"stuck cells", "levels"}
    assert len(rows) == 4
    with pytest.raises(ValueError, match=r"a map needs two axes; give axes=, or found="):
        tolerance_map(small(), HARDWARE, *batch(), **QUIET)
    with pytest.raises(ValueError, match=r"\['levels'\]; a map needs two of them"):
        tolerance_map(small(), HARDWARE, *batch(), axes=["levels"], **QUIET)


def test_quiet_hardware_has_no_gate_to_take_away():
    found = tolerances(
        threshold_unit(), replace(HARDWARE, gate=NoNoise()), *signs(60), samples=1,
        axes=["gain, falling"], step=30, **QUIET,
    )  # fmt: skip
    assert found.base_errors.without_gate.isna().all()
    assert "gate" not in found.sentence


@pytest.mark.parametrize("name", ["telegraph amplitude", "telegraph time"])
def test_ensembles_of_traps_have_no_single_amplitude_or_time(name):
    times = {"tau_capture": FixedTime(1.0), "tau_emission": FixedTime(1.0)}
    noise = ProductNoise(GaussianNoise(0.01), TrapEnsemble(mean_traps=1.0, **times))
    hardware = Hardware(device=replace(CELL, g_min=1e-6, read_noise=noise))
    with pytest.raises(DoesNotAct, match="an ensemble of traps, whose amplitudes and times differ"):
        AXES[name](Context(given=Setting(hardware=hardware), facts=None, step=2.0))
