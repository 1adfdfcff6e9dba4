"""Device files: written whole, read back as the same model, updated without losses."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import devices
from devices import (
    Device,
    Estimate,
    Fit,
    GaussianNoise,
    PowerLawDrift,
    RelaxationProcess,
    StuckCells,
    read_preset,
)
from nsm.measurements import Measurement, fit_measurement, read_measurement, write_device
from nsm.measurements.device_text import UNSET
from nsm.measurements.estimates import counts_text, estimate_text


def measured(kind, path="a.csv", **arrays):
    """Return a measurement that need not be fitted."""
    return Measurement(
        kind=kind, path=path, arrays=arrays, cells=("1", "2"), counts={}, notes=(), used=frozenset()
    )


NOISE = (
    measured("read-noise", g=np.array([[1e-5, 1e-5], [5e-5, 5e-5]])),
    Fit(
        model=GaussianNoise(0.02),
        estimates={"sigma": Estimate(value=0.02, error=0.001, positive=True)},
        notes=("The trace is shorter\nthan a dwell time.",),
        counts={"cells": 2, "values": 4},
    ),
)
DRIFT = (
    measured("relaxation", "b.csv", start=np.linspace(1e-6, 2e-5, 9)),
    Fit(model=PowerLawDrift(nu_mean=0.01)),
)


@pytest.fixture
def mine(tmp_path):
    """Path of a device file with read noise."""
    write_device(tmp_path / "mine.toml", [NOISE], technology="HfO2", citation="A. B. 2026")
    return tmp_path / "mine.toml"


def test_a_new_file_reads_back_as_the_same_model(mine):
    entry = read_preset(mine)
    assert entry.model == Device(
        g_min=1e-5, g_max=5e-5, read_noise=GaussianNoise(0.02), reference="A. B. 2026"
    )
    assert (entry.technology, entry.citation, entry.status) == ("HfO2", "A. B. 2026", "refit")
    assert entry.measured == "read-noise (2 cells, a.csv)"
    assert entry.inferred == "range of conductance from the data"
    assert entry.notes == "read-noise: The trace is shorter than a dwell time."
    text = mine.read_text()
    assert "# sigma = 0.02 ± 0.001 (95 %: 0.0181 to 0.0221)\n" in text
    assert "# Fitted by nsm fit read-noise to a.csv: 2 cells, 4 values.\n" in text
    assert devices.preset(str(mine)) == entry.model


PROCESS = RelaxationProcess(
    times=(1.0, 10.0), clock=(0.5, 1.0), fluctuation=(0.1, 0.1), mean=(0.0, 0.0),
    conductances=(1e-6, 1e-4), scales=(1e-6, 1e-6), kappa=1.0, persistence=0.4,
)  # fmt: skip
RELAXATION = (
    measured("relaxation", "b.csv", start=np.linspace(1e-6, 2e-5, 9)),
    Fit(model=PROCESS, estimates={"kappa": Estimate(value=1.0, error=0.1)}, notes=("Few.",)),
)
BAKED = (
    measured("bake", "c.csv", bakes=()),
    Fit(
        model=replace(PROCESS, activation_energy_ev=0.08),
        estimates={"activation_energy_ev": Estimate(value=0.08, error=0.01, unit="eV")},
    ),
)


def test_bakes_complete_a_relaxation_and_keep_its_texts(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(
        ValueError, match=r"bake completes the relaxation.*it has no retention.*fit"
    ):
        write_device(path, [BAKED])
    write_device(path, [BAKED, RELAXATION])  # whatever their order
    together = path.read_text()
    path.unlink()
    write_device(path, [RELAXATION])
    entry = write_device(path, [BAKED])
    assert path.read_text() == together
    assert entry.model.retention == BAKED[1].model
    assert entry.measured == "relaxation (2 cells, b.csv); bake (2 cells, c.csv)"
    assert entry.notes == "relaxation: Few."
    comments = [x for x in together.splitlines() if "Fitted by" in x or " = 1 ± " in x]
    assert [x.partition(" to ")[0] for x in comments] == [
        "# Fitted by nsm fit relaxation",
        "# kappa = 1 ± 0.1 (95 %: 0.804",
        "# Fitted by nsm fit bake",
    ]
    with pytest.raises(ValueError, match="already has an activation energy of its retention"):
        write_device(path, [BAKED])
    write_device(path, [BAKED], replace=True)
    assert path.read_text() == together
    entry = write_device(path, [RELAXATION], replace=True)  # the energy was that of the old one
    assert entry.model.retention == PROCESS
    assert entry.measured == "relaxation (2 cells, b.csv)"
    assert "nsm fit bake" not in path.read_text()


def test_bakes_need_a_process_and_no_other_drift(tmp_path):
    write_device(tmp_path / "mine.toml", [DRIFT])
    with pytest.raises(ValueError, match="has none .its retention is power_law_drift.; fit it bef"):
        write_device(tmp_path / "mine.toml", [BAKED])
    with pytest.raises(ValueError, match="fitted as bake: it completes the model of relaxation"):
        fit_measurement(BAKED[0])
    with pytest.raises(ValueError, match="fitted as levels: process has no effect on it"):
        fit_measurement(measured("levels"), process=PROCESS)


def test_what_is_not_set_stands_as_examples_that_parse(mine):
    text = mine.read_text()
    assert "# read_noise =" not in text  # it is set
    for name, (what, example) in UNSET.items():
        assert example.startswith(f"{name} = ")
        assert (f"# {what}\n# {example}\n" in text) == (
            name not in ("read_noise", "technology", "citation")
        )
        if f"# {example}\n" in text:
            mine.write_text(text.replace(f"# {example}\n", f"{example}\n"))
            assert getattr(read_preset(mine).model, name) != getattr(
                Device(g_min=1e-5, g_max=5e-5), name
            )


def test_an_existing_file_keeps_its_other_slots_and_comments(mine):
    mine.write_text("# bought in spring\n" + mine.read_text() + "\n# the last word\n")
    before = mine.read_text()
    write_device(mine, [DRIFT])
    entry = read_preset(mine)
    assert entry.model.read_noise == GaussianNoise(0.02)
    assert entry.model.retention == PowerLawDrift(nu_mean=0.01)
    # The range came from the data, and the new data widen it (0.5 % quantile of 1 to 20 µS).
    assert (entry.model.g_min, entry.model.g_max) == (1.095e-6, 5e-5)
    assert entry.citation == "A. B. 2026"
    assert entry.measured == "read-noise (2 cells, a.csv); relaxation (2 cells, b.csv)"
    text = mine.read_text()
    for line in before.splitlines():
        if line.startswith("#") and "retention" not in line and "Drift after" not in line:
            assert line in text, line
    assert "# retention =" not in text
    write_device(mine, [DRIFT], replace=True)  # nothing is doubled
    assert read_preset(mine) == entry
    assert mine.read_text() == text


def test_a_slot_is_replaced_only_if_it_is_asked_for(mine):
    before = mine.read_text()
    louder = (NOISE[0], Fit(model=GaussianNoise(0.5)))
    with pytest.raises(ValueError, match="mine.toml already has read_noise.*add --replace"):
        write_device(mine, [louder])
    assert mine.read_text() == before
    entry = write_device(mine, [louder], replace=True)
    assert entry.model.read_noise == GaussianNoise(0.5)
    assert entry.notes == ""  # those of the fit before
    assert "95 %" not in mine.read_text()


def test_a_slot_of_another_kind_takes_its_texts_with_it(mine):
    telegraph = (measured("telegraph", "t.csv"), Fit(model=GaussianNoise(0.1), notes=("New.",)))
    entry = write_device(mine, [telegraph], replace=True)
    assert entry.measured == "telegraph (2 cells, t.csv)"
    assert entry.notes == "telegraph: New."


@pytest.mark.parametrize(
    ("fitted", "options", "message"),
    [
        (
            [NOISE, (measured("telegraph"), NOISE[1])],
            {},
            "read-noise and telegraph both give read_",
        ),
        ([(measured("telegraph", "t.csv"), NOISE[1])], {}, "cells of t.csv do not tell the range"),
        ([NOISE], {"g_min": 1e-4, "g_max": 1e-5}, r"g_min = 0.0001 S must be below g_max"),
        ([NOISE], {"g_max": 50.0}, "g_max = 50 S is more than any device has"),
        ([NOISE], {"g_min": -1e-6, "g_max": 1e-5}, "g_min = -1e-06"),
    ],
)
def test_fits_that_make_no_device_leave_no_file(fitted, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_device(tmp_path / "new.toml", fitted, **options)
    assert list(tmp_path.iterdir()) == []


def test_places_that_are_no_device_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="a.json: a device file ends in .toml"):
        write_device(tmp_path / "a.json", [NOISE])
    with pytest.raises(ValueError, match="the folder .*no does not exist"):
        write_device(tmp_path / "no" / "a.toml", [NOISE])
    (tmp_path / "gate.toml").write_text('gate = {kind = "gaussian_noise"}\n')
    with pytest.raises(ValueError, match="gate.toml describes a gate"):
        write_device(tmp_path / "gate.toml", [NOISE])
    (tmp_path / "bad.toml").write_text("g_min = \n")
    with pytest.raises(ValueError, match="bad.toml is not TOML"):
        write_device(tmp_path / "bad.toml", [NOISE])


def test_range_and_texts_are_changed_only_if_it_is_asked_for(mine):
    with pytest.raises(ValueError, match="has g_min = 1e-05 S, not 2e-06; add --replace"):
        write_device(mine, [DRIFT], g_min=2e-6)
    with pytest.raises(ValueError, match="has another citation: 'A. B. 2026'; add --replace"):
        write_device(mine, [DRIFT], citation="C. D.")
    entry = write_device(mine, [DRIFT], g_min=2e-6, citation="C. D.", replace=True)
    assert (entry.model.g_min, entry.citation, entry.inferred) == (2e-6, "C. D.", "")
    assert write_device(mine, [DRIFT], replace=True).model.g_min == 2e-6  # data do not widen it


def test_levels_and_stuck_cells_have_slots_of_their_own(tmp_path):
    rng = np.random.default_rng(0)
    target = np.repeat([1e-5, 2e-5, 4e-5, 8e-5], 300)
    got = target + rng.normal(0, 4e-7, target.size)
    got[rng.random(target.size) < 0.02] = 1e-6  # stuck at the lowest conductance
    lines = [f"{t * 1e6},{g * 1e6}" for t, g in zip(target, got, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(["target_uS,got_uS", *lines]))
    fitted = []
    for kind in ("programming", "levels"):
        measurement = read_measurement(tmp_path / "p.csv", kind)
        fitted.append((measurement, fit_measurement(measurement)))
    device = write_device(tmp_path / "mine.toml", fitted).model
    assert device.write == fitted[0][1].model
    assert device.levels == fitted[1][1].model
    assert device.faults == fitted[0][1].faults
    assert device.faults != StuckCells()
    assert device.g_min <= min(device.levels)
    assert device.g_max >= max(device.levels)
    assert tomllib.loads(Path(tmp_path / "mine.toml").read_text())["levels"] == list(device.levels)
    # A programming error of 0.4 µS was put in.
    assert np.mean(device.write.std) == pytest.approx(4e-7, rel=0.1)


def test_options_of_a_fit_are_those_of_its_kind(tmp_path):
    with pytest.raises(ValueError, match="--levels has no effect on the fit of read-noise; it has"):
        fit_measurement(NOISE[0], levels=2)
    with pytest.raises(ValueError, match="--instrument has no effect .* levels; it has no options"):
        fit_measurement(measured("levels"), instrument="1 nS")
    with pytest.raises(ValueError, match="a.csv, fitted as read-noise: "):
        fit_measurement(measured("read-noise", g=np.array([[1e-5, 2e-5]]), period=1.0))


def test_estimates_are_texts_with_as_many_digits_as_they_need():
    tau = Estimate(value=0.3, error=0.01, unit="s")
    assert estimate_text("tau", tau) == "tau = 0.3 s ± 0.01 (95 %: 0.28 to 0.32)"
    g = Estimate(value=1.82934e-4, error=1e-8, unit="S")
    assert estimate_text("g", g) == "g = 0.000182934 S ± 1e-08 (95 %: 0.00018291 to 0.00018295)"
    unknown = Estimate(value=2.0)
    assert estimate_text("q", unknown) == "q = 2 (the data do not tell its standard error)"
    assert counts_text({"cells": 1, "far off": 2}) == "1 cell, 2 far off"


HAND_WRITTEN = """\
# bought in spring
g_min = 1e-6  # by hand, "not #2"
g_max = 5e-5

# the write pulse is 100 ns
write = {kind = "state_dependent_error", coefficients = [1e-6]}  # from the paper
levels = [
    1e-6,  # off
    5e-5,  # on
]

[read_noise]  # 400 Hz
# without the first read
kind = "gaussian_noise"
sigma = 0.020  # measured twice

# the chamber was at 25 °C
"""


def test_comments_in_tables_and_behind_values_are_kept(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HAND_WRITTEN, encoding="utf-8")
    write_device(path, [DRIFT])
    text = path.read_text(encoding="utf-8")
    for line in filter(None, HAND_WRITTEN.splitlines()):
        assert line in text.splitlines(), line
    assert read_preset(path).model.levels == (1e-6, 5e-5)
    assert read_preset(path).model.read_noise == GaussianNoise(0.02)
    write_device(path, [DRIFT], replace=True)
    assert path.read_text(encoding="utf-8") == text  # nothing is doubled or lost


def test_comments_of_what_is_replaced_go_to_the_end(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HAND_WRITTEN, encoding="utf-8")
    louder = (NOISE[0], Fit(model=GaussianNoise(0.5)))
    for _ in range(2):  # again: they are not lost, and not doubled
        write_device(path, [louder], g_min=5e-7, g_max=6e-5, replace=True)
        lines = path.read_text(encoding="utf-8").splitlines()
        end = lines[lines.index("# Comments of the earlier file:") :]
        for comment in (
            '# g_min: by hand, "not #2"',
            "# [read_noise]: 400 Hz",
            "# without the first read",
            "# sigma: measured twice",
            "# the chamber was at 25 °C",
        ):
            assert end.count(comment) == lines.count(comment) == 1, comment
        assert lines.count("# bought in spring") == 1
        assert lines[lines.index("# the write pulse is 100 ns") + 1].endswith("# from the paper")


def test_a_comment_above_a_slot_survives_its_next_fit(mine):
    text = mine.read_text()
    mine.write_text(text.replace("# Fitted by", "# of wafer 7\n# Fitted by"))
    entry = write_device(mine, [(NOISE[0], Fit(model=GaussianNoise(0.5)))], replace=True)
    assert entry.model.read_noise == GaussianNoise(0.5)
    text = mine.read_text()
    assert "# of wafer 7\n# Fitted by nsm fit read-noise" in text
    assert text.count("# Fitted by") == 1
    assert "95 %" not in text


def test_a_comment_above_a_value_of_a_table_is_not_one_of_the_device(tmp_path):
    path = tmp_path / "mine.toml"
    pulses = '[pulses]\nkind = "linear_pulses"\n# of the linear part\ng_min = 1e-6\ng_max = 5e-5\n'
    path.write_text("g_min = 1e-6\ng_max = 5e-5\n" + pulses + "step = 0.01\n")
    write_device(path, [DRIFT])
    assert pulses in path.read_text()
    assert "# Range of conductance [S].\ng_min" in path.read_text()
