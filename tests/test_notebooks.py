"""Every notebook runs from top to bottom in two minutes, and is committed without outputs."""

import os
import resource

import nbformat
import pytest

from notebooks.execute import NOTEBOOKS, TIMEOUT, execute, save

LIMIT = 120  # [s] of processor time: what a reader waits for where nothing else runs
LONGEST_CELL = 25  # lines
notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@notebooks
def test_notebook_is_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len(code_cells(notebook)) > 0
    for cell in code_cells(notebook):
        assert (cell.outputs, cell.execution_count) == ([], None), cell.source
        assert "execution" not in cell.metadata, cell.source


@notebooks
def test_notebook_has_short_cells(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


def processor_seconds():
    """Return the processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@notebooks
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    before = processor_seconds()
    notebook = execute(path, tmp_path, timeout=TIMEOUT)
    assert 1 < processor_seconds() - before < LIMIT
    assert all(cell.execution_count for cell in code_cells(notebook))
    for cell in code_cells(notebook):
        texts = [
            o.get("text", "")
            for o in cell.outputs
            if o.output_type == "stream" and o.name == "stderr"
        ]
        assert "Warning" not in "".join(texts), cell.source
    save(notebook, path)  # `make docs` shows this copy


def test_executed_copy_is_used_only_for_the_same_notebook(tmp_path, monkeypatch):
    monkeypatch.setattr("notebooks.execute.CACHE", tmp_path)
    from notebooks.execute import cached

    first, second = NOTEBOOKS[:2]
    assert cached(first) == cached(first)
    assert cached(first).name[:2] == first.name[:2]
    assert cached(first).stem.split("-")[-1] != cached(second).stem.split("-")[-1]
