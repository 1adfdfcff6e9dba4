"""The verdict in words: the sentence of every axis, and what to fix first."""

import math
from dataclasses import asdict

import pandas as pd
import pytest

from nsm.verdict.axes import AXES
from nsm.verdict.search import End, Found
from nsm.verdict.sentence import computes, fix_first_of, sentence_of

#: Of every axis: unit, whether it falls, given and tolerated value, what the sentence says is
#: needed, and the value and bound of what to fix first.
WORDS = {
    "levels": ("levels", True, 4, 8, "levels (at least 8)", "4 levels", "at least 8 levels"),
    "programming error": (
        "× given", False, 1, 0.5, "programming error (at most 0.5 × given)",
        "the given value", "at most 0.5 × given",
    ),
    "read noise": (
        "× given", False, 1, 0.25, "read noise (at most 0.25 × given)",
        "the given value", "at most 0.25 × given",
    ),
    "telegraph amplitude": (
        "ΔG/G", False, 0.5, 0.1, "telegraph amplitude (at most 0.1 ΔG/G)", "0.5 ΔG/G",
        "at most 0.1 ΔG/G",
    ),
    "telegraph time": (
        "s", False, 1e-3, 1e-6, "telegraph time (at most 1e-06 s)", "0.001 s", "at most 1e-06 s",
    ),
    "stuck cells": (
        "of the cells", False, 0.01, 0.003, "stuck cells (at most 0.003 of the cells)",
        "0.01 of the cells", "at most 0.003 of the cells",
    ),
    "on/off ratio": ("", True, 2, 10, "on/off ratio (at least 10)", "2", "at least 10"),
    "drift time": ("s", False, 10, 1, "drift time (at most 1 s)", "10 s", "at most 1 s"),
    "gain, falling": ("", True, 0.1, 0.5, "gain, falling (at least 0.5)", "0.1", "at least 0.5"),
    "gain, rising": ("", False, 10, 2, "gain, rising (at most 2)", "10", "at most 2"),
    "gain, falling, compensated": (
        "", True, 0.1, 0.5, "gain, falling, compensated (at least 0.5)", "0.1", "at least 0.5",
    ),
    "gain, rising, compensated": (
        "", False, 10, 2, "gain, rising, compensated (at most 2)", "10", "at most 2",
    ),
    "wires": (
        "× given", False, 1, 0.1, "wires (at most 0.1 × given)", "the given value",
        "at most 0.1 × given",
    ),
    "comparator offset": (
        "A", False, 1e-6, 1e-7, "comparator offset (at most 1e-07 A)", "1e-06 A", "at most 1e-07 A",
    ),
    "comparator noise": (
        "A", False, 1e-6, 1e-7, "comparator noise (at most 1e-07 A)", "1e-06 A", "at most 1e-07 A",
    ),
    "ADC bits": ("bits", True, 2, 5, "ADC bits (at least 5)", "2 bits", "at least 5 bits"),
    "DAC bits": ("bits", True, 2, 5, "DAC bits (at least 5)", "2 bits", "at least 5 bits"),
    "temperature": (
        "K of warming", False, 50, 20, "temperature (at most 20 K of warming)", "50 K of warming",
        "at most 20 K of warming",
    ),
}  # fmt: skip


def rows_with(*found):
    return pd.DataFrame([asdict(one) for one in found])


def base(works="no", **changes):
    values = {
        "network": "NSM", "software": 0.03, "given": 0.12, "without_gate": math.nan,
        "refused": "", "images": 300, "guessing": 0.9, "works": works,
    }  # fmt: skip
    return next(pd.DataFrame([values | changes]).itertuples(index=False))


def costly(name, **changes):
    unit, falls, given, tolerated, *_ = WORDS[name]
    ratio = given / tolerated if falls else tolerated / given
    values = {
        "network": "NSM", "axis": name, "given": given, "tolerated": tolerated,
        "ratio": ratio, "unit": unit, "falls": falls, "reference": "given", "repairs": 0.0234,
        "repaired": "yes", "decided": True,
    }  # fmt: skip
    return Found(**(values | changes))


@pytest.mark.parametrize("name", AXES)
def test_the_sentence_of_every_axis(name):
    *_, needs, value, bound = WORDS[name]
    rows = rows_with(costly(name))
    assert sentence_of(base(), rows) == (
        f"NSM works with {needs}, but not on this hardware (error 12 %, in software 3 %). Cost of "
        f"the given values: {name}: 2.3 points of loss."
    )
    assert fix_first_of(base(), rows) == (
        f"fix first: {name}, 2.3 points of loss at {value}; tolerated: {bound}"
    )


@pytest.mark.parametrize("name", AXES)
def test_an_axis_of_which_only_the_ideal_value_is_tolerated(name):
    *_, value, _ = WORDS[name]
    ideal = math.inf if WORDS[name][1] else 0.0
    rows = rows_with(costly(name, tolerated=ideal, ratio=0.0))
    assert sentence_of(base(), rows).startswith(f"NSM works with {name} (ideal), but not on this")
    assert fix_first_of(base(), rows).endswith(f" at {value}; tolerated: ideal")


@pytest.mark.parametrize("name", AXES)
def test_the_thinnest_margin_of_every_axis(name):
    unit, _, given, tolerated, *_ = WORDS[name]
    rows = rows_with(costly(name, repairs=0.0, ratio=2.0))
    values = (
        ""
        if "given" in unit
        else f": {tolerated:.3g} {unit}".rstrip()
        + (f" tolerated, {given:.3g} {unit}".rstrip() + " given")
    )
    assert fix_first_of(base("yes"), rows) == (
        f"fix first: {name}, the thinnest margin of the given values (a factor of 2{values})"
    )


def test_two_cures_and_axes_that_do_not_cure():
    rows = rows_with(
        costly("levels"),
        costly("ADC bits", repairs=0.05, tolerated=math.inf, ratio=0.0),
        costly("stuck cells", repairs=0.08, repaired="no"),
    )
    assert sentence_of(base(), rows) == (
        "NSM works with ADC bits (ideal) or levels (at least 8), but not on this hardware (error "
        "12 %, in software 3 %). Cost of the given values: stuck cells: 8 points of loss; ADC "
        "bits: 5 points of loss; levels: 2.3 points of loss."
    )
    none = rows_with(costly("stuck cells", repaired="no"))
    assert sentence_of(base(), none) == (
        "NSM does not work on this hardware (error 12 %, in software 3 %). Cost of the given "
        "values: stuck cells: 2.3 points of loss."
    )


def test_the_thinnest_margin_is_that_of_a_decided_axis():
    margin = {"repairs": 0.0, "repaired": ""}
    open_ = costly("stuck cells", **margin, ratio=1.0, decided=False, ended=End.UNRESOLVED)
    wide = costly("drift time", **margin, ratio=9.0, decided=False, ended=End.UNRESOLVED)
    decided = costly("levels", **margin, ratio=2.0, ended=End.BROKEN)
    whole = costly("ADC bits", **margin, ratio=1.0, ended=End.WORST)
    assert fix_first_of(base("yes"), rows_with(open_, wide, whole, decided)) == (
        "fix first: levels, the thinnest margin of the given values (a factor of 2: 8 levels "
        "tolerated, 4 levels given); not decided with 300 images, and perhaps thinner: stuck "
        "cells"
    )
    not_decided = (
        "fix first: not decided with 300 images; give more images, or, if these are all, allow a "
        "larger loss"
    )
    assert fix_first_of(base("yes"), rows_with(open_, wide)) == not_decided
    assert fix_first_of(base("not resolved"), rows_with(open_, whole)) == not_decided
    assert fix_first_of(base("yes"), rows_with(whole)) == (
        "fix first: none of the given values limits it on the axes that were measured"
    )


def test_a_network_that_does_not_compute_is_to_be_trained_first():
    lost = base("yes", software=0.8, given=0.8)
    rows = rows_with(costly("levels"))
    assert sentence_of(lost, rows) == (
        "NSM is wrong on 80 % in software already: train it first (error of guessing 90 %, on this "
        "hardware 80 %)."
    )
    assert fix_first_of(lost, rows) == "fix first: the training, 80 % of error in software"


@pytest.mark.parametrize(
    ("software", "guessing", "images", "expected"),
    [
        (0.449, 0.9, 10_000, True),
        (0.45, 0.9, 10_000, False),  # half of the error of guessing
        (0.2, 0.5, 40, True),  # 0.2 + 3 * 0.063 = 0.39
        (0.2, 0.5, 16, False),  # 0.2 + 3 * 0.1 = 0.5 is not below 0.5
        (0.0, 0.5, 5, True),
    ],
)
def test_what_computes_is_far_from_guessing(software, guessing, images, expected):
    assert computes(base(software=software, guessing=guessing, images=images)) is expected
