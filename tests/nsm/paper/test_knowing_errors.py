"""What networks know about their errors: scores, images that none has seen, chips, the report."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import nsm
from nsm.chips.softmax_temperature import best_temperature
from nsm.datasets.files import Data
from nsm.nn.inference import sample, softmax
from nsm.paper import uncertainty
from nsm.paper.claims import claims
from nsm.paper.experiment import Experiment
from nsm.paper.letters import LETTERS, letters
from nsm.paper.uncertainty_experiments import UNCERTAIN
from nsm.paper.uncertainty_report import uncertainty_sections

WIDTHS = (64, 12, 10)
HELD_OUT = 100


@pytest.fixture
def digits(monkeypatch):
    """Digits of 8 × 8 pixels, few enough for chips in a test."""
    monkeypatch.setattr(uncertainty, "HELD_OUT", HELD_OUT)
    monkeypatch.setattr(uncertainty, "MEMBERS", 2)
    monkeypatch.setattr(uncertainty, "ANGLES", (90.0,))
    monkeypatch.setattr(uncertainty, "SHIFTS", (7,))
    monkeypatch.setattr(uncertainty, "LETTERS", 40)
    monkeypatch.setattr(uncertainty, "ON_CHIPS", {"digits": 60})
    found = nsm.load_data("digits")
    return replace(
        found, x_train=found.x_train[:600], y_train=found.y_train[:600],
        x_test=found.x_test[:150], y_test=found.y_test[:150],
    )  # fmt: skip


def tiny(name, build, samples):
    return Experiment(
        name=name, section="x", label=name, data="digits", build=build, epochs=12, samples=samples,
        recipe={"lr": 1e-2, "batch_size": 50},
    )  # fmt: skip


def test_a_gain_takes_the_confidence_of_an_nsm_and_calibration_gives_it_back(digits, tmp_path):
    experiment = tiny("NSM", partial(nsm.nsm_mlp, WIDTHS), 5)
    found = uncertainty.sampled(experiment, 0, digits, tmp_path)
    of_chip = found["chips"]["NSM"]
    one, least = of_chip["1"], of_chip["0.01"]
    assert least["none"]["error"] == one["none"]["error"]
    assert least["none"]["ece"] > one["none"]["ece"] + 0.3
    assert least["temperature"] == pytest.approx(one["temperature"], rel=1e-3, abs=1e-4)
    assert least["compensated"] == pytest.approx(one["none"], rel=1e-6)
    model = nsm.load(tmp_path / "NSM_0.safetensors")
    p = softmax(sample(model, digits.x_test, 5, rng=0)).mean(axis=0)
    wrong = np.flatnonzero(p.argmax(axis=1) != digits.y_test)
    assert found["wrong"] == wrong.tolist()
    assert found["error"] == pytest.approx(100 * len(wrong) / 150)
    # Temperatures come from the images that nothing was trained on.
    held_out = sample(model, digits.x_train[-HELD_OUT:], 5, rng=0)
    temperature = best_temperature(held_out, digits.y_train[-HELD_OUT:])
    assert found["methods"]["NSM"]["temperature"] == pytest.approx(temperature)


def test_an_ensemble_is_the_mean_over_its_trainings(digits, tmp_path):
    found = uncertainty.ensemble(
        tiny("ReLU", partial(nsm.relu_mlp, WIDTHS), 1), 1, digits, tmp_path
    )
    files = sorted(tmp_path.glob("ReLU_1_member*.safetensors"))
    assert [f.stem[-1] for f in files] == ["2", "3"]  # seeds 2 and 3 of members 0 and 1
    p = [softmax(sample(nsm.load(f), digits.x_test, 1, rng=0))[0] for f in files]
    assert not np.allclose(*p)
    errors = {
        "ReLU": 100 * (p[0].argmax(axis=1) != digits.y_test).mean(),
        "ensemble of 5": 100 * ((p[0] + p[1]).argmax(axis=1) != digits.y_test).mean(),
    }
    for name, error in errors.items():
        assert found["methods"][name]["sets"]["test"]["error"] == pytest.approx(error)
    assert found["error"] == pytest.approx(errors["ReLU"])
    assert len(found["seconds"]) == 2 * 12


def test_dropout_on_and_off_are_two_ways_of_one_training(digits, tmp_path):
    build = partial(nsm.relu_mlp, WIDTHS, dropout=0.5)
    found = uncertainty.dropout(tiny("dropout", build, 5), 0, digits, tmp_path)
    on, off = found["methods"]["MC dropout"], found["methods"]["dropout off"]
    assert off["sets"]["test"]["information"] == 0
    assert on["sets"]["test"]["information"] > 0.01
    assert "auroc_information" in on["unseen"]
    assert "auroc_information" not in off["unseen"]
    assert list(found["chips"]) == ["dropout off"]


def test_scores_with_a_temperature_do_not_change_with_a_factor_of_the_logits():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(3, 50, 4)), rng.integers(4, size=50)
    one = uncertainty.scores(logits, y, 0.5)
    other = uncertainty.scores(7 * logits, y, 3.5)
    for name in ("nll_scaled", "ece_scaled"):
        assert other[name] == pytest.approx(one[name], rel=1e-12)
    assert other["nll"] != pytest.approx(one["nll"], rel=1e-2)
    assert uncertainty.scores(logits, y, 1.0)["nll_scaled"] == pytest.approx(one["nll"])


def test_images_with_colors_are_moved_color_by_color():
    rng = np.random.default_rng(0)
    gray = rng.random((2, 64)).astype(np.float32)
    empty = np.zeros((0, 64), np.float32), np.zeros(0, int)
    data = {
        channels: Data(
            np.tile(empty[0], channels), empty[1], np.tile(gray, channels), np.zeros(2, int),
            image_shape=(channels, 8, 8),
        )
        for channels in (1, 3)
    }  # fmt: skip
    one, three = (uncertainty.image_sets(data[channels]) for channels in (1, 3))
    assert list(one) == ["test", "15°", "30°", "60°", "90°", "2/28", "4/28", "6/28"]
    for name, images in one.items():
        np.testing.assert_array_equal(three[name], np.tile(images, 3))
    assert not np.allclose(one["2/28"], one["test"])
    assert uncertainty.unseen(data[3]).shape == (1000, 192)


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
    assert not set(LETTERS) & set("BIOSZbgiloqsz0123456789")


def fake(name, seed, ways):
    """Return a result with made-up scores that differ by seed and way."""
    experiment = next(e for e in UNCERTAIN if e.name == name)
    of_chip = {
        gain: {
            "none": {"error": 8.0, "ece": 0.25, "auroc": 0.7, "nll": 1.0},
            "temperature": None if gain == "0.01" else {"error": 8, "ece": 0.02, "auroc": 0.7},
            "compensated": {"error": 8.0, "ece": 0.12, "auroc": 0.7, "nll": 1.0},
        }
        for gain in ("1", "0.1", "0.01")
    }
    methods = {}
    for k, way in enumerate(ways):
        scores = {
            "error": 5.0 + seed + k, "nll": 0.4, "nll_scaled": 0.3, "brier": 0.2, "ece": 0.1,
            "ece_scaled": 0.03 + 0.02 * k + 0.001 * seed, "auroc_own_errors": 0.9,
        }  # fmt: skip
        sets = {"test": scores, "30°": scores | {"auroc": 0.8}, "4/28": scores}
        unseen = {"auroc": 0.8 - 0.1 * k + 0.001 * seed}
        methods[way] = {"temperature": 0.7, "sets": sets, "unseen": unseen}
    return {"methods": methods, "chips": {ways[0]: of_chip}, "experiment": experiment.name}


def test_the_report_tells_scores_moved_images_and_chips(tmp_path):
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
    assert "| NSM | 0.01 | 8.0 / 0.25 / 0.70 | – | 8.0 / 0.12 / 0.70 |" in text
    assert "| MC dropout, ±1 inputs | 0.1 |" in text
    assert "dropout off, ±1 inputs | 0.1" not in text
    assert (tmp_path / "uncertainty.png").exists()
    assert uncertainty_sections({}, tmp_path) == []


def test_claims_compare_the_nsm_with_every_other_way_seed_by_seed():
    by_name = {
        "uncertainty_NSM": [fake("uncertainty_NSM", s, ["NSM"]) for s in (0, 1, 2)],
        "uncertainty_ReLU": [
            fake("uncertainty_ReLU", 2 * s, ["other", "ReLU", "ensemble of 5"]) for s in (0, 1, 2)
        ],
    }
    told = dict(claims(by_name))
    for way, ece, area in (("ReLU", "-0.02", "0.10"), ("ensemble of 5", "-0.04", "0.20")):
        below, better = (answer for claim, answer in told.items() if f" {way} " in claim)
        assert below == f"yes ({ece} ± 0.00)"
        assert better == f"yes ({area} ± 0.00)"
    assert len(told) == 4
