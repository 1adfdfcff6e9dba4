"""Shifted and mirrored images: against a slow twin, and the law of what is drawn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import nsm
from nsm.training.augment import ShiftAndMirror


def slow(image, down, right, reverse, shift):
    """One image (channels, rows, columns), pixel after pixel."""
    out = np.zeros_like(image)
    _, height, width = image.shape
    for row in range(height):
        for column in range(width):
            from_row, from_column = (
                row + down - shift,
                (width - 1 - column if reverse else column) + right - shift,
            )
            if 0 <= from_row < height and 0 <= from_column < width:
                out[:, row, column] = image[:, from_row, from_column]
    return out


@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    n=st.integers(0, 5),
    shift=st.integers(0, 3),
    mirror=st.booleans(),
    seed=st.integers(0, 99),
)
def test_images_are_those_of_the_slow_twin(shape, n, shift, mirror, seed):
    images = torch.rand(n, int(np.prod(shape)))
    found = ShiftAndMirror(shape, shift, mirror)(images, np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    down, right = rng.integers(0, 2 * shift + 1, n), rng.integers(0, 2 * shift + 1, n)
    reverse = (rng.random(n) < 0.5) & mirror
    for k in range(n):
        wanted = slow(images[k].view(shape).numpy(), down[k], right[k], reverse[k], shift)
        np.testing.assert_array_equal(found[k].view(shape).numpy(), wanted)


def test_all_shifts_and_both_sides_are_as_likely():
    # A pixel in the middle of 5 × 5 goes to each of 3 × 3 places; one beside it tells the side.
    n, image = 9000, torch.zeros(1, 5, 5)
    image[0, 2, 2], image[0, 2, 3] = 1.0, 0.5
    found = ShiftAndMirror((1, 5, 5), shift=1)(
        image.view(1, 25).expand(n, -1), np.random.default_rng(0)
    ).view(n, 5, 5)
    places = (found == 1).double().mean(0)
    inner = places[1:4, 1:4]
    assert float(inner.sum()) == pytest.approx(1)
    assert (inner - 1 / 9).abs().max() < 4 * (1 / 9 * 8 / 9 / n) ** 0.5
    middle = (found == 1).flatten(1).double().argmax(1)
    mirrored = found.flatten(1)[torch.arange(n), middle - 1] == 0.5
    assert float(mirrored.double().mean()) == pytest.approx(0.5, abs=4 * 0.5 / n**0.5)


def test_no_shift_and_no_mirror_change_nothing():
    images = torch.rand(3, 12)
    assert torch.equal(
        ShiftAndMirror((3, 2, 2), 0, mirror=False)(images, np.random.default_rng(0)), images
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"shape": (28, 28)},
            r"shape = \(28, 28\) is not allowed",
        ),
        ({"shape": (1, 0, 3)}, "shape = 0 is not allowed"),
        ({"shape": (1, 3, 3), "shift": -1}, "shift = -1 is not allowed"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ShiftAndMirror(**options)


def test_images_of_another_size_are_refused():
    with pytest.raises(
        ValueError, match=r"images have shape \(2, 10\); ShiftAndMirror.* takes \(n, 9\)"
    ):
        ShiftAndMirror((1, 3, 3))(torch.zeros(2, 10), np.random.default_rng(0))


def test_training_sees_changed_images_anew_in_every_epoch_and_resumes(tmp_path):
    x, y, *_ = nsm.load_data("digits")
    x, y = x[:40], y[:40]
    augment, seen = ShiftAndMirror((1, 8, 8), shift=1), []

    def train(epochs_to_die=None, **options):
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(64, 10))
        model[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))

        def measure(_):
            if len(seen) == epochs_to_die:
                raise KeyboardInterrupt
            return {}

        settings = {
            "epochs": 3,
            "rng": 0,
            "batch_size": 40,
            "progress": False,
            "augment": augment,
            "measure": measure,
        }
        nsm.fit(model, x, y, **(settings | options))
        return model[0].weight.detach()

    unbroken = train()
    first = seen[:]
    assert len(first) == 3
    for images in first:
        assert not set(map(bytes, images.numpy())) <= set(map(bytes, x))
    assert not torch.equal(first[0].sort(0).values, first[1].sort(0).values)
    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        train(epochs_to_die=2, checkpoint=tmp_path / "run")
    assert torch.equal(train(checkpoint=tmp_path / "run"), unbroken)
    with pytest.raises(ValueError, match=r"another training \(it differs in augment\)"):
        train(augment=None, checkpoint=tmp_path / "run")
