"""Sameness of values: by what they compute."""

import weakref
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from nsm.same import same


def times(factor):
    return lambda x: factor * x


def plus(x, y=1):
    return x + y


class Plain:
    """An object without an `==` of its own."""

    def __init__(self, value):
        self.value = value
        self.me = self

    def method(self):
        return self.value


@dataclass(frozen=True, slots=True)
class Box:
    """A dataclass: its own `==` tells NaN from NaN, and fails with arrays."""

    content: object
    memo: object = field(default=None, compare=False)


SAME = {
    "nan": (float("nan"), float("nan")),
    "nan of numpy": (np.float32("nan"), np.float32("nan")),
    "complex nan": (complex("nan"), complex("nan")),
    "no time": (np.datetime64("NaT"), np.datetime64("NaT")),
    "nan in a dataclass": (Box(float("nan")), Box(float("nan"))),
    "arrays in a dataclass": (Box(np.array([1.0, np.nan])), Box(np.array([1.0, np.nan]))),
    "fields that are not compared": (Box(np.ones(2), 1), Box(np.ones(2), 2)),
    "arrays": (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
    "tensors": (torch.ones(2), torch.ones(2)),
    "sizes": (torch.ones(2, 3).shape, (2, 3)),
    "closures": (times(2), times(2)),
    "partials": (partial(plus, y=2), partial(plus, y=2)),
    "objects": (Plain(1), Plain(1)),
    "methods": (Plain(1).method, Plain(1).method),
    "modules": (nn.ReLU(), nn.ReLU()),
}
DIFFERENT = {
    "types": (1, 1.0),
    "truth": (True, 1),
    "nan and a number": (np.float32("nan"), np.float32(0)),
    "nan in a dataclass": (Box(float("nan")), Box(0.0)),
    "arrays in a dataclass": (Box(np.array([1.0, np.nan])), Box(np.array([2.0, np.nan]))),
    "precision": (np.ones(2), np.ones(2, np.float32)),
    "shape": (torch.ones(2), torch.ones(1)),
    "closures": (times(2), times(3)),
    "code": (times(2), lambda factor: 2),
    "partials": (partial(plus, y=2), partial(plus, y=3)),
    "objects": (Plain(1), Plain(2)),
    "methods": (Plain(1).method, Plain(2).method),
    "order of keys": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "lengths": ([1], [1, 2]),
    "generators": (torch.Generator(), torch.Generator()),
    "modules": (nn.Dropout(0.1), nn.Dropout(0.2)),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same(kind):
    a, b = SAME[kind]
    assert same(a, b)
    assert same([{"x": (a,)}], [{"x": (b,)}])


@pytest.mark.parametrize("kind", DIFFERENT)
def test_different(kind):
    a, b = DIFFERENT[kind]
    assert not same(a, b)
    assert not same([{"x": (a,)}], [{"x": (b,)}])


def test_references_to_paired_things_are_the_same():
    a, b = nn.Linear(2, 2), nn.Linear(2, 2)
    assert not same(a, b)
    assert same([a, weakref.ref(a)], [b, weakref.ref(b)], {id(a): id(b)})
