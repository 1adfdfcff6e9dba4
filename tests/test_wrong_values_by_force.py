"""Wrong values for every argument of the public functions and classes, by force.

Each argument is replaced by wrong values, one at a time, and inside of arrays, lists and tables.
What comes is refused in one sentence of ours that names the argument; nothing is taken silently.
"""

import inspect
import resource
from collections import Counter

import numpy as np
import pytest

import crossbar
import devices
import nsm
from tests.helpers.force import (
    array_calls,
    chip_calls,
    device_calls,
    figure_calls,
    formula_calls,
    network_calls,
)
from tests.helpers.force.allowed import ALLOWED
from tests.helpers.force.tries import try_all

CALLS = {
    **device_calls.CALLS, **array_calls.CALLS, **network_calls.CALLS, **chip_calls.CALLS,
    **formula_calls.CALLS, **figure_calls.CALLS,
}  # fmt: skip
#: What functions return, and users do not make.
RESULTS = {*device_calls.RESULTS, *chip_calls.RESULTS, *figure_calls.UNTRIED}
#: Classes whose methods are tried, too.
WITH_METHODS = {
    "crossbar": ("Tile", "TiledArray", "NeuronArray", "Wires"), "nsm": ("MappedNetwork",),
}  # fmt: skip
#: Methods that chips and arrays call on one another, with what they have checked.
INNER = {
    "arrays", "convert_sums", "first_terms", "forward", "line_moments", "parts", "read_span",
    "runs", "started", "train",
}  # fmt: skip
#: Bytes that all tries together may take beside what is there.
MEMORY = 4 << 30
#: Share of the tries that the ordinary suite makes.
FEW = 0.015


def names_of(package):
    """Return the public names of a package that can be called, with those of methods."""
    name = package.__name__
    listed = getattr(package, "__all__", None)
    found = []
    for own in listed or [n for n in vars(package) if n[0] != "_"]:
        value = getattr(package, own)
        home = getattr(value, "__module__", "")
        # A room without a list has what is written in it; a package, all that it imports of ours.
        is_own = home.startswith(name) if listed is None else home.startswith(name.split(".")[0])
        is_own &= package is nsm or own not in nsm.__all__
        is_called = inspect.isclass(value) or inspect.isfunction(value)
        is_base = inspect.isabstract(value) or own in RESULTS
        if is_own and is_called and not is_base and inspect.signature(value).parameters:
            found.append(f"{name}.{own}")
        if own in WITH_METHODS.get(name, ()):
            found += [f"{name}.{own}.{m}" for m in methods_of(value)]
    return found


def methods_of(cls):
    """Return the public methods of a class, and its bases of ours, that take arguments."""
    ours = [c for c in cls.__mro__ if c.__module__.split(".")[0] in ("crossbar", "nsm")]
    found = {}
    for name in dir(cls):
        value = inspect.getattr_static(cls, name)
        value = value.__func__ if isinstance(value, classmethod) else value
        if name[0] != "_" and inspect.isfunction(value) and any(name in vars(c) for c in ours):
            found[name] = len(inspect.signature(value).parameters) - 1
    return [name for name, arguments in found.items() if arguments and name not in INNER]


@pytest.mark.parametrize(
    "package",
    [devices, crossbar, nsm, nsm.theory, nsm.uncertainty, nsm.sweeps, nsm.datasets,
     nsm.measurements, nsm.plots, nsm.learning],
    ids=lambda p: p.__name__,
)  # fmt: skip
def test_every_public_function_and_class_is_tried(package):
    assert sorted(set(names_of(package)) - set(CALLS)) == []


def test_every_argument_is_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some arguments are files
    left_out = {}
    for name, call in CALLS.items():
        given, kinds = set(call.arguments()), {"self", "cls"}
        source = call.source() if call.source else call.function
        named = [p for p in inspect.signature(source).parameters.values() if p.kind not in (2, 4)]
        left_out[name] = {p.name for p in named} - given - kinds
    assert {name: missing for name, missing in left_out.items() if missing} == {}


def verdicts(folder, chosen):
    """Return what came of the chosen tries."""
    found = try_all(CALLS, ALLOWED, folder, chosen)
    assert found.accepted == []
    assert found.hung == []
    assert found.memory == []
    return found


def test_a_few_wrong_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = np.random.default_rng(18).random(100_000) < FEW
    found = verdicts(tmp_path, lambda number: chosen[number])
    assert found.tries > 300
    assert found.poor == []


@pytest.mark.slow
def test_all_wrong_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, hard))
    try:
        found = verdicts(tmp_path, lambda number: True)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    assert found.tries > 25_000
    assert len(found.poor) < 0.01 * found.tries, Counter(one.split(" = ")[0] for one in found.poor)
