"""Tabulated models in sweeps: one identity whatever their rows came as, and fields as axes."""

from dataclasses import fields, replace

import numpy as np
import pytest

from crossbar import Hardware
from crossbar.paths import build_hardware, check_path, known_paths, with_value
from devices import FlickerNoise, TabulatedFlicker
from devices.tables import from_table, to_table
from nsm import nsm_mlp
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.tasks import grid
from tests.helpers.tabulated_device import CURRENT, DEVICE, DRIFT, ERROR, KNOTS, NOISE, SPECTRUM

FLICKER = TabulatedFlicker(conductances=KNOTS, size=(0.02, 0.01, 0.008, 0.004))
MODELS = [ERROR, NOISE, SPECTRUM, FLICKER, DRIFT, CURRENT]
HARDWARE = Hardware(device=DEVICE)


def named(model):
    return type(model).__name__


def rows_of(model):
    """Return the fields of a model that hold rows."""
    return {f.name: v for f in fields(model) if isinstance(v := getattr(model, f.name), tuple)}


def as_list(value):
    return [as_list(v) for v in value] if isinstance(value, tuple) else value


def bent(value):
    """Return rows in which the last number is larger by one unit in the last place."""
    if isinstance(value, tuple):
        return (*value[:-1], bent(value[-1]))
    return float(np.nextafter(value, np.inf))


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_lists_tuples_and_arrays_have_one_identity(model):
    for kind in (as_list, np.array):
        same = replace(model, **{name: kind(value) for name, value in rows_of(model).items()})
        assert canonical(same) == canonical(model)
    assert canonical(from_table(to_table(model), "m")) == canonical(model)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_every_number_of_a_table_counts(model):
    for name, value in rows_of(model).items():
        assert canonical(replace(model, **{name: bent(value)})) != canonical(model)


def test_what_a_model_remembers_does_not_change_its_identity():
    fresh, used = replace(SPECTRUM), replace(SPECTRUM)
    used.psd(np.array(1e-5), np.array([1.0]))
    assert canonical(fresh) == canonical(used)


FACTORS = ["write.error_factor", "read_noise.noise_factor", "retention.common_factor",
           "retention.spread_factor"]  # fmt: skip


@pytest.mark.parametrize("path", [f"device.{name}" for name in FACTORS])
def test_factors_are_axes_of_sweeps(path):
    assert path in known_paths(HARDWARE)
    axes = {path: [0.5, 2.0], "seconds": [1e3]}
    seen = [task.hardware for task in grid(nsm_mlp((4, 3, 2)), HARDWARE, axes)]
    assert seen == [with_value(HARDWARE, path, value) for value in (0.5, 2.0)]
    assert len({canonical(hardware) for hardware in (HARDWARE, *seen)}) == 3


def test_the_size_of_flicker_noise_has_a_factor_too():
    noise = FlickerNoise(q=FLICKER, f_low=1.0, f_high=1e5)
    hardware = replace(HARDWARE, device=replace(DEVICE, read_noise=noise))
    path = "device.read_noise.q.noise_factor"
    check_path("axis", path, hardware)
    changed = with_value(hardware, path, 3.0).device.read_noise
    np.testing.assert_allclose(changed.moments(KNOTS)[1], 9 * noise.moments(KNOTS)[1])


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("device.write.std", [1e-7, 2e-7, 3e-7, 4e-7]),
        ("device.read_noise.sigma", np.array([1e-8, 2e-8, 3e-8, 4e-8])),
        ("device.retention.std", np.array([[1e-7, 2e-7], [2e-7, 3e-7], [4e-7, 5e-7]])),
        ("device.iv.currents", [[1e-6, 2.2e-6, 5e-6]]),
    ],
)
def test_rows_are_values_of_an_axis(path, rows):
    changed = with_value(HARDWARE, path, rows)
    owner = changed
    for name in path.split("."):
        owner = getattr(owner, name)
    assert owner == tuple(map(tuple, rows)) if np.ndim(rows) == 2 else owner == tuple(rows)
    with pytest.raises(ValueError, match="is of length"):
        with_value(HARDWARE, path, rows[:-1])


def test_tables_of_a_file_make_the_hardware():
    slots = ("write", "read_noise", "retention", "iv")
    options = {f"device.{slot}": to_table(getattr(DEVICE, slot)) for slot in slots}
    built = build_hardware(
        {"device.g_min": 1e-6, "device.g_max": 4e-5, "device.levels": 16} | options
    )
    assert built.device == DEVICE
    bad = options | {"device.write": {"kind": "tabulated", "conductances": [1e-6], "std": [1e-8]}}
    with pytest.raises(ValueError, match=r"TabulatedError\.conductances = \(1e-06,\) is too short"):
        build_hardware({"device.g_min": 1e-6, "device.g_max": 4e-5} | bad)
