"""Every published device and gate, as parameters of tests."""

import pytest

import devices

EVERYTHING = {**devices.PRESETS, **devices.GATES}

every_device = pytest.mark.parametrize("name", devices.PRESETS)
every_gate = pytest.mark.parametrize("name", devices.GATES)
every_one = pytest.mark.parametrize("name", EVERYTHING)
