"""Labels of axis values: short, the same before and after a CSV, and of the value alone."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import Adc, Comparator, Hardware
from devices import BlankOut, Device, GaussianNoise, NoNoise, ProductNoise, TelegraphNoise, preset
from nsm.sweeps.axes import read_axis
from nsm.sweeps.hashing.identity import canonical
from nsm.sweeps.labels import as_cell, from_cell, label_of


class Plain:
    def __init__(self, sigma):
        self.sigma = sigma


class Named(Plain):
    def __repr__(self):
        return f"noise of {self.sigma}"


class Addressed(Plain):
    def __repr__(self):
        return f"<Addressed at {hex(id(self))}>"


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (None, None),
        (True, True),
        (4, 4),
        (0.25, 0.25),
        ("pair", "pair"),
        ((64, 32), (64, 32)),
        ([64, (1.5, "a")], (64, (1.5, "a"))),
        (GaussianNoise(0.1), "GaussianNoise(sigma=0.1)"),
        (NoNoise(), "NoNoise()"),
        (Comparator(noise=1e-9), "Comparator(noise=1e-09)"),
        (Adc(), "Adc()"),
        (Named(3), "noise of 3"),
        (np.sin, "sin"),
        (Plain, "Plain"),
        (preset("rram_wu2018"), "rram_wu2018"),
        (preset("rram_wu2018", levels=5), "rram_wu2018(levels=5)"),
        (Device(g_min=1e-6, g_max=1e-5), "Device(g_min=1e-06, g_max=1e-05)"),
    ],
)
def test_short_values_are_their_own_labels(value, label):
    assert label_of(value, value) == label
    assert type(label_of(value, value)) is type(label)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (preset("rram_wu2018", read_noise=TelegraphNoise(0.125, 0.015625, 0.015625)), "Device#"),
        (Hardware(device=preset("rram_wu2018")), "Hardware#"),
        (ProductNoise(GaussianNoise(0.1), BlankOut(0.25), GaussianNoise(0.125)), "ProductNoise#"),
        (np.linspace(0, 1, 9), "ndarray#"),
        (Plain(1), "Plain#"),
        (Addressed(1), "Addressed#"),
        (tuple(range(40)), "tuple#"),
    ],
)
def test_long_values_are_their_class_and_a_hash(value, name):
    label = label_of(value, value)
    assert label.startswith(name)
    assert len(label) == len(name) + 6
    assert label == label_of(value, value)


def test_the_hash_tells_values_apart_and_equal_ones_not():
    one, same, other = (label_of(v, v) for v in (Plain(1), Plain(1.0), Plain(2)))
    assert one == same != other


def test_fields_in_which_values_of_one_axis_differ_are_shown():
    base = Hardware(device=preset("rram_wu2018"), adc=Adc(4))
    values = [Adc(), Adc(bits=4), None]
    labels = [label for label, _ in read_axis(base, "adc", values)]
    assert labels == [f"Adc(bits={Adc().bits})", "Adc(bits=4)", None]
    # Alone, or beside objects of other classes, defaults are left out; given names stay.
    assert [label for label, _ in read_axis(base, "adc", [Adc(), None])] == ["Adc()", None]
    named = {"fine": Adc(), "coarse": Adc(bits=4)}
    assert [label for label, _ in read_axis(base, "adc", named)] == ["fine", "coarse"]
    # A label with all of them may be too long; then it is the one without others.
    one, other = Comparator(noise=1e-9), Comparator(noise=2e-9)
    assert label_of(one, one, [one, other]) == "Comparator(noise=1e-09)"


def test_what_is_given_by_name_keeps_its_name():
    assert label_of("rram_wu2018", preset("rram_wu2018")) == "rram_wu2018"
    assert label_of("folder/mine.toml", preset("rram_wu2018")) == "mine.toml"
    assert label_of("none", NoNoise()) == "none"
    assert label_of("none", None) is None
    assert label_of("16", 16) == 16


plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["None", "NA", "nan", "True", "300", "007", "1e5", "(1, 2)", "'a'", "", " a"])
)
labels = plain | st.tuples(
    plain.filter(lambda v: v == v and v not in (np.inf, -np.inf)),
    plain.filter(lambda v: v == v and v not in (np.inf, -np.inf)),
)


@given(st.lists(labels, min_size=1, max_size=4))
def test_labels_survive_a_csv(row):
    file = io.StringIO(newline="")
    csv.writer(file).writerow([as_cell(label) for label in row])
    text = file.getvalue()
    assert text.count("\n") == 1  # a row is a line, so that a torn one can be told
    (cells,) = csv.reader(io.StringIO(text, newline=""))
    found = [from_cell(cell) for cell in cells]
    assert list(map(canonical, found)) == list(map(canonical, row))
    assert list(map(type, found)) == list(map(type, row))


@pytest.mark.parametrize("text", ["NA", "None", "NSM", "a, b", "Größe", "fefet_jerry2017", "(a"])
def test_names_stand_in_a_csv_as_they_are(text):
    assert as_cell(text) == text


@pytest.mark.parametrize("text", ["300", "nan", "True", "", "'a'", "(1, 2)", "a\nb", " a"])
def test_texts_that_read_as_something_else_are_quoted(text):
    assert as_cell(text) == repr(text)
