"""The report and its claims, and the command that writes it."""

import subprocess
import sys
from dataclasses import replace

import pytest

import nsm.paper.run as runner
from nsm.paper import __main__ as command
from nsm.paper import report
from nsm.paper.claims import claims, spread_growth
from nsm.paper.run import NO_GPU, absence_file, find_experiments, run, write_json
from nsm.paper.table import EXPERIMENTS
from tests.helpers.tiny_paper import NSM, TINY


def test_spread_growth_is_the_ratio_of_the_distances_of_the_outer_percentiles():
    assert spread_growth([[-1, 0, 1], [-9, 0, 9], [-2, 5, 4]]) == 3


def result(name, seed=0, **found):
    (experiment,) = find_experiments([name])
    shared = {
        "experiment": name,
        "seed": seed,
        "epochs": 5,
        "samples": experiment.samples,
        "images": [60_000, 10_000],
    }
    return shared | {"seconds": [60.0] * 5, "loss": [1.0] * 5} | found


def perceptrons():
    curve = {"variance_gained": [1e-3, 2e-3, 4e-3, 5e-3, 6e-3]}
    nsm_ = {"error_all_scaled": 1.5, "error_weights_scaled": 2.5, "error_one_sample": 3.0}
    return [
        result("mlp_nsm", 0, error=1.4, **nsm_, **curve),
        result("mlp_nsm", 1, error=1.3, **nsm_, **curve),
        result("mlp_stnn", 0, error=1.1, **curve),
    ]


def grouped(found):
    names = dict.fromkeys(r["experiment"] for r in found)
    return {n: [r for r in found if r["experiment"] == n] for n in names}


def test_claims_are_decided_if_their_experiments_were_run_and_else_left_out():
    told = dict(claims(grouped(perceptrons())))
    assert told == {
        "NSM perceptron at most 1.45 %": "not resolved (1.35 ± 0.13)",
        "NSM perceptron below StNN": "not resolved (1.35, 1.10; difference 0.25 ± 0.16; unpaired; "
        "one training of one or both)",
        "weights and biases × 0.1 change the error by less than 0.2 points": "not resolved "
        "(1.35, 1.50; difference 0.15 ± 0.17; unpaired)",
        "weights × 0.1 alone change the error by less than 0.2 points": "no "
        "(1.35, 2.50; difference 1.15 ± 0.19; unpaired)",
        "the StNN's weights gain over 10 times the variance of the NSM's in epoch 1 "
        "(poster: 16)": "not resolved (1.00; one run)",
    }
    errors = {"bNSM": 0.8, "BN": 1.1, "SN": 2.0, "STE": 2.1, "wBD": 2.7, "BD": 3.1, "dCNN": 0.9}
    order = "order bNSM < BN < {SN, STE} < wBD < BD"
    for changed, expected in (
        ({"wBD": 2.9, "BD": 3.6}, "yes ("),
        ({"STE": 2.8}, "not resolved"),
        ({"STE": 3.9}, "no (0.80, 1.10, 2.00, 3.90, 2.70, 3.10; resolved: "),
        ({"BN": 0.4}, "no"),
        ({"BD": 1.6}, "no"),
    ):
        for prefix, where in (("conv", ""), ("coded", ", with the authors' recipe")):
            found = [result(f"{prefix}_{rule}", error=e) for rule, e in (errors | changed).items()]
            assert dict(claims(grouped(found)))[order + where].startswith(expected)
    for low, high, verdict in ((0.5, 0.9, "yes"), (0.8, 0.9, "not resolved"), (0.9, 0.5, "no")):
        found = grouped(
            [result("coded_bNSM_longer", error=low), result("coded_dCNN_longer", error=high)]
        )
        claim = dict(claims(found))[
            "convolutional bNSM below dCNN, with the authors' recipe, longer"
        ]
        assert claim.startswith(
            f"{verdict} ({low:.2f}, {high:.2f}; difference {low - high:.2f} ± 0.1"
        )
    told = dict(
        claims(
            {
                "figure2": [
                    {
                        "NSM": [[-1, 0, 1], [-1.5, 0, 1.5 + k]],
                        "StNN": [[-1, 0, 1], [-3, 0, 3 + k]],
                        "StNN, small": [[-0.1, 0, 0.1], [-3, 0, 3 + k]],
                    }
                    for k in (0.0, 0.02, 0.04)
                ]
            }
        )
    )
    assert list(told.values()) == [
        "yes (1.51 ± 0.01)",
        "yes (30.10 ± 0.06)",
        "no (3.01 ± 0.01)",
    ]
    assert claims({}) == []


def test_report_has_a_row_for_every_experiment_run_or_not(tmp_path, monkeypatch):
    table = tuple(replace(e, seeds=(0, 1)) if e.name == "mlp_nsm" else e for e in EXPERIMENTS)
    for module in (runner, report):
        monkeypatch.setattr(module, "EXPERIMENTS", table)
    percentiles = [[-0.5, 0.0, 0.5], [-0.6, 0.0, 0.7]]
    per_layer = {"floor": [14.0, 26.0, 35.0], "STE": [38.0, 26.0, 27.0]}
    found = [
        *perceptrons(),
        result("conv_bNSM", error=0.8),
        result("figure2", **dict.fromkeys(("NSM", "StNN", "StNN, small"), percentiles)),
        result("angles", start=per_layer, trained=per_layer),
    ]
    for r in found:
        write_json(tmp_path / f"{r['experiment']}_{r['seed']}.json", r)
    write_json(absence_file(tmp_path), {e.name: NO_GPU for e in EXPERIMENTS if e.gpu})
    path = report.write_report(tmp_path, tmp_path / "out")
    text = path.read_text()
    lines = text.splitlines()
    assert path == tmp_path / "out" / "RESULTS.md"
    # Counting: √(0.0135 · 0.9865/10⁴) = 0.115 %; two trainings 0.1 apart: 0.05 %.
    error = (0.1154**2 + 0.05**2) ** 0.5
    assert f"| NSM | 1.36 | 1.35 | {error:.2f} | 2 | 5 / 200 | 100 | 10 |" in lines
    assert any(
        line.startswith("| NSM, one sample |  | 3.00 |") and "| 5 / 200 | 1 |" in line
        for line in lines
    )
    assert (
        sum(line.startswith("| bNSM, MNIST | 0.775 | 0.80 |") for line in lines) == 2
    )  # in both parts of Table 2
    assert "| BN | 1.1 | not run yet |  | 0 | – / 200 |  |  |" in lines
    assert sum("needs a GPU" in line for line in lines) == sum(e.gpu for e in EXPERIMENTS)
    assert "| start | STE | 38 | 26 | 27 |" in lines  # one seed: nothing between seeds
    for name in ("stability.png", "percentiles.png"):
        assert f"({name})" in text
        assert (tmp_path / "out" / name).stat().st_size > 1000


def test_angles_of_several_seeds_have_a_spread():
    found = [
        {"start": {"STE": [30.0, 40.0, 50.0]}, "trained": {}},
        {"start": {"STE": [34.0, 40.0, 52.0]}, "trained": {}},
    ]
    assert report._angles(found)[-1] == "| start | STE | 32 ± 3 | 40 ± 0 | 51 ± 1 |"


def test_the_command_runs_the_named_experiments_and_writes_the_report(tiny, tmp_path, capsys):
    command.main(tmp_path / "out", tmp_path / "report", ["relu"], None, 1)
    assert capsys.readouterr().out.strip() == str(tmp_path / "report" / "RESULTS.md")
    assert "| ReLU |" in (tmp_path / "report" / "RESULTS.md").read_text()
    command.main(tmp_path / "out", only=["relu"], workers=1)
    assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "RESULTS.md")
    with pytest.raises(ValueError, match="unknown experiment or group 'rleu'; did you mean 'relu'"):
        command.main(tmp_path / "out", tmp_path / "report", ["rleu"], None, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"epochs": 3},
            "relu_0.json is of 2 epochs, where the table says 3",
        ),
        ({"samples": 9}, "relu_0.json is of 1 samples, where the table says 9"),
        (
            {"recipe": {"lr": 10.0}},
            "relu_0.json is of another recipe",
        ),
        ({"build": NSM}, "is of another recipe"),
        ({"data": "digits"}, "is of another recipe"),
    ],
)
def test_results_of_another_table_are_refused(changes, message, tiny, tmp_path, monkeypatch):
    run(tmp_path, ["relu"], workers=1)
    monkeypatch.setattr(runner, "EXPERIMENTS", (replace(TINY[2], **changes),))
    with pytest.raises(ValueError, match=message):
        run(tmp_path, ["relu"], workers=1)


def test_a_truncated_result_is_named(tiny, tmp_path):
    run(tmp_path, ["relu"], workers=1)
    path = tmp_path / "relu_0.json"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(
        ValueError, match=r"relu_0.json is truncated or no result .*; delete it to run it again"
    ):
        run(tmp_path, ["relu"], workers=1)


def test_a_typo_ends_the_command_in_one_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "nsm.paper",
        "--only",
        "rleu",
        "--out",
        str(tmp_path),
        "--report",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("nsm: unknown experiment or group 'rleu'")
    assert "Traceback" not in done.stderr
