"""`nsm fit`: from files to a device file, and options that are refused by name."""

import re
from pathlib import Path

import numpy as np
import pytest

from devices import RelaxationProcess, TelegraphNoise, preset, read_preset
from nsm.cli.fit import KIND_NAMES
from nsm.measurements import KINDS, fit_measurement, read_measurement


@pytest.fixture
def run(run):
    """Runs a command; fits without a verdict, unless the line has one."""

    def without_verdict(line):
        has_option = "verdict" in line
        return run(line if has_option else line + " --no-verdict")

    return without_verdict


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trap(n, period, tau_capture, tau_emission, rng):
    """Return 1 where a trap is full, by transition probabilities of reads at even times."""
    total = 1 / tau_capture + 1 / tau_emission
    change = -np.expm1(-total * period) / total
    up, down = change / tau_capture, change / tau_emission
    draws, full = rng.random(n), np.zeros(n)
    for i in range(1, n):
        full[i] = draws[i] >= down if full[i - 1] else draws[i] < up
    return full


def write_trace(path, cells=1):
    """Write traces of 50 µS cells with a trap of 2 %."""
    rng = np.random.default_rng(1)
    full = np.array([trap(6000, 1e-3, 0.02, 0.01, rng) for _ in range(cells)])
    g = 50 * (1 - 0.02 * full) + rng.normal(0, 0.1, full.shape)
    names = [f"c{i}_uS" for i in range(cells)]
    times = 0.5 + np.arange(full.shape[1])  # ms
    table = np.column_stack([times, *g])
    np.savetxt(path, table, delimiter=",", header=",".join(["t_ms", *names]), comments="")


def write_pairs(path):
    """Write targets, and what cells got with an error of 1 µS and a bias of 0.5 µS."""
    rng = np.random.default_rng(2)
    target = np.repeat([10.0, 30.0, 90.0], 100)
    got = target + 0.5 + rng.normal(0, 1, target.size)
    np.savetxt(path, np.c_[target, got], delimiter=",", header="target,got", comments="")


def test_the_kinds_of_the_command_are_those_that_are_read():
    assert (*KINDS, "all") == KIND_NAMES


def test_a_telegraph_trace_becomes_a_device_file(run, here):
    write_trace("trace.csv")
    line = "fit telegraph trace.csv --out mine.toml --g-min '1 µS' --g-max 1e-4 --technology HfO2"
    status, out, _ = run(line)
    assert status == 0
    assert "telegraph of trace.csv" in out
    assert "read: 1 cell, 6000 values" in out
    assert "model: telegraph_noise" in out
    assert "device file: mine.toml" in out
    assert "page: mine.telegraph.html" in out
    page = Path("mine.telegraph.html").read_text()
    for text in ("nsm fit telegraph trace.csv", "trace.csv", "was left out with --no-verdict"):
        assert text in page
    fit = fit_measurement(read_measurement("trace.csv", "telegraph"))
    entry = read_preset("mine.toml")
    assert entry.model.read_noise == fit.model
    assert isinstance(fit.model, TelegraphNoise)
    assert (entry.model.g_min, entry.model.g_max) == (1e-6, 1e-4)
    for name, truth in (("amplitude", 0.02), ("tau_capture", 0.02), ("tau_emission", 0.01)):
        estimate = fit.estimates[name]
        assert abs(estimate.value - truth) < 4 * estimate.error
        assert re.search(rf"{name} +[\d.]+ .*\d to \d", out)  # a row with an interval
    assert preset("mine.toml") == entry.model


def test_fit_all_fits_a_folder_and_names_what_it_does_not(run, here):
    Path("data").mkdir()
    write_trace("data/telegraph.csv")
    write_pairs("data/programming-1.csv")
    Path("data/notes.md").write_text("of the setup")
    status, out, err = run("fit all data --unit µS --out mine.toml")
    assert (status, err) == (0, "")
    assert "not fitted, because their names begin with no kind (read-noise, telegraph, " in out
    assert "): notes.md" in out
    entry = read_preset("mine.toml")
    assert isinstance(entry.model.read_noise, TelegraphNoise)
    assert np.mean(entry.model.write.std) == pytest.approx(1e-6, rel=0.15)
    assert np.mean(entry.model.write.mean) == pytest.approx(0.5e-6, rel=0.3)
    assert (entry.model.g_min, entry.model.g_max) == (1e-5, 9e-5)
    # A second fit adds to the file, and does not replace what is there.
    status, _, err = run("fit programming data/programming-1.csv --unit µS --out mine.toml")
    assert status == 2
    assert err.startswith("nsm: mine.toml already has write, which programming would replace")
    status, _, _ = run("fit levels data/programming-1.csv --unit µS --out mine.toml --replace")
    assert status == 0
    # Each has a page of its own.
    assert Path("mine.levels.html").exists()
    assert "telegraph" in Path("mine.html").read_text()
    device = read_preset("mine.toml").model
    assert len(device.levels) == 3
    assert device.g_max >= device.levels[-1] > 9e-5  # the range came from the data, and widens


def test_fit_all_keeps_what_could_be_fitted(run, here):
    Path("data").mkdir()
    write_pairs("data/programming-1.csv")
    rows = [f"{t},1,50" for t in range(400)]  # a constant trace
    Path("data/read-noise.csv").write_text("\n".join(["time [s],cell,g [µS]", *rows]))
    status, out, err = run("fit all data --unit target=µS --unit got=µS --out mine.toml")
    assert status == 2
    assert "device file: mine.toml" in out
    assert err.startswith("nsm: not fitted, and not in mine.toml: data/read-noise.csv, fitted as")
    assert "trace 1 of g is constant at 5e-05 S" in err
    assert np.mean(read_preset("mine.toml").model.write.std) == pytest.approx(1e-6, rel=0.15)


def write_relaxation(folder):
    """Write cells that relax, and others that were baked at 60 and 90 °C with 0.1 eV."""
    process = RelaxationProcess(
        times=(1.0, 10.0, 1e4), clock=(0.3, 0.5, 1.0), fluctuation=(0.01,) * 3, mean=(0.0,) * 3,
        conductances=(1e-6, 2e-4), scales=(2e-6, 2e-6), kappa=1.0, persistence=0.4,
    )  # fmt: skip
    start = np.random.default_rng(0).uniform(20e-6, 150e-6, 800)
    later = [process.age(start, t, rng=1) for t in (1.0, 10.0, 1e4)]
    rows = np.stack([np.tile(np.arange(800), 4), np.repeat([0, 1, 10, 1e4], 800),
                     np.concatenate([start, *later])], axis=1)  # fmt: skip
    np.savetxt(
        folder / "relaxation.csv", rows, delimiter=",", header="cell,nominal [s],g", comments=""
    )
    hot = RelaxationProcess(**vars(process) | {"activation_energy_ev": 0.1})
    baked = [
        np.c_[np.full(800, t), np.full(800, 3600), start,
              RelaxationProcess(**vars(hot) | {"temperature": t + 273.15})
              .age(start, 3600.0, rng=int(t))]
        for t in (60.0, 90.0)
    ]  # fmt: skip
    np.savetxt(
        folder / "bake.csv", np.concatenate(baked), delimiter=",",
        header="heat,time,before,after", comments="",
    )  # fmt: skip


def test_bakes_complete_the_relaxation_of_their_folder(run, here):
    Path("data").mkdir()
    write_relaxation(here / "data")
    bake = "fit bake data/bake.csv --column temperature=heat --unit temperature=°C --out mine.toml"
    status, _, err = run(bake)
    assert status == 2
    assert err.startswith(
        "nsm: bake completes the relaxation process of a device, and mine.toml ha"
    )
    both = bake.replace("fit bake data/bake.csv", "fit all data --column time=nominal")
    status, out, err = run(both)
    assert (status, err) == (0, "")
    assert "bake of data/bake.csv" in out
    process = read_preset("mine.toml").model.retention
    assert process.activation_energy_ev == pytest.approx(0.1, abs=0.03)
    assert "Activation energy of each bake" in Path("mine.html").read_text()
    status, _, err = run(bake)
    assert "mine.toml already has an activation energy of its retention" in err
    status, _, _ = run(bake + " --replace")
    assert status == 0
    assert read_preset("mine.toml").model.retention == process
    status, _, err = run(both.replace("temperature=heat", "temperature=haet") + " --replace")
    assert status == 2
    assert "bake.csv has no column 'haet', which --column temperature=haet names; it has 'he" in err
    status, _, err = run(both + " --column cell=addr --replace")
    assert status == 2
    assert "--column cell=addr: no file that has this role has a column 'addr'" in err


def test_an_active_part_of_a_trace_is_found(run, here):
    rng = np.random.default_rng(3)
    g = 50 + rng.normal(0, 0.1, 6000)
    g[2000:4000] *= 1 - 0.02 * trap(2000, 1e-3, 0.02, 0.01, rng)
    np.savetxt("trace.csv", g, header="g_uS", comments="")
    line = "fit telegraph trace.csv --period 1ms --g-min 1e-6 --g-max 1e-4 --out mine.toml"
    status, _, err = run(line + " --window 0.5s")
    assert status == 2
    assert err.startswith("nsm: --window has no effect without --active")
    status, out, _ = run(line + " --active --window 0.5s")
    assert status == 0
    assert "Fitted were reads 2000:4000 alone" in out
    assert "6000 values, 1 active segment, 2000 fitted reads" in out
    assert read_preset("mine.toml").model.read_noise.amplitude == pytest.approx(0.02, rel=0.05)
    assert "Fitted were reads 2000:4000 alone" in Path("mine.telegraph.html").read_text()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fit rtn pairs.csv", "unknown kind of measurement 'rtn'"),
        ("fit programming none.csv", "no measurement none.csv"),
        ("fit programming pairs.csv", "pairs.csv: 'target' has no unit and a median of 3"),
        ("fit programming pairs.csv --unit uSS", "unknown unit of --unit for column 'target'"),
        ("fit programming pairs.csv --unit µS --period 1", "--period has no effect on pairs.csv"),
        ("fit programming pairs.csv --unit µS --levels 2", "--levels has no effect on the fit of"),
        ("fit programming pairs.csv --unit µS --unit nS", "--unit 'nS': the unit is given twice"),
        ("fit programming pairs.csv --column got", "--column 'got' is no NAME=VALUE"),
        ("fit programming pairs.csv --column gto=got", "role in --column gto=got 'gto'; did you"),
        ("fit programming pairs.csv --unit µS --g-min 1V", "g_min = '1V' is a volt"),
        ("fit programming pairs.csv --page a.pdf", "cannot write a page to a.pdf: its name must"),
        ("fit programming .", ". is a folder; name one of its files"),
        ("fit all pairs.csv", "nsm fit all needs a folder, and pairs.csv is none"),
        ("fit all .", "no file in . is named by what was measured"),
        ("fit all both", "levels.csv and levels2.csv both give levels"),
        ("fit programming pairs.csv --out a.json", "cannot write a.json: a device file ends in"),
    ],
)
def test_what_cannot_be_fitted_ends_in_one_line(line, message, run, here):
    write_pairs("pairs.csv")
    Path("both").mkdir()
    write_pairs("both/levels.csv")
    write_pairs("both/levels2.csv")
    out = "" if "--out" in line else " --out mine.toml"
    status, _, err = run(line + out)
    assert status == 2
    assert err.startswith(f"nsm: {message}") or f" {message}" in err
    assert err.count("\n") == 1
    assert not Path("mine.toml").exists()


def test_a_trace_that_tells_no_range_is_refused_before_the_fit(run, here, monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("it was fitted")

    monkeypatch.setattr("nsm.measurements.fits.fit_measurement", never)
    write_trace("trace.csv")
    status, _, err = run("fit telegraph trace.csv --g-min 1e-6 --out mine.toml")
    assert status == 2
    assert err.startswith("nsm: the cells of trace.csv do not tell the range of the device; give")


def test_options_of_fit_all_concern_a_file(run, here):
    Path("data").mkdir()
    write_pairs("data/programming.csv")
    write_trace("data/telegraph.csv")
    for option, message in (
        ("--read-voltage 0.2", "--read-voltage has no effect on data, read as all"),
        ("--column up=t", "--column up=t: no file has this role"),
        ("--instrument 1nS", "--instrument has no effect on the fit of programming"),
    ):
        status, _, err = run(f"fit all data --unit µS {option} --out mine.toml")
        assert status == 2
        assert message in err
    assert not Path("mine.toml").exists()
