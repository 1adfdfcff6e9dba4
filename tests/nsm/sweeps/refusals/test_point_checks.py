"""Every point of a sweep is checked before any of them is computed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Adc, BitSliced, Dac, DifferentialPair, Hardware
from devices import BlankOut, Device, FaultMap, NoNoise
from nsm import collect, grid, map_to_crossbar, nsm_mlp
from nsm.chips.planning import plans
from nsm.sweeps import run
from nsm.sweeps.data import checked_data
from nsm.sweeps.refusals import point_checks

CELL = Device(g_min=1e-6, g_max=1e-5)
HARDWARE = Hardware(device=CELL)
GATED = replace(HARDWARE, gate=BlankOut(0.5))
SLICES = BitSliced(DifferentialPair(), 2, 4)
MAPPED = replace(CELL, faults=FaultMap(g_pos=np.zeros((2, 2), dtype=int)))
X = np.random.default_rng(0).random((4, 6))
Y = np.array([0, 1, 2, 0])


def made(build, *arguments, **options):
    torch.manual_seed(0)
    return build(*arguments, **options)


def biased(bias):
    model = made(nn.Linear, 6, 3)
    nn.init.constant_(model.bias, bias)
    return model


def sampling():
    return made(nsm_mlp, (6, 5, 3))


@pytest.mark.parametrize(
    ("model", "hardware", "axes", "message"),
    [
        (
            sampling,
            GATED,
            {"deterministic_path": ["programmed", "none"]},
            r"network 'mine', deterministic_path = 'none': layer 1 \(NSMLinear\): determin",
        ),
        (
            sampling,
            GATED,
            {"gate": [BlankOut(0.5), NoNoise()]},
            r"network 'mine', gate = 'NoNoise\(\)': layer 1 .*: the hardware's reads are free of",
        ),
        (
            sampling,
            GATED,
            {"mapping": ["differential_pair", SLICES]},
            r"layer 1 \(NSMLinear\) computes with the noise of one cell or pair per weight",
        ),
        (
            sampling,
            GATED,
            {"dac": [Dac(4, 1.0), Dac(4, 1.0, serial=True)]},
            r"layer 1 \(NSMLinear\) computes with the noise of one read",
        ),
        (
            lambda: made(nn.Linear, 6, 3),
            HARDWARE,
            {"dac": [None, Dac(4)]},
            r"network 'mine', dac = .*: the DAC of the network \(Linear\) has no range.*calibrate=",
        ),
        (
            lambda: made(nn.Linear, 6, 3),
            replace(HARDWARE, mapping=SLICES),
            {"device": [CELL, MAPPED]},
            r"the network \(Linear\): mapping = .* has an array for each of 2 slices, and a Fault",
        ),
        (
            lambda: biased(1e4),
            HARDWARE,
            {"bias": ["reference", "word_line"]},
            r"bias = 'word_line': the network \(Linear\): the bias of row 0, 10000, needs",
        ),
        (
            lambda: biased(100),
            HARDWARE,
            {"reprogrammed_scale": [1, 100]},
            r", reprogrammed_scale = 100: the network \(Linear\): the bias of row 0, 10000, n",
        ),
    ],
)
def test_a_second_value_that_cannot_be_programmed_is_refused_before_the_first_row(
    model, hardware, axes, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(run, "run_job", None)
    tasks = grid({"mine": model()}, hardware, axes)
    rows = tmp_path / "rows.csv"
    with pytest.raises(ValueError, match=message):
        collect(tasks, X, Y, chips=1, samples=1, rng=0, progress=False, save_to=rows)
    assert not rows.exists()


def test_the_checks_refuse_what_programming_refuses_and_nothing_else():
    model = biased(1e4)
    for task in grid(model, HARDWARE, {"bias": ["reference", "word_line"]}):
        if task.hardware.bias == "reference":
            collect([task], X, Y, chips=1, samples=1, rng=0, progress=False)
        else:
            with pytest.raises(ValueError, match="the bias of row 0"):
                map_to_crossbar(model, task.hardware, rng=0)


def test_networks_are_planned_once_and_hardware_is_checked_once(monkeypatch):
    planned, checked = [], []
    plan, check = plans.checked_plan, point_checks.check_programming
    monkeypatch.setattr(plans, "checked_plan", lambda *given: (planned.append(1), plan(*given))[1])
    monkeypatch.setattr(
        point_checks,
        "check_programming",
        lambda *given: (checked.append(1), check(*given))[1],
    )
    tasks = grid(
        made(nn.Linear, 6, 3), HARDWARE, {"device.levels": [2, 4], "gain": [0.5, 1.0, 2.0]}
    )
    collect(tasks, X, Y, **SETTINGS)
    assert (len(planned), len(checked)) == (1, 2)


CONVERTERS = replace(HARDWARE, adc=Adc(4), dac=Dac(4))


def calibrated_errors(model, hardware, seed, *, gain=1.0, seconds=0.0, **options):
    chip = map_to_crossbar(model, hardware, rng=seed, example=X[:2])
    if options:
        chip.calibrate(rng=seed, **options)
    chip.age(seconds)
    chip.scale_conductances(gain)
    return chip.errors(X, Y, 2, rng=seed)


SETTINGS = {"chips": 2, "samples": 2, "rng": 0, "progress": False}


def test_chips_are_calibrated_after_programming_and_before_ageing_and_gain():
    model = nn.Sequential(made(nn.Linear, 6, 8), nn.ReLU(), nn.Linear(8, 3))
    options = {"x": 3 * X[:3], "method": "percentile", "percentile": 90.0, "per": "column"}
    tasks = grid(model, CONVERTERS, {"gain": [0.5, 1.0], "adc.bits": [2, 5]})
    rows = collect(tasks, X, Y, calibrate=options, **SETTINGS)
    expected = [
        calibrated_errors(model, t.hardware, int(seed), gain=t.gain, **options)
        for t in tasks
        for seed in rows.seed[:2]
    ]
    assert rows.errors.tolist() == expected


def test_points_without_open_converters_are_not_calibrated():
    model = made(nn.Linear, 6, 3)
    rows = collect(
        grid(model, HARDWARE, {"adc": [None, Adc(3), Adc(3, range=1e-5)]}),
        X,
        Y,
        calibrate=X,
        **SETTINGS,
    )
    seeds = [int(s) for s in rows.seed[:2]]
    exact = [calibrated_errors(model, HARDWARE, s) for s in seeds]
    opened = [calibrated_errors(model, replace(HARDWARE, adc=Adc(3)), s, x=X) for s in seeds]
    given = replace(HARDWARE, adc=Adc(3, range=1e-5))
    assert rows.errors.tolist() == [
        *exact,
        *opened,
        *(calibrated_errors(model, given, s) for s in seeds),
    ]


def test_the_calibration_is_part_of_the_experiment(tmp_path):
    tasks = grid(made(nn.Linear, 6, 3), CONVERTERS, {"gain": [1.0]})
    save_to = tmp_path / "rows.csv"

    def again(calibrate):
        return collect(tasks, X, Y, calibrate=calibrate, save_to=save_to, **SETTINGS)

    rows = again(X)
    assert again({"x": X, "method": "max"}).elapsed.tolist() == rows.elapsed.tolist()
    for other in (X[:2], {"x": X, "method": "least_squares"}, {"x": X, "per": "column"}):
        with pytest.raises(
            ValueError, match="samples, seed, sampling, calibration or until differ"
        ):
            again(other)


@pytest.mark.parametrize(
    ("calibrate", "hardware", "message"),
    [
        (X, HARDWARE, "calibrate has no effect: no point of this sweep has a converter of open ra"),
        (X, replace(HARDWARE, adc=Adc(4, range=1e-6)), "calibrate has no effect"),
        ({"x": X, "methd": "max"}, CONVERTERS, "unknown key of calibrate 'methd'; did you mean 'm"),
        ({"x": X, "method": "min"}, CONVERTERS, "unknown method 'min'"),
        ({"x": X, "percentile": 9}, CONVERTERS, "percentile = 9 has no effect with method = .max"),
        ({"method": "max"}, CONVERTERS, "calibrate = {'method': 'max'} has no images; give them"),
        (X[:, :5], CONVERTERS, r"'mine': calibrate: a Linear cannot take images of shape \(5,\)"),
        (X[0], CONVERTERS, r"calibrate has shape \(6,\); give \(batch, …\)"),
        (np.full((2, 6), np.nan), CONVERTERS, "calibrate holds 12 values that are NaN"),
        (
            {"x": X, "per": "column"},
            replace(HARDWARE, dac=Dac(4)),
            "calibrate: per = .column. has no effect where no ADC has an open range",
        ),
    ],
)
def test_wrong_calibrations_are_refused_by_name(calibrate, hardware, message, monkeypatch):
    monkeypatch.setattr(run, "run_job", None)
    tasks = grid({"mine": made(nn.Linear, 6, 3)}, hardware, {"gain": [1.0]})
    with pytest.raises(ValueError, match=message):
        collect(tasks, X, Y, calibrate=calibrate, **SETTINGS)


def test_of_many_points_every_value_of_every_axis_is_checked(monkeypatch):
    checked = []
    real = point_checks._check_point

    def noted(plan, table, task, calibration):
        checked.append(task)
        return real(plan, table, task, calibration)

    monkeypatch.setattr(point_checks, "_check_point", noted)
    monkeypatch.setattr(point_checks, "MOST", 5)
    axes = {"device.levels": [2, 4, 8, 16, 32, 64], "read_voltage": [0.1, 0.2, 0.3]}
    offset = replace(HARDWARE, adc=Adc(4, offset=1e-9))
    nets = {"a": biased(0.0), "b": biased(0.1)}
    tasks = grid(nets, offset, axes)
    checked_data(tasks, X, Y)
    assert len({id(t) for t in checked}) == len(checked) < len(tasks)
    for axis, values in axes.items():
        assert {t.parameters[axis] for t in checked} == set(values)
    assert {t.network for t in checked} == {"a", "b"}
