"""Loops that are kept on disk are compiled anew when a source that they are made of changes."""

import importlib
import re
import sys
from pathlib import Path

import numba
import pytest

from devices import compiled_loops

ROOT = Path(__file__).parents[2]
_INNER = "from numba import njit\n\n@njit(inline='always')\ndef inner(x):\n    return x + {}\n"
_OUTER = """
from loops_of_a_test.{} import inner
from devices.compiled_loops import compiled_loop

@compiled_loop()
def outer(x):
    return 10 * inner(x)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes the constant of a package's inner loop and imports the outer
    one.
    """
    folder = tmp_path / "loops_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_between.py").write_text("from loops_of_a_test._inner import (\n    inner,\n)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(compiled_loops, "PACKAGES", ["loops_of_a_test"])

    def forget():
        compiled_loops._source.cache_clear()
        compiled_loops._stamp.cache_clear()
        for name in [name for name in sys.modules if name.startswith("loops_of_a_test")]:
            del sys.modules[name]

    def outer(constant, through):
        (folder / "_inner.py").write_text(_INNER.format(constant))
        (folder / "_outer.py").write_text(_OUTER.format(through))
        forget()
        importlib.invalidate_caches()
        return importlib.import_module("loops_of_a_test._outer").outer

    yield outer
    forget()


@pytest.mark.parametrize("through", ["_inner", "_between"])
def test_a_kept_loop_follows_the_files_that_it_imports(package, through):
    assert package(1, through)(2) == 30
    again = package(1, through)
    assert again(2) == 30
    assert sum(again.stats.cache_hits.values()) == 1
    assert package(5, through)(2) == 70  # numba alone would give 30
    back = package(1, through)
    assert back(2) == 30


def test_no_loop_is_kept_by_numba_alone():
    sources = [
        path
        for package in compiled_loops.PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "compiled_loops.py"
    ]
    assert len(sources) > 500
    assert not [path for path in sources if re.search(r"cache=True", path.read_text())]


def test_a_numba_that_keeps_loops_in_another_way_keeps_none(monkeypatch):
    options = []

    def njit(**given):
        options.append(given)
        return lambda function: numba.njit(**{k: v for k, v in given.items() if k != "cache"})(
            function
        )

    monkeypatch.setattr(compiled_loops, "njit", njit)
    loop = compiled_loops.compiled_loop()(lambda x: x + 1)
    assert loop(1) == 2
    assert options == [{"nogil": True, "cache": True}, {"nogil": True}]
