"""Converters as described: levels of a DAC, bit planes, codes of an ADC."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossbar import Adc, Dac
from tests.helpers.statistics import assert_mean, assert_variance

N = 40_000


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_an_adc_has_two_to_the_bits_codes_and_errs_by_half_a_step(bits, rng):
    current = np.concatenate([[-1e-6, 1e-6], rng.uniform(-1e-6, 1e-6, N)])
    converted = Adc(bits=bits).convert(current, 1e-6)
    step = 2e-6 / (2**bits - 1)
    codes = np.unique(np.rint((converted + 1e-6) / step))
    np.testing.assert_array_equal(codes, np.arange(2**bits))
    np.testing.assert_allclose([converted.min(), converted.max()], [-1e-6, 1e-6], rtol=1e-12)
    # Even steps: |error| ≤ range/(2^bits − 1), mean square step²/12.
    assert np.abs(converted - current).max() <= step / 2 * (1 + 1e-9)
    assert_mean((converted - current)[2:] ** 2, step**2 / 12)


def test_an_adc_clips_beyond_its_range():
    converted = Adc(bits=8).convert(np.array([-5e-6, 5e-6]), 1e-6)
    np.testing.assert_allclose(converted, [-1e-6, 1e-6], rtol=1e-12)


def test_an_adc_keeps_the_order_of_currents(rng):
    current = np.sort(rng.uniform(-2e-6, 2e-6, 1000))
    assert (np.diff(Adc(bits=4).convert(current, 1e-6)) >= 0).all()


def test_an_adc_has_a_range_for_each_column():
    converted = Adc(bits=1).convert(np.array([[3.0, 3.0]]), np.array([1.0, 2.0]))
    np.testing.assert_array_equal(converted, [[1.0, 2.0]])


def test_offsets_of_an_adc_are_normal(rng):
    offsets = Adc(offset=2e-9).draw_offsets((N,), rng=rng)
    assert_mean(offsets, 0)
    assert_variance(offsets, 4e-18, 0)


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_a_dac_has_two_to_the_bits_less_one_levels_and_zero_is_one(bits, rng):
    x = np.concatenate([[-3.0, 0.0, 3.0], rng.uniform(-3, 3, N)])
    levels = Dac(bits).convert(x, 3.0)
    step = 3.0 / (2 ** (bits - 1) - 1)
    top = 2 ** (bits - 1) - 1
    np.testing.assert_allclose(np.unique(levels), np.arange(-top, top + 1) * step, atol=1e-12)
    np.testing.assert_array_equal(levels[:3], [-3.0, 0.0, 3.0])
    assert np.abs(levels - x).max() <= step / 2 * (1 + 1e-9)


def test_a_dac_clips_beyond_its_range():
    np.testing.assert_array_equal(Dac(4).convert(np.array([-7.0, 9.0]), 2.0), [-2.0, 2.0])


@given(
    st.integers(2, 12),
    st.floats(0.01, 100),
    arrays(float, (3, 4), elements=st.floats(-200, 200, allow_subnormal=False)),
)
def test_bit_planes_add_up_to_the_levels(bits, limit, x):
    dac = Dac(bits, serial=True)
    planes = dac.bit_planes(x, limit)
    assert planes.shape == (3, bits - 1, 4)
    assert set(np.unique(planes)) <= {-1, 0, 1}
    total = np.einsum("rpj,p->rj", planes, dac.weights_of_planes(limit))
    np.testing.assert_allclose(total, Dac(bits).convert(x, limit), rtol=1e-12, atol=1e-12 * limit)


def test_a_dac_keeps_states_only_if_one_is_a_level():
    assert Dac(8).keeps_ternary(1.0)
    assert Dac(8).keeps_ternary(127.0)
    assert Dac(4).keeps_ternary(7.0 / 3)
    assert not Dac(8).keeps_ternary(2.0)  # 127/2 is no whole number
    assert not Dac(8).keeps_ternary(0.5)  # clipped


BAD = [
    (lambda: Dac(bits=1), r"Dac\.bits = 1 is not allowed; give a whole number of at least 2"),
    (lambda: Dac(bits=8.0), r"Dac\.bits = 8\.0 is not allowed"),
    (lambda: Dac(range=-1), r"Dac\.range = -1 is not allowed"),
    (lambda: Dac(serial="yes"), r"Dac\.serial = 'yes' is not allowed; give True or False"),
    (lambda: Adc(bits=0), r"Adc\.bits = 0 is not allowed"),
    (lambda: Adc(bits=8.0), r"Adc\.bits = 8\.0 is not allowed"),
    (lambda: Adc(range=0), r"Adc\.range = 0 is not allowed"),
    (lambda: Adc(noise=-1e-9), r"Adc\.noise = -1e-09 is not allowed"),
    (lambda: Adc(offset="big"), r"Adc\.offset = 'big' is not a number"),
    (lambda: Adc(per="tiles"), r"unknown Adc\.per 'tiles'; did you mean 'tile'\?"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
