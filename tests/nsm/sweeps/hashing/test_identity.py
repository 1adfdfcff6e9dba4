"""Canonical bytes: equal values have equal bytes everywhere, and different ones do not."""

import dataclasses
import enum
import functools
import subprocess
import sys
import threading
from collections import namedtuple
from types import MappingProxyType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crossbar import Hardware
from devices import Device, GaussianNoise, ProductNoise
from nsm.chips.hardware_table import HardwareTable
from nsm.sweeps.hashing import identity
from nsm.sweeps.hashing.identity import canonical, remembered, remembering, short_hash

Point = namedtuple("Point", "x y")
Other = namedtuple("Other", "x y")


class Sharing(enum.Enum):
    PAIR = 1
    CELL = 2


class Same(enum.IntEnum):
    PAIR = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """A table from a measurement, whose repr is cut short."""

    g: np.ndarray
    sigma: np.ndarray


class Plain:
    """No dataclass: its repr holds an address."""

    def __init__(self, sigma):
        self.sigma = sigma

    @functools.cached_property
    def squared(self):
        return self.sigma**2


class Slotted:
    __slots__ = ("sigma",)

    def __init__(self, sigma):
        self.sigma = sigma


class Longer(GaussianNoise):
    """A subclass that is no dataclass itself and keeps one more number."""

    def __init__(self, sigma, extra):
        super().__init__(sigma)
        object.__setattr__(self, "extra", extra)


def table(loud):
    g = np.linspace(1e-6, 1e-4, 2001)
    sigma = np.full(2001, 0.01)
    sigma[1000] = loud
    return Measured(g, sigma)


LADDER = np.linspace(0, 1, 5)
#: Values in one group are the same point, values of different groups are not.
GROUPS = [
    [1, 1.0, np.float64(1), np.float32(1), np.int64(1), np.array(1), torch.tensor(1.0)],
    [True, np.bool_(True), np.array(True), torch.tensor(True)],
    [0, 0.0, -0.0, np.uint8(0)],
    [False],
    [None],
    ["1", np.str_("1")],
    [b"1"],
    ["None"],
    [""],
    [float("nan"), np.float32("nan"), -np.float64("nan")],
    [float("inf"), np.inf],
    [0.1, np.float64(0.1)],
    [np.float32(0.1), float(np.float32(0.1)), torch.tensor(0.1)],
    [2**53, float(2**53)],
    [2**53 + 1, np.int64(2**53 + 1)],
    [(1, 2), [1, 2], [1.0, np.int64(2)]],
    [(2, 1)],
    [((1,), 2)],
    [(1, (2,))],
    [(12,)],
    [()],
    [((),)],
    [np.array([1, 2]), np.array([1.0, 2.0], "f4"), torch.tensor([1, 2])],
    [np.array([[1, 2]])],
    [np.array([True, False]), torch.tensor([True, False])],
    [np.array([2**53 + 1, 1])],
    [np.array([2**53, 1]), np.array([2.0**53, 1.0])],
    [LADDER, LADDER[::-1][::-1], np.asfortranarray(LADDER)],
    [np.array(["a", "b"])],
    [np.array([1 + 2j])],
    [{"a": 1, "b": 2}, MappingProxyType({"a": 1.0, "b": 2})],
    [{"b": 2, "a": 1}],
    [{1, 2}, frozenset((2, 1))],
    [Point(1, 2)],
    [Other(1, 2)],
    [Sharing.PAIR],
    [Sharing.CELL],
    [Same.PAIR],
    [GaussianNoise(0.1), GaussianNoise(np.float64(0.1))],
    [ProductNoise(GaussianNoise(0.1), GaussianNoise(0.2))],
    [Longer(0.1, 1)],
    [Longer(0.1, 2)],
    [table(0.5), table(0.5)],
    [table(3.0)],
    [Plain(0.1), Plain(0.1)],
    [Plain(0.2)],
    [Slotted(0.1), Slotted(0.1)],
    [Slotted(0.2)],
    [np.sin],
    [np.cos],
    [len],
    [Plain],
    [canonical],
    [functools.partial(max, 1)],
    [functools.partial(max, 2)],
    [Plain(0.1).__init__],
    [threading],
]


def test_equal_values_have_equal_bytes_and_others_do_not():
    bytes_of = [{canonical(value) for value in group} for group in GROUPS]
    assert [len(found) for found in bytes_of] == [1] * len(GROUPS)
    assert len(set.union(*bytes_of)) == len(GROUPS)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def same(a, b):
    """Slow twin: whether two plain values are one point."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return same([*map(list, a.items())], [*map(list, b.items())])
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (a, b))
    if not numbers and type(a) is not type(b):
        return False
    return a == b or (a != a and b != b)


@given(plain, plain)
def test_bytes_are_equal_exactly_where_values_are(a, b):
    assert (canonical(a) == canonical(b)) == same(a, b)
    assert canonical([a, b]) == canonical([a, b])
    assert (canonical([a, b]) == canonical([b, a])) == same(a, b)


def test_bytes_do_not_depend_on_what_numpy_prints():
    before = canonical(table(0.5))
    with np.printoptions(precision=2, threshold=5, legacy="1.13"):
        assert canonical(table(0.5)) == before


def test_bytes_do_not_depend_on_what_an_object_remembers():
    one, other = Plain(0.1), Plain(0.1)
    assert one.squared == pytest.approx(0.01)
    assert canonical(one) == canonical(other)


def test_another_process_finds_the_same_bytes():
    hardware = Hardware(device=Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1)))
    value = [hardware, {"a", "b", "c"}, np.sin, np.arange(3)]
    program = (
        "import numpy as np\nfrom crossbar import Hardware\nfrom devices import Device, "
        "GaussianNoise\nfrom nsm.sweeps.hashing.identity import short_hash\n"
        "device = Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1))\n"
        "print(short_hash([Hardware(device=device), {'c', 'b', 'a'}, np.sin, np.arange(3)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (short_hash(value), "")


def test_the_order_of_a_hardware_table_counts():
    device = Device(g_min=1e-6, g_max=1e-5)
    one, other = Hardware(device=device), Hardware(device=device, read_voltage=0.2)
    tables = [{"a*": one, "*": other}, {"*": other, "a*": one}, {"a*": one, "*": None}]
    assert len({canonical(HardwareTable(t)) for t in tables}) == 3
    assert canonical(HardwareTable(tables[0])) == canonical(HardwareTable(dict(tables[0])))


def holds_itself():
    loop = Plain(0.1)
    loop.sigma = [loop]
    return loop


def local():
    class Local:
        pass

    return Local()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Plain(lambda g: g), r"test_identity.*<lambda> cannot be part of a sweep"),
        (local, "test_identity.local.<locals>.Local cannot be part of a sweep: its name does not"),
        (lambda: Plain(threading.Lock()), "a _thread.lock cannot be part of a sweep: cannot pickl"),
        (lambda: Plain(iter([1]).__class__), "list_iterator cannot be part of a sweep"),
        (holds_itself, "a Plain cannot be part of a sweep: it holds itself"),
        (lambda: np.zeros(2, "datetime64[s]"), r"dtype datetime64\[s\] cannot be part of a sweep"),
        (lambda: np.zeros(2, [("a", float)]), "an array of dtype .* cannot be part of a sweep"),
    ],
)
def test_what_has_no_canonical_bytes_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        canonical(make())


def test_an_open_file_is_refused_by_name(tmp_path):
    with (
        open(tmp_path / "a", "w") as file,
        pytest.raises(ValueError, match="a _io.TextIOWrapper cannot be part of a sweep: cannot p"),
    ):
        canonical({"log": file})


def test_what_is_remembered_is_what_would_be_computed():
    hardware = Hardware(device=Device(g_min=1e-6, g_max=1e-5, read_noise=GaussianNoise(0.1)))
    others = [dataclasses.replace(hardware, read_voltage=v) for v in (0.31, 0.32)]
    plain = [canonical(h) for h in (hardware, *others)]
    with remembering():
        assert [canonical(h) for h in (hardware, *others)] == plain
        assert [canonical(h) for h in (hardware, *others)] == plain
    assert len(set(plain)) == 3


def test_objects_are_looked_at_again_after_the_block():
    table = Measured(np.ones(3), np.ones(3))
    with remembering():
        before = canonical(table)
    table.sigma[0] = 2.0
    with remembering():
        assert canonical(table) != before
    assert canonical(table) != before


def test_each_object_is_computed_once_and_the_memory_is_bounded(monkeypatch):
    seen = []
    with remembering():
        for _ in range(2):
            assert remembered("length", "abc", lambda text: seen.append(text) or len(text)) == 3
        assert seen == ["abc"]
        monkeypatch.setattr(identity, "_REMEMBERED", 10)
        kept = [[n] for n in range(100)]
        for value in kept:
            assert remembered("first", value, lambda v: v[0]) == value[0]
        assert len(identity._MEMORY.get()) <= 10
    assert identity._MEMORY.get() is None
