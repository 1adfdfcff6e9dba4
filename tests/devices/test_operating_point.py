"""The operating point: its bandwidth, and what is refused."""

import pytest

from devices import OperatingPoint


def test_the_bandwidth_of_a_read_over_its_period_is_half_its_rate():
    assert OperatingPoint(read_period=1e-6).noise_bandwidth == 5e5
    assert OperatingPoint(read_period=1e-6, bandwidth=1e8).noise_bandwidth == 1e8


@pytest.mark.parametrize(
    ("name", "unit"),
    [("voltage", "V"), ("temperature", "K"), ("read_period", "s"), ("bandwidth", "Hz")],
)
def test_conditions_that_are_not_positive_are_refused(name, unit):
    with pytest.raises(ValueError, match=rf"OperatingPoint\.{name} = 0 is not allowed; .* {unit}"):
        OperatingPoint(**{name: 0})
