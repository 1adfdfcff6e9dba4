"""Running sweeps: the same rows in any number of processes and after any interruption."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from torch import nn

import nsm.sweeps.run
from crossbar import Adc, Comparator, Hardware, Wires
from devices import BlankOut, Device, GaussianNoise, LogTimeDrift, ReadNoise, StateDependentError
from nsm import collect, grid, map_to_crossbar, nsm_mlp, relu_mlp, stnn_mlp
from nsm.sweeps import Task, Until, read_rows
from nsm.sweeps.axes import CHIP_AXES
from nsm.sweeps.rows.row_file import RowFile
from nsm.sweeps.workers.work import run_job

DEVICE = Device(
    g_min=1e-6,
    g_max=1e-5,
    levels=8,
    write=StateDependentError(coefficients=(2e-7,)),
    retention=LogTimeDrift(mean=-1e-7, std=1e-7, std_rate=0.0),
)
HARDWARE = Hardware(device=DEVICE, gate=BlankOut(0.5), tile_shape=(16, 16))
AXES = {"device.levels": [2, 8], "gate_sharing": ["pair", "cell"], "gain": [0.1]}
SETTINGS = {"chips": 2, "samples": 2, "rng": 5, "progress": False}


def network(build=nsm_mlp):
    torch.manual_seed(0)
    return build((8, 12, 10, 3))


def batch(n=12):
    rng = np.random.default_rng(1)
    return rng.random((n, 8)), rng.integers(0, 3, n)


def sweep(tasks=None, data=None, **options):
    tasks = grid(network(), HARDWARE, AXES) if tasks is None else tasks
    return collect(tasks, *(data or batch()), **(SETTINGS | options))


def assert_same_rows(one, other):
    assert_frame_equal(one.drop(columns="elapsed"), other.drop(columns="elapsed"))


@pytest.fixture(scope="module")
def rows():
    return sweep()


def test_one_row_per_task_and_chip_in_that_order(rows):
    assert list(rows.columns) == [
        *(
            "network",
            "device.levels",
            "gate_sharing",
            "gain",
            "reprogrammed_scale",
            "seconds",
            "chip",
            "errors",
        ),
        *("images", "samples", "seed", "elapsed", "model", "task", "experiment"),
    ]
    points = [(2, "pair"), (2, "cell"), (8, "pair"), (8, "cell")]
    expected = [(*point, chip) for point in points for chip in (0, 1)]
    assert (
        list(rows[["device.levels", "gate_sharing", "chip"]].itertuples(index=False, name=None))
        == expected
    )
    assert (rows[["gain", "images", "samples"]] == [0.1, 12, 2]).all(axis=None)
    assert rows.errors.between(0, 12).all()
    assert rows.groupby("chip").seed.nunique().tolist() == [1, 1]  # curves compare the same chips
    assert rows.seed.nunique() == 2


def test_rows_do_not_depend_on_processes_or_on_being_saved(rows, tmp_path):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert_same_rows(sweep(executor=pool), rows)
        saved = sweep(executor=pool, save_to=tmp_path / "two.csv")
    assert_same_rows(saved, rows)
    assert_same_rows(sweep(save_to=tmp_path / "none.csv"), rows)


def test_rows_keep_which_images_were_wrong(rows):
    x, y = batch()
    kept = sweep(keep_wrong=True)
    assert_same_rows(kept.drop(columns="wrong"), rows)
    for one, other in zip(kept["wrong"], sweep(keep_wrong=True, block=7)["wrong"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert [len(wrong) for wrong in kept["wrong"]] == kept["errors"].tolist()
    tasks = {task.id: task for task in grid(network(), HARDWARE, AXES)}
    for row in kept.itertuples():
        chip = map_to_crossbar(network(), tasks[row.task].hardware, rng=row.seed)
        chip.scale_conductances(row.gain)
        wrong = chip.wrong(x, y, 2, rng=row.seed)
        np.testing.assert_array_equal(np.flatnonzero(wrong), row.wrong)
        assert wrong.shape == y.shape
        assert wrong.tolist() == (chip.predict(x, 2, rng=row.seed) != y).tolist()


def test_a_file_has_no_place_for_wrong_images(tmp_path):
    with pytest.raises(ValueError, match=r"keep_wrong=True with save_to=.*rows\.csv"):
        sweep(keep_wrong=True, save_to=tmp_path / "rows.csv")
    with pytest.raises(ValueError, match=r"keep_wrong=True with until=Until\(errors=2"):
        sweep(keep_wrong=True, until=Until(errors=2))


def test_the_seed_of_a_row_recreates_it():
    x, y = batch(40)
    axes = {"device.levels": [4], "gain": [0.3], "reprogrammed_scale": [0.5], "seconds": [1000.0]}
    tasks = grid(network(), HARDWARE, axes)
    for row in sweep(tasks, (x, y), chips=3).itertuples():
        hardware = replace(HARDWARE, device=replace(DEVICE, levels=4))
        chip = map_to_crossbar(network(), hardware, rng=row.seed, reprogrammed_scale=0.5)
        chip.age(1000.0)
        chip.scale_conductances(0.3)
        assert chip.errors(x, y, 2, rng=row.seed) == row.errors


def test_every_axis_reaches_the_chip():
    chips = {}
    for name, value in {
        "none": None,
        "gain": 0.3,
        "reprogrammed_scale": 0.5,
        "seconds": 1000.0,
    }.items():
        (task,) = grid(network(), HARDWARE, {} if value is None else {name: [value]})
        chips[name] = task
        assert (task.hardware, task.base) == (HARDWARE, HARDWARE)
        assert (task.gain, task.reprogrammed_scale, task.seconds) == tuple(
            value if name == n else default for n, default in CHIP_AXES.items()
        )
    assert len({t.id for t in chips.values()}) == 4


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "rows.csv"
    return sweep(save_to=path), path.read_bytes()


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_sweep_that_was_killed_resumes_to_the_same_rows(saved, tmp_path_factory, data):
    frame, content = saved
    path = tmp_path_factory.mktemp("torn") / "rows.csv"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert_same_rows(sweep(save_to=path), frame)
    # The file has as many lines as the other; their bytes may differ in the elapsed times.
    assert len(path.read_bytes().splitlines()) == len(content.splitlines())


def test_finished_rows_are_not_run_again(saved, tmp_path, monkeypatch):
    frame, content = saved
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    monkeypatch.setattr(nsm.sweeps.run, "run_job", None)
    assert_frame_equal(sweep(save_to=path), frame)
    assert path.read_bytes() == content


def test_more_chips_and_values_go_on_in_the_same_file(saved, tmp_path):
    frame, content = saved
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    tasks = grid(network(), HARDWARE, {**AXES, "device.levels": [2, 4, 8]})
    more = sweep(tasks, chips=3, save_to=path)
    assert path.read_bytes().startswith(content)
    assert len(more) == 3 * 2 * 3
    kept = more[more["device.levels"].isin([2, 8]) & (more.chip < 2)].reset_index(drop=True)
    assert_frame_equal(kept, frame)
    assert_same_rows(sweep(save_to=path), frame)  # fewer tasks and chips: only their rows come back


def other_images():
    x, y = batch()
    x[0, 0] += 1e-9
    return x, y


def other_labels():
    x, y = batch()
    return x, (y + 1) % 3


def perturbed():
    model = network()
    with torch.no_grad():
        model[1].weight[0, 0] += 1e-6
    return model


OTHERS = {
    "images": lambda: {"data": other_images()},
    "labels": lambda: {"data": other_labels()},
    "fewer images": lambda: {"data": batch(11)},
    "seed": lambda: {"rng": 6},
    "samples": lambda: {"samples": 3},
    "sampling": lambda: {"sampling": "moments"},
    "weights": lambda: {"tasks": grid(perturbed(), HARDWARE, AXES)},
    "base hardware": lambda: {"tasks": grid(network(), replace(HARDWARE, read_voltage=0.2), AXES)},
    "axes": lambda: {"tasks": grid(network(), HARDWARE, {"device.levels": [2, 8]})},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_file_of_another_experiment_is_refused_and_unchanged(what, saved, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(saved[1])
    with pytest.raises(
        ValueError,
        match=r"rows.csv holds another experiment: .*Name another file, or move this one",
    ):
        sweep(save_to=path, **OTHERS[what]())
    assert path.read_bytes() == saved[1]


def test_a_second_writer_is_refused(saved, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(saved[1])
    with (
        RowFile(path, list(saved[0].columns), saved[0].experiment[0]),
        pytest.raises(ValueError, match="is being written by another sweep"),
    ):
        sweep(save_to=path)
    assert path.read_bytes() == saved[1]


def test_a_full_disk_ends_in_one_message_and_the_sweep_goes_on_later(saved, tmp_path, monkeypatch):
    path, sync, left = tmp_path / "rows.csv", os.fsync, [5]

    def fills_up(number):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        sync(number)

    monkeypatch.setattr(os, "fsync", fills_up)
    with pytest.raises(
        OSError, match=r"rows.csv \(No space left on device\); the rows before are safe"
    ):
        sweep(save_to=path)
    monkeypatch.undo()
    assert len(read_rows(path)) >= 3
    assert_same_rows(sweep(save_to=path), saved[0])


def test_an_error_in_a_worker_reaches_the_caller_and_keeps_finished_rows(tmp_path, monkeypatch):
    def fails_late(job, **options):
        if (job.point.value().hardware.device.levels, job.chip) == (8, 1):
            raise RuntimeError("a worker died")
        return run_job(job, **options)

    monkeypatch.setattr(nsm.sweeps.run, "run_job", fails_late)
    with pytest.raises(RuntimeError, match="a worker died"):
        sweep(save_to=tmp_path / "rows.csv")
    assert len(read_rows(tmp_path / "rows.csv")) == 5  # (2, pair) × 2, (2, cell) × 2, (8, pair) × 1


def test_grid_is_every_combination_of_every_network():
    models = {"NSM": network(), "ReLU": network(relu_mlp), "StNN": network(stnn_mlp)}
    tasks = grid(
        models,
        HARDWARE,
        {"gate.p": [0.3, 0.5], "comparator": [Comparator(), Comparator(noise=1e-9)]},
    )
    assert [t.network for t in tasks] == ["NSM"] * 4 + ["ReLU"] * 4 + ["StNN"] * 4
    assert [t.hardware.gate for t in tasks[:4]] == [BlankOut(0.3)] * 2 + [BlankOut(0.5)] * 2
    assert tasks[1].parameters == {"gate.p": 0.3, "comparator": "Comparator(noise=1e-09)"}
    assert len({t.id for t in tasks}) == 12
    assert [t.id for t in grid(models, HARDWARE, {"gate.p": [0.3]})] != [t.id for t in tasks[:1]]


def test_an_axis_value_may_be_absent(tmp_path):
    tasks = grid(network(), HARDWARE, {"device.levels": [None, 4]})
    plain, kept = sweep(tasks), sweep(tasks, save_to=tmp_path / "rows.csv")
    assert_same_rows(kept, plain)
    assert kept["device.levels"].isna().tolist() == [True, True, False, False]


@dataclass(frozen=True, eq=False)
class Measured(ReadNoise):
    """Relative noise over conductance, as a long table from a measurement."""

    g: np.ndarray
    sigma: np.ndarray

    def moments(self, g):
        return np.ones(np.shape(g)), np.interp(g, self.g, self.sigma) ** 2

    def sample(self, g, state, n_reads, *, rng, period):
        normals = rng.standard_normal((n_reads, *np.shape(g)))
        return 1 + np.interp(g, self.g, self.sigma) * normals, state


class Plain(ReadNoise):
    """The same without a dataclass: its repr holds an address."""

    def __init__(self, sigma):
        self.sigma = sigma

    def moments(self, g):
        return np.ones(np.shape(g)), np.full(np.shape(g), self.sigma**2)

    def sample(self, g, state, n_reads, *, rng, period):
        return 1 + self.sigma * rng.standard_normal((n_reads, *np.shape(g))), state


def measured(loud):
    g = np.linspace(1e-6, 1e-5, 2001)
    sigma = np.full(2001, 0.01)
    sigma[1000] = loud
    return Measured(g, sigma)


def test_long_tables_are_told_apart(tmp_path):
    axes = {"device.read_noise": {"quiet": measured(0.01), "loud": measured(3.0)}}
    path = tmp_path / "rows.csv"
    tasks = grid(network(relu_mlp), replace(HARDWARE, device=replace(DEVICE, levels=None)), axes)
    rows = sweep(tasks, save_to=path)
    assert rows["device.read_noise"].tolist() == ["quiet", "quiet", "loud", "loud"]
    with np.printoptions(threshold=5, precision=2):
        again = grid(tasks[0].model, tasks[0].base, axes)
        assert_frame_equal(sweep(again, save_to=path), rows)


def test_a_plain_class_resumes(tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"

    def again():
        noisy = replace(HARDWARE, device=replace(DEVICE, read_noise=Plain(0.1)))
        return grid(network(relu_mlp), noisy, {"gain": [1.0]})

    rows = sweep(again(), save_to=path)
    monkeypatch.setattr(nsm.sweeps.run, "run_job", None)
    assert_frame_equal(sweep(again(), save_to=path), rows)


def test_a_number_is_one_point_whatever_its_type(tmp_path):
    path = tmp_path / "rows.csv"
    for values in ([0.5, 1.0], np.array([0.5, 1.0]), [0.5, 1], torch.tensor([0.5, 1.0])):
        rows = sweep(grid(network(), HARDWARE, {"gain": values}), chips=1, save_to=path)
        assert rows.gain.tolist() == [0.5, 1.0]
        assert len(read_rows(path)) == 2


def test_rows_are_the_same_before_and_after_a_csv(tmp_path):
    # Texts that pandas takes for missing values, numbers or truth values; None; whole numbers.
    names = ("None", "NA", "300", "nan", "True", "")
    nets = {name: network(relu_mlp) for name in names}
    axes = {
        "device.levels": [2, 8, None],
        "adc": [None, Adc(bits=4)],
        "tile_shape": [(16, 16), [8, 16]],
        "compensate_wires": [False, True],
    }
    tasks = grid(nets, replace(HARDWARE, wires=Wires(r_row=1.0, r_col=1.0)), axes)[::5]
    path = tmp_path / "rows.csv"
    plain = sweep(tasks, chips=1, samples=1)
    saved = sweep(tasks, chips=1, samples=1, save_to=path)
    for rows in (saved, read_rows(path)):
        assert_same_rows(rows, plain)
    assert {*plain.network} == {*names}
    assert {*plain["tile_shape"]} == {(16, 16), (8, 16)}
    assert plain["compensate_wires"].dtype == bool
    assert plain["device.levels"].isna().any()


def test_rows_of_a_file_have_the_names_of_the_call(tmp_path):
    path = tmp_path / "rows.csv"
    adc = [Adc(bits=4), None]
    first = sweep(grid(network(), HARDWARE, {"adc": adc}), save_to=path)
    assert first["adc"].fillna("-").tolist() == ["Adc(bits=4)"] * 2 + ["-"] * 2
    named = {"coarse": adc[0], "exact": adc[1]}
    again = sweep(grid(network(), HARDWARE, {"adc": named}), save_to=path)
    assert again["adc"].tolist() == ["coarse", "coarse", "exact", "exact"]
    assert again.errors.tolist() == first.errors.tolist()


def test_images_of_any_shape_are_swept():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
    x = np.random.default_rng(0).random((5, 1, 4, 4))
    y = np.array([0, 1, 2, 0, 1])
    tasks = grid(net, HARDWARE, {"gain": [1.0]})
    rows = sweep(tasks, (x, y), chips=1)
    chip = map_to_crossbar(net, HARDWARE, rng=int(rows.seed[0]))
    assert rows.errors[0] == chip.errors(x, y, 2, rng=int(rows.seed[0]))
    with pytest.raises(
        ValueError, match=r"'network': the network cannot run on inputs of shape \(2, 16\)"
    ):
        sweep(tasks, (x.reshape(5, 16), y))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"device.level": [2]}, "unknown axis 'device.level'; did you mean 'device.levels'"),
        ({"gian": [2]}, "unknown axis 'gian'; did you mean 'gain'"),
        (
            {"adc.bits": [2]},
            r"axis 'adc.bits': this hardware has adc = None",
        ),
        (
            {"wires.r_row": [2]},
            "axis 'wires.r_row': this hardware has wires = None",
        ),
        ({"gain": []}, r"axis 'gain' has no values \(\[\]\); give a list of at least one"),
        ({"gate_sharing": "pair"}, r"axis 'gate_sharing' has no values \('pair'\)"),
        ({"gain": 0.1}, r"axis 'gain' has no values \(0.1\)"),
        ({"device.levels": [4, 1]}, "Device.levels = 1 is not allowed"),
        ({"gate.p": [0.5, 1.5]}, "BlankOut.p = 1.5 is not allowed"),
        ({"gate_sharing": ["pair", "pear"]}, "unknown gate_sharing 'pear'"),
        ({"gain": [-1.0]}, r"gain = -1.0 is not allowed; give a finite number in \(0, inf\)"),
        ({"gain": [0.1, 0.0]}, r"gain = 0.0 is not allowed; give a finite number in \(0, inf\)"),
        ({"reprogrammed_scale": [0.0]}, "reprogrammed_scale = 0.0 is not allowed"),
        ({"seconds": [-1]}, "seconds = -1 is not allowed"),
        ({"seconds": ["a day"]}, "seconds = 'a day' is not a number"),
        ({"device.g_min": [2e-5]}, "must be below g_max"),
        ({"device.on_off_ratio": [10, 0]}, "on_off_ratio = 0 is not allowed"),
    ],
)
def test_bad_axes_are_refused_before_any_work(axes, message):
    with pytest.raises(ValueError, match=message):
        grid(network(), HARDWARE, axes)


def test_an_axis_of_an_optional_part_needs_that_part():
    assert grid(network(), replace(HARDWARE, adc=Adc()), {"adc.bits": [3]})[0].hardware.adc == Adc(
        bits=3
    )


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="network 'a' is a list; give a torch.nn.Module"):
        grid({"a": [nn.Linear(8, 3)]}, HARDWARE, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": []}, r"there are no tasks to run; make some with nsm.grid"),
        ({"chips": 0}, "chips = 0 is not allowed"),
        ({"samples": 0}, "samples = 0 is not allowed"),
        ({"sampling": "exakt"}, "unknown sampling 'exakt'; did you mean 'exact'"),
        ({"rng": -1}, "rng = -1 is not allowed"),
        (
            {"rng": None},
            "rows saved to a file need a seed to be resumed by; give rng a whole number",
        ),
        ({"data": (np.full((2, 8), np.nan), [0, 1])}, "x holds 16 values that are NaN or infinite"),
        ({"data": (np.ones((0, 8)), np.empty(0, int))}, "x holds no images"),
        ({"data": (np.ones(8), [0])}, r"x has shape \(8,\); give \(batch, …\), one image or more"),
        (
            {"data": (np.ones((2, 9)), [0, 1])},
            "network 'network': the network cannot run on inputs .*the last axis must be 8",
        ),
        (
            {"data": (np.ones((2, 8)), [0, 3])},
            "network 'network': labels go from 0 to 3; the network has 3 classes, 0 to 2",
        ),
        ({"data": (np.ones((2, 8)), [-1, 2])}, "labels go from -1 to 2; class numbers start at 0"),
        ({"data": (np.ones((2, 8)), [0])}, r"labels have shape \(1,\); 2 images need \(2,\)"),
    ],
)
def test_bad_arguments_are_refused_and_no_file_is_made(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        sweep(save_to=tmp_path / "rows.csv", **options)
    assert not (tmp_path / "rows.csv").exists()


def test_without_a_seed_every_sweep_is_another():
    tasks = grid(network(), HARDWARE, {"gain": [1.0]})
    one, other = sweep(tasks, rng=None), sweep(tasks, rng=None)
    assert (one.seed != other.seed).all()


def test_tasks_differ_by_everything_that_decides_their_result():
    model = network()
    base = {"network": "a", "model": model, "hardware": HARDWARE, "base": HARDWARE}
    noisy = replace(HARDWARE, device=replace(DEVICE, read_noise=GaussianNoise(0.1)))
    changes = [
        {},
        {"network": "b"},
        {"model": perturbed()},
        {"hardware": noisy},
        {"gain": 2.0},
        {"seconds": 1.0},
    ]
    assert len({Task(**(base | c)).id for c in [*changes, {"reprogrammed_scale": 0.5}]}) == 7


def test_other_files_are_refused_as_rows(tmp_path):
    path = tmp_path / "rows.csv"
    with pytest.raises(FileNotFoundError, match="no file .*rows.csv"):
        read_rows(path)
    for content, message in (
        (b"", "is not a CSV of sweep rows"),
        (b'a,b\n"1,2,3\n', "is not a CSV of sweep rows"),
        (b"\xff\xfe\x00", "is not a CSV of sweep rows"),
        (b"network,gain\na,1\n", "it lacks the columns reprogrammed_scale, seconds, chip, errors"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_rows(path)


def test_rows_on_disk_keep_every_digit(saved, tmp_path):
    path = tmp_path / "rows.csv"
    tasks = grid(network(), HARDWARE, {"gain": [0.1 + 0.2], "gate.p": [1 / 3]})
    frame = sweep(tasks, save_to=path)
    assert (frame.gain[0], frame["gate.p"][0]) == (0.1 + 0.2, 1 / 3)
    assert isinstance(frame, pd.DataFrame)
    assert frame.seed.dtype == np.int64
