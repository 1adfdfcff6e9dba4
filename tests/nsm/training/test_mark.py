"""A training whose augmentation is a function resumes in another process."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from crossbar import Hardware
from devices import Device
from nsm.learning.device_rows import run_of
from nsm.training.augment import FlipInputs
from nsm.training.mark import mark_of
from nsm.training.recipe import Recipe


class Own:
    """An augmentation without a text of its own."""

    def __init__(self, p):
        self.p = p

    def __call__(self, x, generator):
        return x * self.p


def doubled(x, generator):
    return 2 * x


def tripled(x, generator):
    return 3 * x


def chosen(x, generator):
    return x if generator in {"a", "b", "c"} else -x


def scaled(factor):
    return lambda x, generator: factor * x


MARKED = [
    doubled,
    tripled,
    chosen,
    scaled(2),
    scaled(3),
    functools.partial(doubled, 1),
    functools.partial(doubled, 2),
    Own(1),
    Own(2),
    FlipInputs(0.1),
    FlipInputs(0.2),
]


def test_each_augmentation_has_a_mark_of_its_own():
    marks = [mark_of(each) for each in MARKED]
    assert len(set(marks)) == len(marks)
    assert not any("0x" in mark for mark in marks)
    assert mark_of(scaled(2)) == mark_of(scaled(2))
    assert mark_of(Own(1)) == mark_of(Own(1))


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_marks_are_the_same_in_another_process(hash_seed):
    script = (
        "from tests.nsm.training.test_mark import MARKED\n"
        "from nsm.training.mark import mark_of\n"
        "print(*map(mark_of, MARKED), sep='\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["PYTHONHASHSEED"] = hash_seed
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [mark_of(each) for each in MARKED]


def test_checkpoints_of_another_law_of_draws_are_of_another_run(monkeypatch):
    model = nn.Linear(2, 2)
    data = (torch.zeros(3, 2), torch.zeros(3), np.random.SeedSequence(0))
    recipe = Recipe(
        epochs=1,
        lr=1e-3,
        lr_schedule="cosine",
        batch_size=1,
        weight_decay=0.0,
        label_smoothing=0.0,
        ema_decay=0.0,
        augment=None,
    )
    first = recipe.identity(model, *data)
    run = run_of("the same", Hardware(device=Device(g_min=1e-6, g_max=1e-5)), 0)
    monkeypatch.setattr("devices.seeding.LAW_OF_DRAWS", 99)
    assert recipe.identity(model, *data) == {**first, "law of draws": 99}
    assert run_of("the same", Hardware(device=Device(g_min=1e-6, g_max=1e-5)), 0) != run
