"""What the paper's experiments measure, against closed forms; and the report."""

import copy
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr
from torch import nn

import nsm.paper.run as runner
from nsm.nn import architectures as networks
from nsm.nn import rules
from nsm.nn.nsm_linear import NSMLinear
from nsm.nn.stochastic import reseed
from nsm.nn.transforms import scale_weights
from nsm.paper import __main__ as command
from nsm.paper import measure, report
from nsm.paper.figures import poster
from nsm.paper.measure import PERCENTILES, UPDATES, angle, at_neurons, sums_over_updates
from nsm.paper.run import NO_GPU, absence_file, by_name, run, write_json
from nsm.paper.table import EXPERIMENTS, Experiment
from tests.helpers.tiny_paper import NSM, TINY, WIDTHS

# What is measured


def arguments(model, x, seed=0):
    """The erf argument of every hidden layer, each on the same noisy states."""
    reseed(model, seed)
    out, z = [], x
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, NSMLinear):
                out.append(layer.argument(z))
            z = layer(z)
    return out, z


@given(factor=st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_scaled_weights_leave_the_arguments_where_biases_go_along_and_else_move_them(factor):
    torch.manual_seed(0)
    model, x = NSM().double(), torch.rand(20, 64, dtype=torch.float64)
    before, logits = arguments(model, x)
    both, their_logits = arguments(scale_weights(model, factor, biases=True), x)
    for one, other in zip(before, both, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(their_logits, factor * logits, rtol=1e-12, atol=1e-12)
    first = model[1]
    (moved, *_), _ = arguments(scale_weights(model, factor, biases=False), x)
    shift = (1 / factor - 1) * first.bias / (first.s * first.weight.norm(dim=1))  # of b/(s ‖w‖)
    torch.testing.assert_close(moved - before[0], shift.expand(20, -1), rtol=1e-10, atol=1e-10)


def test_noise_at_neurons_is_one_mask_for_all_outputs_of_an_otherwise_equal_network():
    torch.manual_seed(0)
    model, x = NSM(), torch.rand(300, 64)
    with torch.no_grad():
        model[1].weight[1] = model[1].weight[0]  # two neurons that one mask cannot tell apart
        model[1].bias[1] = model[1].bias[0]
    lines = at_neurons(model)
    assert [m.site for m in lines if isinstance(m, NSMLinear)] == ["neuron"] * 3
    assert [m.site for m in model if isinstance(m, NSMLinear)] == ["synapse"] * 3
    for (name, a), b in zip(model.state_dict().items(), lines.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    z = lines[:2](x)
    assert torch.equal(z[:, 0], z[:, 1])
    z = model[:2](x)
    assert not torch.equal(z[:, 0], z[:, 1])


@given(
    degrees=st.floats(0, 180),
    seed=st.integers(0, 99),
    sizes=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)),
)
@settings(max_examples=60, deadline=None)
def test_angle_is_that_of_the_plane_two_tensors_span(degrees, seed, sizes):
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((12, 2)))
    a, b = (
        basis[:, 0],
        math.cos(math.radians(degrees)) * basis[:, 0]
        + math.sin(math.radians(degrees)) * basis[:, 1],
    )
    a, b = (torch.tensor(size * v).view(3, 4) for size, v in zip(sizes, (a, b), strict=True))
    # Rounding of each vector, 1e-16 of its length, turns it by about 1e-14 degrees, at small angles too.
    assert abs(angle(a, b) - degrees) <= 1e-12 * 180
    assert angle(b, a) == pytest.approx(angle(a, b), rel=1e-9, abs=1e-12)


def test_angle_of_nothing_is_not_a_number():
    assert math.isnan(angle(torch.zeros(3), torch.ones(3)))
    assert angle(torch.ones(3), torch.ones(3)) == 0
    assert angle(torch.ones(3), -torch.ones(3)) == 180


def test_gradients_are_means_over_draws(data):
    torch.manual_seed(0)
    model, x, y = NSM(), torch.as_tensor(data.x_train[:50]), torch.as_tensor(data.y_train[:50])
    found = measure._gradients(model, x, y, 5)
    assert [tuple(g.shape) for g in found] == [(14, 64), (12, 14), (11, 12)]
    total = torch.zeros(14, 64)
    for draw in range(30):
        reseed(model, measure.child(measure.seed_sequence(5), draw))
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(model(x), y), model[1].weight)
        total += gradient / 30
    torch.testing.assert_close(found[0], total, rtol=1e-4, atol=1e-7)  # float32
    assert angle(found[0], measure._gradients(model, x, y, 6)[0]) > 1  # other draws


def test_angles_are_between_the_estimators_they_are_named_after(tiny, data, tmp_path):
    experiment = Experiment(name="a", section="g", label="a", kind="angles", build=NSM, epochs=1)
    found = measure.angles(experiment, 0, data, tmp_path)["start"]
    torch.manual_seed(0)
    model, x, y = NSM(), torch.as_tensor(data.x_train[:100]), torch.as_tensor(data.y_train[:100])
    own = measure._gradients(model, x, y, 0)
    kinds = {
        "floor": NSMLinear,
        "BinConcrete": rules.BinConcreteLinear,
        "STE": rules.StraightThroughLinear,
    }
    for number, (name, kind) in enumerate(kinds.items(), start=1):
        other = copy.deepcopy(model)
        for layer in other[1:4]:
            layer.__class__ = kind
        theirs = measure._gradients(other, x, y, 1000 * number)  # noise of its own
        assert found[name] == pytest.approx([angle(a, b) for a, b in zip(own, theirs, strict=True)])


def test_angles_at_the_start_do_not_know_of_the_training(tiny, data, tmp_path):
    found = {}
    for epochs in (1, 2):
        (tmp_path / str(epochs)).mkdir()
        experiment = Experiment(
            name="a", section="g", label="a", kind="angles", build=NSM, epochs=epochs
        )
        found[epochs] = measure.angles(experiment, 0, data, tmp_path / str(epochs))
    assert found[1]["start"] == found[2]["start"]
    assert found[1]["trained"] != found[2]["trained"]
    for moment in ("start", "trained"):
        assert set(found[1][moment]) == {"floor", "BinConcrete", "STE"}
        for values in found[1][moment].values():
            assert len(values) == 3
            assert all(0 < v < 90 for v in values)  # all estimate one gradient


def first_sums(model, data):
    """Percentiles before the first update, and the states that the last hidden layer saw."""
    seen = []
    handle = model[-2].register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].detach().double().numpy())
    )
    (row,) = sums_over_updates(model, data.x_train, data.y_train, updates=0, rng=0)
    handle.remove()
    return row, seen[0]


@pytest.mark.parametrize("options", [{}, {"noise": "gaussian", "sigma": 2.0}])
def test_percentiles_of_an_nsm_are_those_of_its_closed_form(options, data):
    torch.manual_seed(0)
    model = networks.nsm_mlp((64, 50, 60, 300, 10), **options)
    (*row,), z = first_sums(model, data)
    w, b, beta = (
        p.detach().double().numpy() for p in (model[-2].weight, model[-2].bias, model[-2].beta)
    )
    variance = {False: 0.25, True: 4.0}[bool(options)]
    # u = s β w·z + b + N(0, Var ξ ‖w‖²), s = √(2 Var ξ): 30,000 independent normals, of which q cuts off its share.
    assert z.shape == (100, 60)
    centre, spread = (
        math.sqrt(2 * variance) * beta * (z @ w.T) + b,
        math.sqrt(variance) * np.linalg.norm(w, axis=1),
    )
    for q, percent in zip(row, PERCENTILES, strict=True):
        share, p = ndtr((q - centre) / spread).mean(), percent / 100
        assert abs(share - p) <= 5 * math.sqrt(p * (1 - p) / centre.size)


def test_percentiles_of_an_stnn_are_those_of_its_plain_sums(data):
    torch.manual_seed(0)
    model = networks.stnn_mlp(WIDTHS)
    row, z = first_sums(model, data)
    np.testing.assert_allclose(
        row, np.percentile(z @ model[-2].weight.detach().numpy().T, PERCENTILES), rtol=1e-5
    )


def test_sums_over_updates_are_of_the_network_before_each_of_them(data):
    curves, models = {}, {}
    for updates in (0, 1, 4):
        torch.manual_seed(0)
        models[updates] = NSM()
        curves[updates] = sums_over_updates(
            models[updates], data.x_train, data.y_train, updates=updates, lr=0.05, rng=3
        )
        assert len(curves[updates]) == updates + 1
    assert curves[4][:2] == curves[1]
    assert curves[1][:1] == curves[0]
    torch.manual_seed(0)
    start = NSM()
    assert torch.equal(models[0][1].weight, start[1].weight)
    # Adam's first step is lr for each weight that has a gradient at all.
    step = (models[1][1].weight - start[1].weight).detach().abs()
    assert step.max() == pytest.approx(0.05, rel=1e-4)
    torch.manual_seed(0)
    assert sums_over_updates(NSM(), data.x_train, data.y_train, updates=0, rng=4) != curves[0]


def test_percentiles_has_a_curve_of_200_updates_for_each_network(tiny, data, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "sums_over_updates", sums_over_updates)
    found = measure.percentiles(TINY[3], 2, data, tmp_path)
    assert list(found) == ["NSM", "StNN", "StNN, small"]
    for curve in found.values():
        assert np.shape(curve) == (UPDATES + 1, 3) == (201, 3)
        assert (np.diff(curve, axis=1) > 0).all()
    spread = {name: curve[0][2] - curve[0][0] for name, curve in found.items()}
    # Weights of a tenth; the states before them are ±1 either way.
    assert 0.05 < spread["StNN, small"] / spread["StNN"] < 0.2


# The report


def test_standard_error_is_that_of_counting_or_between_seeds_if_larger():
    assert report.standard_error([1.36], 10_000) == pytest.approx(
        100 * math.sqrt(0.0136 * 0.9864 / 10_000)
    )
    assert report.standard_error([1.36] * 4, 10_000) == pytest.approx(
        100 * math.sqrt(0.0136 * 0.9864 / 10_000)
    )
    assert report.standard_error([1.0, 3.0], 10_000) == pytest.approx(1.0)  # s.d. √2, of two
    assert report.standard_error([0.0], 400) == pytest.approx(
        100 * math.sqrt(1 / 400 * (1 - 1 / 400) / 400)
    )


def test_growth_is_the_ratio_of_the_outer_percentiles():
    assert report.spread_growth([[-1, 0, 1], [-9, 0, 9], [-2, 5, 4]]) == 3


def result(name, seed=0, **found):
    (experiment,) = by_name([name])
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


def test_claims_say_yes_or_no_of_what_was_run_and_nothing_of_the_rest():
    told = dict(report.claims(grouped(perceptrons())))
    assert told == {
        "NSM perceptron at most 1.45 %": "yes (1.35)",
        "StNN perceptron above NSM": "not resolved (1.35, 1.10; difference -0.25 ± 0.16)",
        "weights and biases × 0.1 within 2 s.e. of unscaled": "yes (1.35, 1.50)",
        "the StNN's weights gain over 10 times the variance of the NSM's in epoch 1 (poster: 17)": "no (1.00)",
    }
    errors = {"bNSM": 0.8, "BN": 1.1, "SN": 2.0, "STE": 2.1, "wBD": 2.7, "BD": 3.1, "dCNN": 0.9}
    order = "order bNSM < BN < {SN, STE} < wBD < BD"
    for changed, expected in (
        ({}, "yes"),
        ({"STE": 2.8}, "no"),
        ({"BN": 0.7}, "no"),
        ({"BD": 2.6}, "no"),
    ):
        for prefix, where in (("conv", ""), ("coded", ", with the authors' recipe")):
            found = [result(f"{prefix}_{rule}", error=e) for rule, e in (errors | changed).items()]
            assert dict(report.claims(grouped(found)))[order + where].startswith(expected)
    for low, high, verdict in ((0.5, 0.9, "yes"), (0.8, 0.9, "not resolved"), (0.9, 0.5, "no")):
        found = grouped(
            [result("coded_bNSM_longer", error=low), result("coded_dCNN_longer", error=high)]
        )
        claim = dict(report.claims(found))[
            "convolutional bNSM below dCNN, with the authors' recipe, longer"
        ]
        assert claim.startswith(
            f"{verdict} ({low:.2f}, {high:.2f}; difference {high - low:.2f} ± 0.1"
        )
    told = dict(
        report.claims(
            {
                "figure2": [
                    {
                        "NSM": [[-1, 0, 1], [-1.5, 0, 1.5]],
                        "StNN": [[-1, 0, 1], [-3, 0, 3]],
                        "StNN, small": [[-0.1, 0, 0.1], [-3, 0, 3]],
                    }
                ]
            }
        )
    )
    assert list(told.values()) == ["yes (1.50)", "yes (30.00)", "no (3.00)"]
    assert report.claims({}) == []
    assert report.mean_error({}, "mlp_nsm") is None


def test_report_holds_every_number_beside_the_papers_and_says_what_was_not_run(
    tmp_path, monkeypatch
):
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
    error = report.standard_error([1.4, 1.3], 10_000)
    assert f"| NSM | 1.36 | 1.35 | {error:.2f} | 2 | 5 / 200 | 100 | 10 |" in lines
    assert any(
        line.startswith("| NSM, one sample |  | 3.00 |") and "| 5 / 200 | 1 |" in line
        for line in lines
    )
    assert (
        sum(line.startswith("| bNSM, MNIST | 0.775 | 0.80 |") for line in lines) == 2
    )  # in both parts of Table 2
    assert "| BN | 1.1 | not run: not yet |  | 0 | – / 200 |  |  |" in lines
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


def test_the_posters_curves_are_the_published_percentiles():
    # Figure 2 as digitised: percentiles of 15 and 85 %, every 50 updates, before any of them to after 200.
    curves = poster()
    for name, growth in (("NSM", 1.53), ("StNN", 33)):
        digitised = curves[name]
        assert (digitised["updates"][0], digitised["updates"][-1]) == (0, 200)
        spread = np.subtract(digitised["Q85"], digitised["Q15"])
        assert spread[-1] / spread[0] == pytest.approx(growth, rel=0.02)
        assert len(digitised["epochs"]) == len(digitised["variance_gained"])


def test_the_command_runs_what_is_asked_for_and_reports_it(tiny, tmp_path, capsys):
    command.main(tmp_path / "out", tmp_path / "report", ["relu"], None, 1)
    assert capsys.readouterr().out.strip() == str(tmp_path / "report" / "RESULTS.md")
    assert "| ReLU |" in (tmp_path / "report" / "RESULTS.md").read_text()
    with pytest.raises(ValueError, match="unknown experiment 'rleu'; did you mean 'relu'"):
        command.main(tmp_path / "out", tmp_path / "report", ["rleu"], None, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"epochs": 3},
            "relu_0.json is of 2 epochs, where the table says 3; name another folder, or delete it",
        ),
        ({"samples": 9}, "relu_0.json is of 1 samples, where the table says 9"),
        (
            {"recipe": {"lr": 10.0}},
            "relu_0.json is of another recipe, network, kind or data than the table's; name",
        ),
        ({"build": NSM}, "is of another recipe, network"),
        ({"data": "digits"}, "is of another recipe, network"),
    ],
)
def test_results_of_another_table_are_not_taken_for_done(
    changes, message, tiny, tmp_path, monkeypatch
):
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
    assert done.stderr.startswith("nsm: unknown experiment 'rleu'")
    assert "Traceback" not in done.stderr


def test_recipes_are_those_that_the_report_tells():
    plain = {"lr": 1e-3, "ema_decay": 0.999}
    for e in EXPERIMENTS:
        if e.kind == "perceptron":
            assert e.recipe == {**plain, "label_smoothing": 0.1}, e.name
        elif e.name.startswith("coded"):
            assert e.recipe == {"lr": 3e-4, "lr_schedule": "halving"}, e.name
        elif e.name.startswith(("conv", "emnist", "dvs")):
            assert e.recipe == plain, e.name
