"""Every model of a `Hardware` is exported, and engines are loaded at first use."""

import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

import crossbar
from crossbar import WeightMapping

ARRAYS = ["NeuronArray", "Tile", "TiledArray", "to_spice"]


def models():
    """Return the public classes of the modules that describe hardware."""
    modules = [
        "crossbar.hardware",
        "crossbar.mapping",
        "crossbar.periphery",
        "crossbar.converters",
        "crossbar.bit_slices",
        "crossbar.wires.description",
    ]
    found = {}
    for name in modules:
        for thing in vars(import_module(name)).values():
            if isinstance(thing, type) and thing.__module__ == name:
                found[thing.__name__] = thing
    # IVCurve and Nodes are arguments and results of `Wires`, not parts of a hardware.
    return {name: thing for name, thing in found.items() if name not in ("IVCurve", "Nodes")}


@pytest.mark.parametrize("name", models())
def test_every_model_of_a_hardware_is_exported(name):
    assert getattr(crossbar, name) is models()[name]


def test_every_mapping_is_found_in_the_modules_of_mappings():
    for module in pkgutil.walk_packages(crossbar.__path__, "crossbar."):
        import_module(module.name)
    mappings = [m for m in WeightMapping.__subclasses__() if m.__module__.startswith("crossbar.")]
    assert {m.__module__ for m in mappings} == {"crossbar.mapping", "crossbar.bit_slices"}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_exported_and_listed(name):
    assert getattr(crossbar, name).__name__ == name
    assert name in dir(crossbar)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="'crossbar' has no attribute 'Tiles'"):
        _ = crossbar.Tiles


def test_a_description_does_not_load_the_compiler():
    code = (
        "import sys, crossbar, crossbar.paths; "
        "crossbar.Hardware(device=crossbar.hardware.Device(g_min=1e-6, g_max=1e-4), "
        "wires=crossbar.Wires(1.0, 1.0)); "
        "assert 'numba' not in sys.modules and 'crossbar.reads' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_star_import_brings_the_arrays_too(name):
    namespace = {}
    exec("from crossbar import *", namespace)
    assert namespace[name] is getattr(crossbar, name)
