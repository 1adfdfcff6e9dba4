"""Learning that is stopped leaves the chip as it was; the same call resumes bit for bit."""

import importlib

import numpy as np
import pytest

import devices
from nsm.learning import MixedPrecision, learn
from tests.helpers.learning import blobs, chip_of, weights_of

LEARN = importlib.import_module("nsm.learning.learn")


def state_of(chip):
    """Return all that learning changes in a chip."""
    found = []
    for layer in chip.layers:
        neurons = layer.neurons
        of_parts = [g for part in neurons.parts() for g in part.array.conductances()]
        found += [*of_parts, neurons.a, neurons.threshold, layer.compensation.threshold]
        found += [np.array([tile.seconds for tile in neurons.main.all_tiles()]), layer.wanted]
    return found


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("after", ["measure", "save_state"])
def test_a_stopped_call_leaves_the_chip_and_a_checkpoint_that_resumes(
    stop, after, monkeypatch, tmp_path
):
    x, y = blobs(20)
    file = tmp_path / "learning.safetensors"
    arguments = {"epochs": 3, "rng": 3, "validation": (x, y), "validation_samples": 1}
    arguments |= {"progress": False}

    def aged():
        chip = chip_of("nsm", noisy=True, retention=devices.PowerLawDrift(nu_mean=0.05))
        chip.age(1e4)
        return chip

    whole, chip = aged(), aged()
    one = learn(whole, x, y, **arguments)
    before = [values.copy() for values in state_of(chip)]
    original = getattr(LEARN, after)

    def stopped(run, *others):
        out = original(run, *others)
        if run.done == 2 * len(x):
            raise stop
        return out

    with monkeypatch.context() as patch:
        patch.setattr(LEARN, after, stopped)
        with pytest.raises(stop):
            learn(chip, x, y, checkpoint=file, **arguments)
    for ours, theirs in zip(before, state_of(chip), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    two = learn(chip, x, y, checkpoint=file, **arguments)
    assert one.rows.equals(two.rows)
    for ours, theirs in zip(state_of(whole), state_of(chip), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"rule": MixedPrecision(lr=1e5)},
            r"sample 1 \(epoch 1\) asks for a change of .* of a weight of layer 1 \(NSMLinear\), "
            r"whose cells hold weights from -0\.25 to 0\.25 .*; lower lr \(it is 100000\)",
        ),
        (
            {"periphery_lr": 1e38},
            r"sample 2 \(epoch 1\): the sums of layer 1 \(NSMLinear\) came to .* of its noise, .*"
            r"lower lr \(it is 0\.5\) or periphery_lr \(it is 1e\+38\)",
        ),
    ],
)
def test_numbers_that_nothing_can_follow_end_learning_by_name(options, message):
    x, y = blobs(20)
    chip = chip_of("nsm")
    before = weights_of(chip)
    with pytest.raises(FloatingPointError, match=message):
        learn(chip, x, y, epochs=1, rng=0, progress=False, **options)
    for ours, theirs in zip(before, weights_of(chip), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rectifiers_whose_scores_overflow_end_learning_by_name():
    x, y = blobs(20)
    message = r"sample 2 .*layer \d \(Linear\).*or periphery_lr \(it is 1e\+38\)"
    with pytest.raises(FloatingPointError, match=message):
        learn(chip_of("relu"), x, y, epochs=1, rng=0, progress=False, periphery_lr=1e38)


def test_a_neuron_without_weights_is_a_sign_without_gradient():
    x, y = blobs(20)
    chip = chip_of("nsm", faults=devices.StuckCells(p_stuck_hrs=1.0))
    learned = learn(chip, x, y, epochs=1, rng=0, progress=False)
    assert np.isfinite(learned.rows["loss"]).all()
    assert all(np.isfinite(layer.neurons.threshold).all() for layer in chip.layers)
