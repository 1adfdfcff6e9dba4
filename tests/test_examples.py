"""The examples: the first one runs and shows its point, the long ones can be imported."""

import ast
import importlib
import math
from pathlib import Path

import matplotlib.image
import pytest
import torch

EXAMPLES = Path(__file__).parents[1] / "examples"
LONG = (
    "between_converters",
    "fit_relaxation",
    "fitted_rram",
    "learning_table",
    "mnist_robustness",
    "recipes",
    "robustness_of_all",
    "tile_size",
    "tolerances",
    "trained",
    "trained_for_the_chip",
    "tuned_chips",
    "weight_ranges",
)


@pytest.fixture
def load_example(monkeypatch):
    """Import a file of examples/ by its name."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


@pytest.fixture
def threads():
    """Give torch back the number of threads that the example changes."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_first_example_shows_that_only_the_nsm_tolerates_a_gain(
    load_example, threads, tmp_path, capsys
):
    rows = load_example("first").main(str(tmp_path / "first.png"))
    assert "NSM on one chip: " in capsys.readouterr().out
    fraction = (rows["errors"] / rows["images"]).groupby([rows["network"], rows["gain"]]).mean()
    images = int(rows["images"].iloc[0])

    def standard_errors_apart(network):
        """How many standard errors over test images the error at gain 0.1 is from that at 1."""
        at_one = fraction[network, 1.0]
        at_tenth = fraction[network, 0.1]
        variance = at_one * (1 - at_one) + at_tenth * (1 - at_tenth)
        return (at_tenth - at_one) / math.sqrt(variance / images)

    # Both networks have learned: chance is an error of 0.9.
    assert fraction["NSM", 1.0] < 0.12
    assert fraction["ReLU", 1.0] < 0.12
    # The images are the same at both gains, so that the difference varies less than this.
    assert abs(standard_errors_apart("NSM")) < 3
    assert standard_errors_apart("ReLU") > 5
    # One column wide; the small print makes it higher than 2.5 inches.
    height, width = matplotlib.image.imread(tmp_path / "first.png").shape[:2]
    assert width == 680
    assert 500 < height < 650


def test_the_energy_example_counts_samples_of_the_nsm_beside_one_pass_of_relu(load_example):
    example = load_example("energy")
    rows = example.table(*example.trained(False, (64, 30, 10), epochs=5), images=50)
    relu, nsm, stopped = (row for _, row in rows.iterrows())
    assert (relu.samples, nsm.samples) == (1, example.SAMPLES)
    assert 1 < stopped.samples <= example.MOST_SAMPLES
    # Energy and time of the NSM are proportional to its samples; its comparators are smaller.
    ratio = stopped.samples / nsm.samples
    assert stopped["total [J]"] == pytest.approx(ratio * nsm["total [J]"], rel=1e-9)
    assert nsm["latency [s]"] == pytest.approx(20 * relu["latency [s]"], rel=1e-9)
    assert nsm["readout [J]"] / 20 < relu["readout [J]"]
    # What the documentation states: 20 samples cost more than one pass.
    assert 1 < nsm["energy ratio"] == pytest.approx(nsm["total [J]"] / relu["total [J]"], rel=1e-9)


def test_one_factor_per_layer_gives_the_relu_network_its_accuracy_back(
    load_example, threads, tmp_path, monkeypatch
):
    example = load_example("compensation")
    for name, value in {
        "GAINS": (0.01, 1.0),
        "AGES": {3600.0: "1 h"},
        "SEEDS": (0,),
        "METHODS": ("none", "layer"),
        "SAMPLES": 5,
    }.items():
        monkeypatch.setattr(example, name, value)
    rows = example.main(str(tmp_path))
    at = rows[rows["axis"] == "gain"].set_index(["network", "value", "compensation"])
    for quantity in ("error", "ece", "confidence", "samples"):
        found = at[quantity]
        for network in ("NSM", "ReLU"):
            restored = found[network, 0.01, "layer"]
            assert restored == pytest.approx(found[network, 1.0, "none"], rel=1e-6)
    assert at.error["ReLU", 0.01, "none"] > 60 > 15 > at.error["ReLU", 0.01, "layer"]
    assert at.error["NSM", 0.01, "none"] < 15
    assert at.confidence["NSM", 0.01, "none"] < 0.2 < 0.6 < at.confidence["NSM", 0.01, "layer"]
    assert at.samples["NSM", 0.01, "none"] == example.MOST_SAMPLES
    assert matplotlib.image.imread(tmp_path / "compensation.png").shape[:2] == (920, 1440)


@pytest.mark.parametrize("name", LONG)
def test_the_long_examples_can_be_imported(name, load_example):
    assert load_example(name).__doc__


def test_every_example_has_a_test_and_a_docstring_of_its_command():
    found = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    found.pop("usage")  # what their commands share
    assert set(found) == {"first", "compensation", "energy", *LONG}
    for name, text in found.items():
        words = ast.get_docstring(ast.parse(text))
        assert words
        assert name == "trained" or f"python examples/{name}.py" in words


@pytest.mark.parametrize(
    ("given", "most", "expected"),
    [([], 1, []), (["here"], 1, ["here"]), (["a", "b", "c"], None, ["a", "b", "c"])],
)
def test_arguments_of_an_example(given, most, expected, load_example, monkeypatch):
    usage = load_example("usage")
    monkeypatch.setattr(usage.sys, "argv", ["example.py", *given])
    assert usage.arguments(most) == expected


@pytest.mark.parametrize(("given", "status"), [(["--help"], 0), (["-x"], 2), (["a", "b"], 2)])
def test_an_example_that_is_called_otherwise_says_what_it_is(
    given, status, load_example, monkeypatch, capsys
):
    usage = load_example("usage")
    monkeypatch.setattr(usage.sys, "argv", ["example.py", *given])
    monkeypatch.setattr(usage.sys.modules["__main__"], "__doc__", "What it does.")
    with pytest.raises(SystemExit) as end:
        usage.arguments()
    assert end.value.code == status
    assert capsys.readouterr().out == "What it does.\n"
