"""Texts, paths, lists and tables are what they are called, or refused by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from devices.arguments import file_path, listed, path_text, table, text


@pytest.mark.parametrize("value", [None, 5, b"x", Path("x"), ["x"]])
def test_what_is_no_text(value):
    with pytest.raises(ValueError, match=r"note = .* is not a text; give a str"):
        text("note", value)


def test_half_a_character_is_no_text():
    with pytest.raises(ValueError, match=r"note = 'a\\ud800' holds '\\ud800', half of a character"):
        text("note", "a\ud800")
    assert text("note", "σ²\U0001f600") == "σ²\U0001f600"


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], "", "a\0b", "\ud800"])
def test_what_is_no_path(value):
    with pytest.raises(ValueError, match="save_to = "):
        file_path("save_to", value)


def test_names_that_the_file_system_gives_are_paths():
    undecodable = b"a\xff".decode("utf-8", "surrogateescape")
    assert file_path("path", undecodable) == Path(undecodable)
    assert file_path("path", Path("a/b")) == Path("a/b")


def test_long_paths_are_shown_without_their_middle():
    assert path_text("a/b.toml") == "a/b.toml"
    assert len(path_text("a" * 300)) < 130


@pytest.mark.parametrize(
    "value", ["ab", b"ab", {"a": 1}, {1, 2}, 5, None, int, np.array(1.0), torch.tensor(1.0)]
)
def test_what_is_no_list(value):
    with pytest.raises(ValueError, match=r"widths = .*; give \(784, 10\)"):
        listed("widths", value, "(784, 10)")


def test_what_is_a_list():
    assert listed("a", (1, 2), "") == listed("a", np.array([1, 2]), "") == [1, 2]
    assert listed("a", {1}, "", ordered=False) == [1]
    assert listed("a", (n for n in "ab"), "") == ["a", "b"]


def test_what_is_no_table():
    assert table("axes", {"gain": [1.0]}, "") == {"gain": [1.0]}
    with pytest.raises(ValueError, match=r"axes = \[\] is not a dict; give values by name"):
        table("axes", [], "values by name")
