"""Settings of learning without an effect, and checkpoints of another chip, are refused by name."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import nsm
from crossbar import BalancedPair, Hardware, ReferenceColumn
from crossbar.arrays.pulse_checks import MOST_PULSES, checked_counts
from devices import BlankOut, Device, GaussianNoise, SoftBoundsPulses, preset
from nsm.learning import Coincidences, Gradient, MixedPrecision, Rounding, TikiTaka
from tests.helpers.learning import blobs, chip_of

HARDWARE = Hardware(
    device=preset("fefet_jerry2017"),
    gate=BlankOut(0.5),
    mapping=BalancedPair(),
    bias="reference",
    deterministic_path="ideal",
)
X = np.sign(np.random.default_rng(0).standard_normal((12, 8)))
Y = np.arange(12) % 3


def chip(hardware=HARDWARE, shift=0.0, rng=0):
    torch.manual_seed(0)
    model = nsm.nsm_mlp((8, 6, 3))
    with torch.no_grad():
        model[1].bias += shift
    return nsm.map_to_crossbar(model, hardware, rng=rng, reprogrammed_scale=0.1)


def learned(on=None, **options):
    settings = {"epochs": 1, "rng": 0, "progress": False} | options
    return nsm.learn(on or chip(), X, Y, **settings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 4, "rule": Coincidences()}, r"batch = 4 has no effect: Coincidences\("),
        ({"batch": 4, "rule": Rounding()}, r"batch = 4 has no effect: Rounding\("),
        ({"batch": 4, "rule": TikiTaka()}, r"batch = 4 has no effect: TikiTaka\("),
        ({"rewrite_every": 5}, 'rewrite_every = 5 has no effect: the path is not "rewritten"'),
        ({"refresh_above": 0.5}, "refresh_above = 0.5 has no effect: refresh_every is 0"),
        (
            {"periphery": "frozen", "periphery_lr": 5.0},
            'periphery_lr = 5.0 has no effect: the periphery is "frozen"',
        ),
        ({"validation_samples": 3}, "validation_samples = 3 has no effect: there are no valid"),
        ({"sampling": "exact"}, "sampling = 'exact' has no effect: there are no validation images"),
        ({"pulses": "x"}, r"pulses"),
        ({"gradient": "box"}, r"gradient = 'box' is no gradient; give nsm.learning.Gradient"),
        ({"validation": (X,)}, r"validation has 1 parts; give \(images, labels\)"),
        ({"validation": (Y, X)}, r"^validation: x has shape \(12,\); give \(batch, 8\)"),
        ({"validation": X}, r"validation is a ndarray; give \(images, labels\)"),
        ({"checkpoint": 5}, "checkpoint = 5 is not a path; give a text or a pathlib.Path"),
        ({"checkpoint": "nowhere/a"}, "the folder nowhere does not exist; create it first"),
        (
            {"checkpoint": "a", "rng": None},
            r"checkpoint = 'a' with rng = None: every call would dr",
        ),
        ({"periphery_lr": 1e39}, r"periphery_lr = 1e\+39 is not allowed"),
        ({"epochs": 1e300}, r"epochs = 1e\+300 is not allowed"),
    ],
)
def test_options_are_refused_before_the_chip_changes(options, message):
    one = chip()
    before = [g.copy() for layer in one.layers for g in layer.neurons.main.conductances()]
    with pytest.raises(ValueError, match=message):
        learned(one, **options)
    after = [g for layer in one.layers for g in layer.neurons.main.conductances()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("kind", "fields", "options", "message"),
    [
        (
            "nsm",
            {},
            {"path": "rewritten"},
            "path = 'rewritten' has no effect .*: no layer has a det",
        ),
        (
            "nsm",
            {"mapping": ReferenceColumn()},
            {"refresh_every": 5},
            "refresh_every = 5 has no effect .*: a weight has one cell and a reference column",
        ),
        (
            "bd",
            {},
            {"gradient": Gradient(derivative="box")},
            r"Gradient\.derivative = 'box' has no",
        ),
        (
            "stnn",
            {},
            {"gradient": Gradient(norm="constant")},
            r"Gradient\.norm = 'constant' has no",
        ),
        ("relu", {}, {"gradient": Gradient(radial=True)}, r"Gradient\.radial = True has no effect"),
        ("relu", {"bias": "word_line"}, {"periphery": "frozen"}, "periphery = 'frozen' has no eff"),
        ("relu", {"bias": "word_line"}, {"periphery_lr": 0.1}, "periphery_lr = 0.1 has no effect"),
    ],
)
def test_settings_without_effect_on_a_chip_are_refused(kind, fields, options, message):
    x, y = blobs(4)
    with pytest.raises(ValueError, match=message):
        nsm.learn(chip_of(kind, **fields), x, y, epochs=1, rng=0, progress=False, **options)


def test_a_gradient_knows_true_from_texts():
    with pytest.raises(ValueError, match="Gradient.radial = 'no' is not allowed"):
        Gradient(radial="no")


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (lambda: chip(replace(HARDWARE, gate=BlankOut(0.9))), "hardware"),
        (
            lambda: chip(
                replace(HARDWARE, device=replace(HARDWARE.device, read_noise=GaussianNoise(0.5)))
            ),
            "hardware",
        ),
        (lambda: chip(shift=3.0), "chip"),
        (lambda: chip(rng=1), "chip"),
    ],
)
def test_a_checkpoint_of_another_chip_is_refused(other, differs, tmp_path):
    path = tmp_path / "learning.safetensors"
    learned(rule=MixedPrecision(), checkpoint=path)
    with pytest.raises(ValueError, match=rf"another run of learning \(it differs in .*{differs}"):
        learned(other(), rule=MixedPrecision(), checkpoint=path)


def test_cells_that_hold_the_same_and_answer_otherwise_are_another_chip(tmp_path):
    # Without programming errors two chips differ in the steps of their cells alone.
    path = tmp_path / "learning.safetensors"
    pulses = SoftBoundsPulses(step=0.1, d2d_step=0.3, g_min=1e-6, g_max=1e-4)
    cells = replace(HARDWARE, device=Device(g_min=1e-6, g_max=1e-4, pulses=pulses))
    learned(chip(cells), checkpoint=path)
    with pytest.raises(ValueError, match=r"\(it differs in chip\)"):
        learned(chip(cells, rng=1), checkpoint=path)


def test_a_checkpoint_of_other_validation_images_is_refused(tmp_path):
    path = tmp_path / "learning.safetensors"
    learned(checkpoint=path, validation=(X, Y))
    for options in ({}, {"validation": (X[:5], Y[:5])}):
        with pytest.raises(ValueError, match=r"\(it differs in validation\)"):
            learned(checkpoint=path, **options)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda: MixedPrecision(lr=1e39), r"MixedPrecision\.lr = 1e\+39 is not allowed"),
        (lambda: MixedPrecision(step=1e39), r"MixedPrecision\.step = 1e\+39 is not allowed"),
        (lambda: TikiTaka(transfer=1e5), r"TikiTaka\.transfer = 100000\.0 .*\(0, 100\]"),
    ],
)
def test_rates_that_no_number_or_cell_can_follow_are_refused(rule, message):
    with pytest.raises(ValueError, match=message):
        rule()


def test_a_weight_takes_so_many_pulses_at_once_and_no_more():
    n = np.zeros((2, 3), dtype=np.int64)
    n[1, 2] = -MOST_PULSES
    assert checked_counts(n, (2, 3))[1, 2] == -MOST_PULSES
    for count in (MOST_PULSES + 1, 2**32, -(2**31)):
        n[1, 2] = count
        with pytest.raises(ValueError, match=rf"n asks for {abs(count)} pulses on one weight"):
            checked_counts(n, (2, 3))
