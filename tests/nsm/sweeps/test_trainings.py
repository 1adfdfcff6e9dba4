"""Several trainings of a network in one sweep, and the list of rows that a killed one lacks."""

import pytest
import torch

import nsm
from crossbar import Hardware
from devices import Device
from nsm.datasets import load_digits
from nsm.sweeps import collect, grid, read_rows
from nsm.sweeps import run as runner
from nsm.sweeps.rows.unfinished import marker_of, planned_rows, write_planned

HARDWARE = Hardware(device=Device(g_min=1e-8, g_max=1e-6))
GAINS = {"gain": [0.5, 1.0]}


def network(seed):
    torch.manual_seed(seed)
    return nsm.relu_mlp((64, 5, 10))


@pytest.fixture(scope="module")
def images():
    data = load_digits()
    return data.x_test[:20], data.y_test[:20]


def swept(images, models, path=None):
    return collect(
        grid(models, HARDWARE, GAINS), *images, chips=2, samples=1, rng=0, save_to=path,
        progress=False,
    )  # fmt: skip


def test_trainings_have_a_column_and_rows_of_their_own(images, tmp_path):
    both = {"ReLU": {0: network(0), 7: network(7)}}
    rows = swept(images, both, tmp_path / "a.csv")
    assert list(rows.columns[:2]) == ["network", "training_seed"]
    assert rows.groupby(["training_seed", "gain"]).size().tolist() == [2, 2, 2, 2]
    alone = swept(images, {"ReLU": network(7)})
    assert rows[rows["training_seed"] == 7]["errors"].tolist() == alone["errors"].tolist()
    again = swept(images, both, tmp_path / "a.csv")
    assert again.equals(rows)
    with pytest.raises(ValueError, match="network 'ReLU' of training seed 7 has other weights"):
        swept(images, {"ReLU": {0: network(0), 7: network(8)}}, tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"A": {0: network(0)}, "B": network(1)}, r"networks \['B'\] have one training without a"),
        ({"A": {}}, "network 'A' has no trainings"),
        ({"A": {0: 3}}, "network 'A' is a int; give a torch.nn.Module.*several trainings"),
        ({"A": {"x": network(0)}}, "training seed of network 'A' = 'x'"),
    ],
)
def test_bad_trainings_are_refused(models, message):
    with pytest.raises(ValueError, match=message):
        grid(models, HARDWARE, GAINS)


def test_a_killed_sweep_leaves_the_number_of_its_rows(images, tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    done = []

    def killed(*job, **options):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(job)
        return run_job(*job, **options)

    run_job = runner.run_job
    with monkeypatch.context() as patch:
        patch.setattr(runner, "run_job", killed)
        with pytest.raises(KeyboardInterrupt):
            swept(images, {"ReLU": network(0)}, path)
    assert read_rows(path).attrs == {"rows": 3, "planned": 4}
    swept(images, {"ReLU": network(0)}, path)
    assert read_rows(path).attrs == {"rows": 4, "planned": 4}
    assert not marker_of(path).exists()


def test_torn_lines_of_the_list_are_left_out(tmp_path):
    path = tmp_path / "a.csv"
    write_planned(path, {("b", 1), ("a", 0)})
    assert marker_of(path).read_text() == "a 0\nb 1\n"
    marker_of(path).write_text("a 0\nb\nc x\n")
    assert planned_rows(path) == {("a", 0)}
    write_planned(path, ())
    assert not marker_of(path).exists()
