"""Callables by name: which texts name one, and what is refused."""

import sys

import pytest

from nsm.importing import imported, names_callable


def test_the_form_of_a_callable_is_told_from_files():
    callables = ["my.data:faces", "a:B.c", "ä:b"]
    others = ["faces.npz", "C:\\faces", "a:", ":b", "a:b:c", "a b:c", "1a:b"]
    assert all(map(names_callable, callables))
    assert not any(map(names_callable, others))


def test_the_current_folder_is_searched_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of_mine.py").write_text("class A:\n    def f():\n        return 3\nnumber = 1\n")
    before = [*sys.path]
    assert imported("of_mine:A.f", "a number")() == 3
    assert sys.path == before
    with pytest.raises(
        ValueError, match="of_mine:number is a int; name a callable that returns ha"
    ):
        imported("of_mine:number", "ham")
    with pytest.raises(ValueError, match="module 'of_mine' has no 'A.g'"):
        imported("of_mine:A.g", "ham")
    with pytest.raises(ValueError, match="no module 'of_mines' for 'of_mines:a'"):
        imported("of_mines:a", "ham")
    sys.modules.pop("of_mine")
