"""What networks know about their errors: scores, unseen images, chips, the report."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

import nsm
from nsm.chips.softmax_temperature import best_temperature
from nsm.datasets.files import Data
from nsm.nn.inference import sample, softmax
from nsm.paper import uncertainty
from nsm.paper.claims import claims
from nsm.paper.experiment import Experiment
from nsm.paper.letters import LETTERS, letters
from nsm.paper.run import identity
from nsm.paper.training import epoch_file, epochs_told
from nsm.paper.uncertainty_experiments import UNCERTAIN
from nsm.paper.uncertainty_protocol import Protocol
from nsm.paper.uncertainty_report import uncertainty_sections

WIDTHS = (64, 12, 10)
EPOCHS = 12
PROTOCOL = Protocol(
    held_out=100, members=2, angles=(90.0,), shifts=(3,), letters=40, on_chips=60
)  # fmt: skip


def tiny(name, build, samples):
    return Experiment(
        name=name, section="x", label=name, data="digits", build=build, epochs=EPOCHS,
        samples=samples, recipe={"lr": 1e-2, "batch_size": 50}, protocol=PROTOCOL,
        images=(600, 150),
    )  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    return nsm.load_data("digits")


@pytest.fixture
def trained_on(monkeypatch):
    """Return the list of the images of every training."""
    seen = []
    train = uncertainty.trained
    monkeypatch.setattr(
        uncertainty, "trained", lambda e, s, data, f: (seen.append(data), train(e, s, data, f))[1]
    )
    return seen


def check_held_out(seen, data):
    """Check that trainings see all images but the last ones, and no test image less."""
    for images in seen:
        np.testing.assert_array_equal(images.x_train, data.x_train[: -PROTOCOL.held_out])
        np.testing.assert_array_equal(images.y_train, data.y_train[: -PROTOCOL.held_out])


def test_a_gain_takes_the_confidence_of_an_nsm_and_calibration_gives_it_back(
    digits, tmp_path, trained_on
):
    experiment = tiny("NSM", partial(nsm.nsm_mlp, WIDTHS), 5)
    data = experiment.part_of(digits)
    found = uncertainty.sampled(experiment, 0, data, tmp_path)
    check_held_out(trained_on, data)
    of_chip = found["chips"]["NSM"]
    one, least = of_chip["1"], of_chip["0.01"]
    assert least["none"]["error"] == one["none"]["error"]
    assert least["none"]["ece"] > one["none"]["ece"] + 0.3
    assert least["temperature"] == pytest.approx(one["temperature"], rel=1e-3, abs=1e-4)
    assert least["compensated"] == pytest.approx(one["none"], rel=1e-6)
    model = nsm.load(tmp_path / "NSM_0.safetensors")
    p = softmax(sample(model, data.x_test, 5, rng=0)).mean(axis=0)
    wrong = np.flatnonzero(p.argmax(axis=1) != data.y_test)
    assert found["wrong"] == wrong.tolist()
    assert found["error"] == pytest.approx(100 * len(wrong) / 150)
    held_out = sample(model, data.x_train[-100:], 5, rng=0)
    temperature = best_temperature(held_out, data.y_train[-100:])
    assert found["methods"]["NSM"]["temperature"] == pytest.approx(temperature)


def test_an_ensemble_is_the_mean_over_its_trainings(digits, tmp_path, trained_on):
    experiment = tiny("ReLU", partial(nsm.relu_mlp, WIDTHS), 1)
    data = experiment.part_of(digits)
    found = uncertainty.ensemble(experiment, 1, data, tmp_path)
    check_held_out(trained_on, data)
    files = sorted(tmp_path.glob("ReLU_1_member*.safetensors"))
    assert [f.stem[-1] for f in files] == ["2", "3"]  # seeds 2 and 3 of members 0 and 1
    p = [softmax(sample(nsm.load(f), data.x_test, 1, rng=0))[0] for f in files]
    assert not np.allclose(*p)
    errors = {
        "ReLU": 100 * (p[0].argmax(axis=1) != data.y_test).mean(),
        "ensemble of 2": 100 * ((p[0] + p[1]).argmax(axis=1) != data.y_test).mean(),
    }
    assert list(found["methods"]) == list(found["chips"]) == list(errors)
    for name, error in errors.items():
        assert found["methods"][name]["sets"]["test"]["error"] == pytest.approx(error)
    assert found["error"] == pytest.approx(errors["ReLU"])
    assert len(found["seconds"]) == 2 * EPOCHS


def test_dropout_on_and_off_are_two_methods_of_one_training(digits, tmp_path, trained_on):
    experiment = tiny("dropout", partial(nsm.relu_mlp, WIDTHS, dropout=0.5), 5)
    data = experiment.part_of(digits)
    found = uncertainty.dropout(experiment, 0, data, tmp_path)
    check_held_out(trained_on, data)
    on, off = found["methods"]["MC dropout"], found["methods"]["dropout off"]
    assert off["sets"]["test"]["information"] == 0
    assert on["sets"]["test"]["information"] > 0.01
    assert list(on["sets"]) == ["test", "90°", "3 px"]
    assert "auroc_information" in on["ood"]
    assert "auroc_information" not in off["ood"]
    assert list(found["chips"]) == ["MC dropout", "dropout off"]
    # Its masks are drawn on chips, too: the calibration error is that in software, not that of one
    # pass without masks.
    of_chip = found["chips"]["MC dropout"]["1"]["none"]
    assert of_chip != found["chips"]["dropout off"]["1"]["none"]


def test_networks_trained_on_a_gpu_come_back_to_the_processor(digits, tmp_path, monkeypatch):
    moved = []

    class Elsewhere(torch.nn.Sequential):
        def cpu(self):
            moved.append(self)
            return super().cpu()

    model = Elsewhere(*nsm.relu_mlp(WIDTHS))
    history = {"loss": np.zeros(1), "seconds": np.zeros(1)}
    monkeypatch.setattr(uncertainty, "trained", lambda *a: (model, history))
    monkeypatch.setattr(uncertainty, "_measured", lambda *a: {})
    for measure in (uncertainty.sampled, uncertainty.dropout, uncertainty.ensemble):
        moved.clear()
        measure(tiny("ReLU", None, 1), 0, digits, tmp_path)
        assert moved


def test_results_are_known_by_their_protocol_and_their_images():
    one = tiny("NSM", partial(nsm.nsm_mlp, WIDTHS), 5)
    marks = {
        identity(e)
        for e in (
            one,
            replace(one, protocol=replace(PROTOCOL, letters=41)),
            replace(one, protocol=None),
            replace(one, images=None),
            replace(one, images=(600, 151)),
        )
    }
    assert len(marks) == 5


def test_an_experiment_uses_the_first_images(digits):
    part = tiny("NSM", None, 1).part_of(digits)
    assert len(part.x_train) == len(part.y_train) == 600
    np.testing.assert_array_equal(part.x_test, digits.x_test[:150])
    np.testing.assert_array_equal(part.y_test, digits.y_test[:150])
    assert replace(tiny("NSM", None, 1), images=None).part_of(digits) is digits


def test_trainings_of_an_ensemble_tell_their_epochs(tmp_path):
    epoch_file(tmp_path, "ReLU_0_member1", 5).write_text("second: 3 of 15 epochs")
    epoch_file(tmp_path, "ReLU", 1).write_text("of another seed")
    assert epochs_told(tmp_path, "ReLU", 0) == ["second: 3 of 15 epochs"]


def test_scores_with_a_temperature_do_not_change_with_a_factor_of_the_logits():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(3, 50, 4)), rng.integers(4, size=50)
    one = uncertainty.scores(logits, y, 0.5)
    other = uncertainty.scores(7 * logits, y, 3.5)
    for name in ("nll_scaled", "ece_scaled", "ece_by_chance_scaled"):
        assert other[name] == pytest.approx(one[name], rel=1e-12)
    assert other["nll"] != pytest.approx(one["nll"], rel=1e-2)
    assert uncertainty.scores(logits, y, 1.0)["nll_scaled"] == pytest.approx(one["nll"])
    assert "nll_scaled" not in uncertainty.scores(logits, y, None)


def test_images_with_colors_are_changed_color_by_color():
    rng = np.random.default_rng(0)
    gray = rng.random((2, 64)).astype(np.float32)
    none = np.zeros((0, 64), np.float32), np.zeros(0, int)
    one, three = (
        Data(
            np.tile(none[0], channels), none[1], np.tile(gray, channels), np.zeros(2, int),
            image_shape=(channels, 8, 8),
        )
        for channels in (1, 3)
    )  # fmt: skip
    sets, of_colors = (uncertainty.test_sets(data, Protocol()) for data in (one, three))
    assert list(sets) == ["test", "15°", "30°", "60°", "90°", "2 px", "4 px", "6 px"]
    for name, images in sets.items():
        np.testing.assert_array_equal(of_colors[name], np.tile(images, 3))
    np.testing.assert_array_equal(
        sets["2 px"].reshape(2, 8, 8)[..., 2:], gray.reshape(2, 8, 8)[..., :-2]
    )
    assert uncertainty.out_of_distribution(three, 30).shape == (30, 192)


def test_letters_look_like_the_digits_of_mnist():
    side = 28
    images = letters(60, side, seed=3)
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(images, letters(60, side, seed=3))
    assert not np.array_equal(images, letters(60, side, seed=4))
    assert len(np.unique(images, axis=0)) == 60
    places = np.arange(side) + 0.5
    for image in images.reshape(-1, side, side):
        for axis in (0, 1):
            of_line = image.sum(axis=axis)
            assert abs((of_line * places).sum() / of_line.sum() - side / 2) <= 0.5 + 1e-3
        lit = [np.flatnonzero(image.sum(axis=axis)) for axis in (0, 1)]
        # The longer side fills MNIST's box of 20 pixels, but for faint ends.
        assert 18 <= max(found[-1] - found[0] + 1 for found in lit) <= 20
    assert not set(LETTERS) & set("BDGIJOQSZbgijloqsz0123456789")


def fake(name, seed, methods):
    """Return a result with made-up scores that differ by seed and method; the last is on chips."""
    experiment = next(e for e in UNCERTAIN if e.name == name)
    of_state = {"error": 8.0, "ece": 0.25, "ece_by_chance": 0.05, "auroc": 0.7}
    of_chip = {
        gain: {
            "none": of_state,
            "temperature": None if gain == "0.01" else of_state | {"ece": 0.02},
            "compensated": of_state | {"ece": 0.12},
        }
        for gain in ("1", "0.1", "0.01")
    }
    measured = {}
    for k, method in enumerate(methods):
        scores = {
            "error": 5.0 + seed + k, "nll": 0.4, "nll_scaled": 0.3, "brier": 0.2,
            "ece": 0.1 + 0.02 * k, "ece_scaled": 0.03 + 0.02 * k + 0.001 * seed,
            "ece_by_chance_scaled": 0.004, "auroc_own_errors": 0.9,
        }  # fmt: skip
        sets = {"test": scores, "30°": scores | {"auroc": 0.8}, "4 px": scores}
        ood = {"auroc": 0.8 - 0.1 * k + 0.001 * seed}
        measured[method] = {"temperature": 0.7, "sets": sets, "ood": ood}
    chips = {methods[-1]: of_chip}
    return {"methods": measured, "chips": chips, "experiment": experiment.name}


def test_the_report_tells_scores_changed_images_and_chips(tmp_path):
    by_name = {
        "uncertainty_NSM": [fake("uncertainty_NSM", s, ["NSM"]) for s in (0, 1)],
        "uncertainty_dropout_signs": [
            fake("uncertainty_dropout_signs", s, ["MC dropout", "dropout off"]) for s in (0, 1)
        ],
    }
    text = "\n".join(uncertainty_sections(by_name, tmp_path))
    assert "| NSM | 2 | 5.50 ± 0.71 | 0.400 ± 0.000 |" in text
    assert "| MC dropout, ±1 inputs | 2 |" in text
    assert "| NSM | 5.5 / 0.03 | 5.5 / 0.03 | 5.5 / 0.03 |" in text
    cell = "8.0 / {} (0.050) / 0.70"
    assert f"| NSM | 0.01 | {cell.format('0.250')} | – | {cell.format('0.120')} |" in text
    assert "| dropout off, ±1 inputs | 0.1 |" in text
    assert "| MC dropout, ±1 inputs | 0.1 |" not in text
    assert "1,000 printed letters" in text
    assert (tmp_path / "uncertainty.png").exists()
    assert uncertainty_sections({}, tmp_path) == []


def test_a_method_without_a_temperature_has_no_scores_with_it(tmp_path):
    found = fake("uncertainty_NSM", 0, ["NSM"])
    found["methods"]["NSM"]["temperature"] = None
    for scores in found["methods"]["NSM"]["sets"].values():
        for key in [key for key in scores if key.endswith("_scaled")]:
            scores.pop(key)
    text = "\n".join(uncertainty_sections({"uncertainty_NSM": [found]}, tmp_path))
    assert "| NSM | 1 | 5.00 | 0.400 | – | 0.200 | 0.1000 | – | – | 0.900 | 0.800 | – | – |" in text


def test_claims_compare_the_nsm_with_every_other_method():
    by_name = {
        "uncertainty_NSM": [fake("uncertainty_NSM", s, ["NSM"]) for s in (0, 1, 2)],
        "uncertainty_ReLU": [
            fake("uncertainty_ReLU", s, ["other", "ReLU", "ensemble of 5"]) for s in (0, 1, 2)
        ],
    }
    told = dict(claims(by_name))
    for words, ece, area in (("one ReLU network", 0.05, 0.701), ("an ensemble of 5", 0.07, 0.601)):
        below, scaled, better = (answer for claim, answer in told.items() if words in claim)
        assert below.startswith("yes (0.1000, ")
        assert scaled == f"yes (0.0310, {ece + 0.001:.4f}; difference {0.03 - ece:.4f} ± 0.0008)"
        assert better == f"yes (0.8010, {area:.4f}; difference {0.801 - area:.4f} ± 0.0008)"
    assert len(told) == 6
