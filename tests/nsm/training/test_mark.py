"""A training whose augmentation is a function resumes in another process."""

import functools
import os
import subprocess
import sys

import pytest

from nsm.training.augment import FlipInputs
from nsm.training.mark import mark_of


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
