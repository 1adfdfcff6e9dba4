"""Checks of arguments: values pass through, and messages name what came and what is allowed."""

import re
from functools import partial

import numpy as np
import pytest

import devices
from devices import IdealWrite, NoNoise, ReadNoise
from devices.validation import (
    array,
    boolean,
    choice,
    conductances,
    finite,
    instance,
    integer,
    number,
    real_array,
    shortened,
)

FRUITS = ["apple", "apricot", "banana", "cherry", "date", "elder", "fig", "grape", "kiwi", "lemon"]


def test_good_values_are_returned():
    assert number("x", 1, above=0, at_most=1) == 1.0
    assert isinstance(number("x", np.float32(2)), float)
    assert integer("n", np.int64(3), at_least=3) == 3
    assert choice("fruit", "fig", FRUITS) == "fig"
    np.testing.assert_array_equal(array("g", [[1, 2]], shape=(None, 2)), [[1.0, 2.0]])
    assert array("g", [1, 2]).dtype == np.float64
    assert np.isnan(real_array("g", [np.nan], ndim=1)).all()
    instance("noise", NoNoise(), ReadNoise)


def test_up_to_ten_known_names_are_all_listed():
    with pytest.raises(ValueError, match=r"unknown fruit 'aple'; did you mean 'apple'\?") as caught:
        choice("fruit", "aple", FRUITS)
    assert str(caught.value).endswith("Known: " + ", ".join(FRUITS))


def test_of_more_known_names_the_three_nearest_are_listed():
    with pytest.raises(ValueError, match=r"unknown fruit 'aple'; did you mean 'apple'\?") as caught:
        choice("fruit", "aple", [*FRUITS, "mango"])
    listed = str(caught.value).split("Nearest of 11 known: ")[1].split(", ")
    assert len(listed) == 3
    assert listed[0] == "apple"


def test_a_name_like_none_of_the_known_ones_gets_no_suggestion():
    with pytest.raises(ValueError, match=r"^unknown fruit 'xyz'\. Known: apple, "):
        choice("fruit", "xyz", FRUITS)
    with pytest.raises(ValueError, match=r"^unknown fruit 'xyz'\. Nearest of 11 known: "):
        choice("fruit", "xyz", [*FRUITS, "mango"])


def test_long_values_lose_their_middle():
    assert shortened([1, "a"]) == "[1, 'a']"
    assert shortened("a" * 118) == repr("a" * 118)
    long = shortened(list(range(1000)))
    assert len(long) == 120
    assert long.startswith("[0, 1, 2,")
    assert long.endswith("998, 999]")
    assert " … " in long
    for check in (number, partial(integer, at_least=1), boolean, partial(choice, known=["a"])):
        with pytest.raises(ValueError, match=r"x.*\[0, 1.* … .*999\]") as refusal:
            check("x", list(range(1000)))
        assert len(str(refusal.value)) < 250


BAD = [
    (lambda: boolean("x", "false"), r"x = 'false' is not allowed; give True or False"),
    (lambda: boolean("x", 1), r"x = 1 is not allowed; give True or False"),
    (lambda: number("x", 0, above=0, unit="S"), r"x = 0 is not allowed; .* \(0, inf\) S"),
    (lambda: number("x", 2, at_least=0, below=2), r"x = 2 is not allowed; .* \[0, 2\)"),
    (lambda: number("x", float("nan")), r"x = nan is not allowed; .* \(-inf, inf\)"),
    (lambda: number("x", "1"), r"x = '1' is not a number"),
    (lambda: number("x", True), r"x = True is not a number"),
    (lambda: integer("n", 2, at_least=3), r"n = 2 is not allowed; .* at least 3"),
    (lambda: integer("n", 3.0, at_least=3), r"n = 3\.0 is not allowed"),
    (lambda: integer("n", 2**63, at_least=3), r"n = 9223372036854775808 is not .* below 2⁶³"),
    (lambda: integer("n", 10**400, at_least=3), r"n = 1000.* … .* is not allowed; .* below 2⁶³"),
    (
        lambda: number("x", 10**400, above=0),
        r"x = 1000.* … .* is not allowed; give a finite number",
    ),
    (lambda: real_array("g", ["a"]), r"g is not an array of real numbers \(got list\)"),
    (lambda: real_array("g", [1], ndim=2), r"g has shape \(1,\); give 2 dimensions"),
    (lambda: real_array("g", [[1]], shape=(None, 2)), r"g has shape \(1, 1\); give \(any, 2\)"),
    (lambda: finite("g", np.array([1, np.inf, np.nan])), r"g holds 2 values that are NaN or inf"),
    (lambda: array("g", [np.nan]), r"g holds 1 values that are NaN"),
    (lambda: conductances("g", [50]), r"g holds 50 S, more than .*: 50 µS is 50e-6"),
    (lambda: conductances("g", [1e-5, -1e-5]), r"g holds -1e-05 S; give .* at least 0 S"),
    (lambda: number("T", -40, above=0, unit="K"), r"T = -40 is .*kelvin; 25 °C is 298\.15 K"),
    (lambda: instance("noise", IdealWrite(), ReadNoise), r"noise = IdealWrite\(\) is not a Read"),
    (lambda: instance("w", 1, IdealWrite, advice="give one"), r"w = 1 is not an IdealW.*; give"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("unit", "largest"),
    [("S", 0.1), ("A", 1.0), ("V", 100.0), ("s", 1e13), ("K", 1e4), ("C/m²", 10.0)],
)
def test_sizes_that_no_device_has_are_refused(unit, largest):
    assert number("x", -largest, unit=unit) == -largest
    with pytest.raises(
        ValueError, match=re.escape(f"x = {2 * largest:g} {unit} is more than any device")
    ):
        number("x", 2 * largest, above=0, unit=unit)
    # Limits of the caller, and lifted ones, come first.
    assert number("x", 2 * largest, at_most=1e20, unit=unit) == 2 * largest
    assert number("x", 2 * largest, plausible=1e15, unit=unit) == 2 * largest


WRITE = devices.StateDependentError(coefficients=(1e-6,))


@pytest.mark.parametrize(
    "make",
    [
        lambda s: devices.StateDependentError(coefficients=(s,)),
        lambda s: devices.StateDependentError(coefficients=(0.0,), relaxed_std=s),
        lambda s: devices.TabulatedError(conductances=(0.0, 1e-4), std=(0.0, s)),
        lambda s: devices.WriteVerify(tolerance=s, pulse=WRITE),
        lambda s: devices.LogTimeDrift(mean=0.0, std=s, std_rate=0.0),
        lambda s: devices.LogConductanceNoise(coefficient=s),
    ],
)  # fmt: skip
def test_an_error_of_fifty_millisiemens_is_refused(make):
    with pytest.raises(
        ValueError, match=r"= 0\.05 S is more than any device has; give at most 0.01"
    ):
        make(0.05)


def test_coefficients_of_powers_may_be_large():
    error = devices.StateDependentError(coefficients=(0.0, 0.05, 300.0))
    np.testing.assert_allclose(error.sigma(np.array(1e-4)), 0.05e-4 + 300e-8)


class _ShortNumbers:
    """An array of a type that numpy does not have, such as a tensor of bfloat16."""

    dtype = "bfloat16"

    def __array__(self, dtype=None, copy=None):
        raise TypeError("unsupported type BFloat16")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (_ShortNumbers(), r"cannot read it \(unsupported type BFloat16\); give float32 or float64"),
        ([[1.0, 2.0], [3.0]], "x is not an array of real numbers .* give rows of one length"),
    ],
)
def test_what_numpy_cannot_read_is_refused_with_its_reason(value, message):
    with pytest.raises(ValueError, match=message):
        array("x", value)


@pytest.mark.parametrize("value", [[True, 0.2], [[0.1, 0.2], (0.3, np.True_)], [True]])
def test_truth_values_among_numbers_are_refused(value):
    with pytest.raises(ValueError, match="x holds truth values; give an array of real numbers"):
        array("x", value)
    np.testing.assert_array_equal(array("x", value, truth_values=True), np.asarray(value, float))
