"""The sidecar of a sweep's rows: what it tells, where it lies, and what it never overwrites."""

import os
import platform
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

import nsm.sweeps.rows.sidecar
from crossbar import Adc, Dac, Hardware
from devices import BlankOut, Device, GaussianNoise, StateDependentError, preset
from nsm import collect, grid, map_to_crossbar, nsm_mlp, relu_mlp
from nsm.chips.hardware_table import HardwareTable
from nsm.cli.edited import warn_of_edited
from nsm.report.origin import sidecar_facts
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.rows.provenance import command_line
from nsm.sweeps.rows.sidecar import describing, read_hardware, write_sidecar
from nsm.sweeps.rows.sidecar_file import EDITED, MARK, read_sidecar, sidecar_paths
from nsm.sweeps.rows.stored_rows import read_rows
from nsm.sweeps.workers.jobs import Experiment

DEVICE = Device(g_min=1e-6, g_max=1e-5, levels=8, write=StateDependentError(coefficients=(2e-7,)))
HARDWARE = Hardware(device=DEVICE, gate=BlankOut(0.5), tile_shape=(16, 16))
X = np.random.default_rng(1).random((12, 8))
Y = np.random.default_rng(2).integers(0, 3, 12)
SETTINGS = {"chips": 1, "samples": 2, "rng": 5, "progress": False}


def network(build=nsm_mlp, seed=0):
    torch.manual_seed(seed)
    return build((8, 12, 3))


def sweep(path, model=None, hardware=HARDWARE, axes=None, **options):
    axes = {"gain": [0.5, 1.0]} if axes is None else axes
    tasks = grid({"NSM": network()} if model is None else model, hardware, axes)
    return collect(tasks, X, Y, save_to=path, **(SETTINGS | options))


def test_a_file_explains_itself(tmp_path):
    path = tmp_path / "levels.csv"
    axes = {"device.levels": [2, None], "gain": [0.5]}
    with describing(data={"name": "mine", "white": 16}, errors={"NSM": 0.125}):
        rows = sweep(path, axes=axes, chips=2)
    side = read_sidecar(path)
    assert (tmp_path / "levels.toml").read_text().startswith(MARK)
    assert (side.rows, side.seed, side.chips, side.samples) == ("levels.csv", 5, 2, 2)
    assert (side.sampling, side.spawn_key, side.calibration) == ("exact", [], {})
    assert side.experiment == rows.experiment[0]
    assert side.axes == {"device.levels": [2, "none"], "gain": [0.5]}
    assert side.data["name"] == "mine"
    assert (side.data["white"], side.data["images"], side.data["shape"]) == (16, 12, [8])
    assert len(side.data["images_sha256"]) == 64
    assert side.versions["python"] == platform.python_version()
    assert side.versions["numpy"] == np.__version__
    assert side.versions["torch"] == torch.__version__
    assert "nsm-crossbar" in side.versions
    assert side.machine["host"] == platform.node()
    assert side.command == command_line() != ""
    assert read_hardware(side.hardware) == HARDWARE
    assert side.devices["*"].startswith("Device(g_min=1e-06, g_max=1e-05")


def test_tiles_and_costs_are_those_of_the_first_chip(tmp_path):
    path = tmp_path / "rows.csv"
    rows = sweep(path)
    described = read_sidecar(path).networks["NSM"]
    chip = map_to_crossbar(network(), HARDWARE, rng=int(rows.seed[0]), example=X[:2])
    cost = chip.cost(X[:8], samples=2, rng=int(rows.seed[0])).iloc[-1]
    report = chip.report().query("where == 'tiles'")
    assert described["tiles"] == dict(zip(report.layer, report.tiles, strict=True))
    assert described["energy"] == pytest.approx(cost["total [J]"], rel=1e-12)
    assert described["latency"] == pytest.approx(cost["latency [s]"], rel=1e-12)
    assert described["area"] == pytest.approx(cost["area [m²]"], rel=1e-12)
    assert described["model"] == rows.model[0]
    assert "NSMLinear" in described["layers"]


def test_hardware_that_is_refused_says_why_instead_of_its_costs(tmp_path):
    path = tmp_path / "rows.csv"
    base = replace(HARDWARE, gate=BlankOut(0.5), dac=Dac(4))
    sweep(path, hardware=base, axes={"dac": [None]})
    described = read_sidecar(path).networks["NSM"]
    assert "DAC" in described["not_mapped"] or "dac" in described["not_mapped"]
    assert "energy" not in described


def test_calibrated_chips_have_costs_too(tmp_path):
    path = tmp_path / "rows.csv"
    base = replace(HARDWARE, adc=Adc(6), dac=Dac(4))
    options = {"x": X[:5], "method": "least_squares"}
    sweep(path, {"ReLU": network(relu_mlp)}, base, {"adc.bits": [4]}, calibrate=options)
    side = read_sidecar(path)
    assert side.networks["ReLU"]["energy"] > 0
    assert (side.calibration["images"], side.calibration["method"]) == (5, "least_squares")


@dataclass(frozen=True)
class OwnNoise(GaussianNoise):
    """A model that no table knows."""


OTHER = Hardware(device=preset("rram_wan2022"), gate=BlankOut(0.5))
BASES = {
    "converters": replace(HARDWARE, adc=Adc(6, range=1e-4), dac=Dac(4, range=1.0)),
    "preset": OTHER,
    "by layer": HardwareTable({"0": HARDWARE, "layers.*": OTHER, "*": None}),
}


@pytest.mark.parametrize("name", BASES)
def test_the_hardware_is_read_back_as_the_same(name):
    options, notes = nsm.sweeps.rows.sidecar.base_hardware([BASES[name]] * 2)
    assert notes == []
    assert canonical(read_hardware(options)) == canonical(BASES[name])
    if name == "by layer":
        assert list(read_hardware(options)) == ["0", "layers.*", "*"]  # the order decides


def test_rows_of_several_hardwares_list_them(tmp_path):
    path = tmp_path / "rows.csv"
    tasks = [*grid(network(), HARDWARE, {"gain": [1.0]}), *grid(network(), OTHER, {"gain": [1.0]})]
    collect(tasks, X, Y, save_to=path, **SETTINGS)
    assert read_hardware(read_sidecar(path).hardware) == [HARDWARE, OTHER]


def test_models_of_own_classes_do_not_stop_a_sweep_and_are_noted(tmp_path):
    path = tmp_path / "rows.csv"
    own = replace(HARDWARE, device=replace(DEVICE, read_noise=OwnNoise(0.1)))
    assert len(sweep(path, hardware=own)) == 2
    side = read_sidecar(path)
    assert side.notes == ["the hardware has models of other classes, which cannot be read back"]
    assert side.hardware["device.read_noise"] == {"kind": "own_noise", "sigma": 0.1}


def test_the_same_file_with_more_extends_its_sidecar(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    sweep(path)
    first = read_sidecar(path)
    written = (tmp_path / "rows.toml").read_text()
    sweep(path)  # nothing new: not even another time
    assert (tmp_path / "rows.toml").read_text() == written
    monkeypatch.setattr(nsm.sweeps.rows.sidecar, "command_line", lambda: "nsm sweep more.toml")
    more = {"NSM": network(), "other": network(seed=1)}
    sweep(path, more, axes={"gain": [1.0, 2.0]}, chips=3)
    side = read_sidecar(path)
    assert side.axes == {"gain": [0.5, 1.0, 2.0]}
    assert list(side.networks) == ["NSM", "other"]
    assert side.chips == 3
    assert (side.command, side.started) == (first.command, first.started)
    assert [call["command"] for call in side.calls] == ["nsm sweep more.toml"]
    sweep(path, more, axes={"gain": [1.0, 2.0]}, chips=3)
    assert len(read_sidecar(path).calls) == 1


def experiment(**changes):
    """Return what the points of a small sweep share."""
    shared = {"x": X, "y": Y, "calibration": None, "chips": 2, "samples": 1, "sampling": "exact"}
    return Experiment(**shared | {"seed": np.random.SeedSequence(3), "until": None} | changes)


@dataclass(frozen=True)
class Enough:
    """A rule that stops chips, as the sidecar sees it."""

    errors: int | None = None
    precision: float | None = None


def test_the_rule_that_stops_chips_and_the_settings_are_told(tmp_path):
    path = tmp_path / "rows.csv"
    tasks = grid(network(), HARDWARE, {"gain": [1, 1.0 + 1e-9, 2]})
    seed = np.random.SeedSequence(3, spawn_key=(4,))
    given = {"seed": seed, "sampling": "moments", "until": Enough(errors=50)}
    write_sidecar(path, tasks, experiment(**given), "e")
    side = read_sidecar(path)
    assert side.until == {"errors": 50}
    assert (side.seed, side.spawn_key, side.sampling) == (3, [4], "moments")
    assert side.axes == {"gain": [1, 1.0 + 1e-9, 2]}


def test_a_sidecar_of_many_points_takes_no_time_for_each(tmp_path):
    points = grid(network(), HARDWARE, {"gain": list(range(1, 20_001))})
    start = time.process_time()  # what other processes do does not count
    for task in points:
        task.__dict__["model_id"] = "0"
    write_sidecar(tmp_path / "rows.csv", points, experiment(), "e")
    # 10 µs for each point would be slow; a loaded machine gets a hundred.
    assert time.process_time() - start < 2 + 20_000 * 1e-4
    assert len(read_sidecar(tmp_path / "rows.csv").axes["gain"]) == 20_000


def test_trainings_are_listed_by_their_seeds(tmp_path):
    path = tmp_path / "rows.csv"
    sweep(path, {"NSM": {3: network(seed=3)}})
    rows = sweep(path, {"NSM": {3: network(seed=3), 4: network(seed=4)}})
    models = dict(zip(rows.training_seed.astype(str), rows.model, strict=True))
    assert read_sidecar(path).networks["NSM"]["models"] == models
    assert set(models) == {"3", "4"}


def test_what_is_not_a_sidecar_is_never_overwritten(tmp_path):
    (tmp_path / "levels.toml").write_text("network = 'mnist_mlp'  # a sweep file\n")
    path = tmp_path / "levels.csv"
    sweep(path)
    assert (tmp_path / "levels.toml").read_text() == "network = 'mnist_mlp'  # a sweep file\n"
    assert read_sidecar(path).rows == "levels.csv"
    assert sidecar_paths(path)[1].name == "levels.csv.toml"
    assert sidecar_paths(path)[1].is_file()
    (tmp_path / "gains.toml").write_text("")
    (tmp_path / "gains.csv.toml").write_text("mine")
    with pytest.raises(
        ValueError, match=r"gains.csv.toml is not the sidecar of these rows.*name the rows other"
    ):
        sweep(tmp_path / "gains.csv")
    assert (tmp_path / "gains.csv.toml").read_text() == "mine"


def test_files_of_one_stem_have_a_sidecar_each(tmp_path):
    pytest.importorskip("pyarrow")
    sweep(tmp_path / "rows.csv")
    sweep(tmp_path / "rows.parquet", axes={"gain": [3.0]})
    assert read_sidecar(tmp_path / "rows.csv").axes == {"gain": [0.5, 1.0]}
    assert read_sidecar(tmp_path / "rows.parquet").axes == {"gain": [3.0]}
    for end in ("csv", "toml"):
        (tmp_path / f"rows.{end}").rename(tmp_path / f"renamed.{end}")
    assert read_sidecar(tmp_path / "renamed.csv").axes == {"gain": [0.5, 1.0]}


def test_rows_of_another_experiment_replace_the_sidecar_of_removed_ones(tmp_path):
    path = tmp_path / "rows.csv"
    sweep(path)
    path.unlink()
    sweep(path, rng=6, axes={"gain": [3.0]})
    side = read_sidecar(path)
    assert (side.seed, side.axes, side.calls) == (6, {"gain": [3.0]}, [])


def test_rows_without_a_sidecar_have_none_and_damage_is_named(tmp_path):
    assert read_sidecar(tmp_path / "rows.csv") is None
    (tmp_path / "rows.toml").write_text(f"{MARK}\nseed = \n")
    with pytest.raises(ValueError, match=r"rows.toml is a damaged sidecar .*; remove it"):
        read_sidecar(tmp_path / "rows.csv")
    (tmp_path / "rows.toml").write_text(f"{MARK}\nseed = 1\n")
    with pytest.raises(
        ValueError, match=r"rows.toml is a damaged sidecar .*`samples`.* are missing"
    ):
        read_sidecar(tmp_path / "rows.csv")


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Rows of two chips with their sidecar, which tests copy."""
    folder = tmp_path_factory.mktemp("swept")
    sweep(folder / "lp.csv", chips=2)
    return folder


def copied(folder, to, name="lp"):
    for end in ("csv", "toml"):
        (to / f"{name}.{end}").write_bytes((folder / f"lp.{end}").read_bytes())
    return to / f"{name}.csv"


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nsamples = 2", "\nsamples = 50", "lp.toml says samples = 50, the rows have 2; "),
        ("\nchips = 2", "\nchips = 1", "lp.toml says chips = 1, the rows have 2; "),
        ('experiment = "canonical', 'experiment = "other', "says experiment = 'other.*, the rows"),
        ("\nchips = 2", "", "lp.toml is a damaged sidecar .key `chips` is missing"),
        ("\nchips = 2", "\nchips = 'two'", "chips = 'two' is not a whole number"),
    ],
)
def test_a_sidecar_that_contradicts_its_rows_is_refused(old, new, message, swept, tmp_path):
    path = copied(swept, tmp_path)
    edited(tmp_path / "lp.toml", old, new)
    with pytest.raises(ValueError, match=message):
        read_sidecar(path)
    with pytest.raises(ValueError, match=message):
        sweep(path)


def test_an_edited_sidecar_says_so_even_after_it_was_extended(swept, tmp_path, capsys):
    path = copied(swept, tmp_path)
    assert read_sidecar(path).notes == []
    warn_of_edited([path])
    assert capsys.readouterr().out == ""
    edited(tmp_path / "lp.toml", 'sampling = "exact"', 'sampling = "moments"')
    assert read_sidecar(path).notes == [EDITED]
    warn_of_edited([path])
    assert capsys.readouterr().out == f"warning, {path}: {EDITED}\n"
    assert sidecar_facts(read_sidecar(path))["Run"]["notes"] == EDITED  # on the page of a report
    sweep(path, axes={"gain": [2.0]})
    assert read_sidecar(path).notes == [EDITED]


def test_copied_rows_keep_the_sidecar_that_was_copied_with_them(swept, tmp_path):
    copied(swept, tmp_path)
    copy = copied(swept, tmp_path, "copy")
    assert read_sidecar(copy) == read_sidecar(tmp_path / "lp.csv")
    sweep(copy, axes={"gain": [2.0]})
    assert read_sidecar(copy).rows == "copy.csv"
    assert read_sidecar(copy).axes == {"gain": [0.5, 1.0, 2.0]}
    assert read_sidecar(tmp_path / "lp.csv").axes == {"gain": [0.5, 1.0]}
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["copy.csv", "copy.toml", "lp.csv", "lp.toml"]


def test_a_sidecar_of_other_rows_under_another_name_is_not_theirs(swept, tmp_path):
    path = copied(swept, tmp_path, "copy")
    sweep(tmp_path / "other.csv", rng=6)
    (tmp_path / "copy.toml").write_bytes((tmp_path / "other.toml").read_bytes())
    assert read_sidecar(path) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 3}, r"until differ \(samples: 2 there, 3 here\)"),
        ({"rng": 6}, r"until differ \(seed: 5 there, 6 here\)"),
        (
            {"hardware": replace(HARDWARE, device=replace(DEVICE, levels=16))},
            r"before the axes differ \(device.levels: 8 there, 16 here\)",
        ),
    ],
)
def test_the_refusal_of_another_experiment_tells_the_values(options, message, swept, tmp_path):
    path = copied(swept, tmp_path)
    with pytest.raises(ValueError, match=message):
        sweep(path, **options)


def test_the_refusal_of_other_data_tells_the_number_of_images(swept, tmp_path):
    path = copied(swept, tmp_path)
    tasks = grid({"NSM": network()}, HARDWARE, {"gain": [0.5]})
    with pytest.raises(ValueError, match=r"labels differ \(images: 12 there, 7 here\)"):
        collect(tasks, X[:7], Y[:7], save_to=path, **SETTINGS)


KILLED = """
import sys
sys.path.insert(0, {root!r})
import os, pathlib
import nsm.sweeps.run
from tests.nsm.sweeps.rows.test_sidecar import sweep
nsm.sweeps.run.run_job = lambda *a, **k: os.kill(os.getpid(), 9)
sweep(pathlib.Path("rows.csv"))
"""


def test_a_killed_sweep_leaves_a_valid_sidecar(tmp_path):
    root = os.getcwd()
    code = KILLED.format(root=root)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    table = tomllib.loads((tmp_path / "rows.toml").read_text())
    assert table["axes"] == {"gain": [0.5, 1.0]}
    assert read_sidecar(tmp_path / "rows.csv").networks["NSM"]["energy"] > 0
    assert read_rows(tmp_path / "rows.csv").attrs == {"rows": 0, "planned": 2}
