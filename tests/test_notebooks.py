"""Every notebook runs from top to bottom in two minutes, and is committed without outputs."""

import os

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from notebooks import preloaded
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


@pytest.fixture(scope="module")
def address():
    """Return where kernels are forked from a process that has imported the libraries."""
    with preloaded.kernels() as address:
        yield address


@notebooks
def test_notebook_runs(path, tmp_path, monkeypatch, address):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    notebook = execute(path, tmp_path, TIMEOUT, address)
    assert 1 < float((tmp_path / preloaded.SECONDS).read_text()) < LIMIT
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


def run(sources, tmp_path, monkeypatch, address, timeout=TIMEOUT):
    """Return the notebook of these cells after it was executed in a fork."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "it.ipynb")
    return execute(tmp_path / "it.ipynb", tmp_path, timeout, address)


def test_forked_kernels_share_libraries_and_nothing_else(tmp_path, monkeypatch, address):
    found = "print([m in sys.modules for m in ('torch', 'nsm', 'crossbar', 'devices')])"
    state = "print(sorted(set(dir()) & {'left', 'torch', 'np'}), os.getcwd(), 'LEFT' in os.environ)"
    leave = "left = 1; import numpy as np, torch, nsm; os.environ['LEFT'] = '1'"
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        notebook = run(["import os, sys", found, state, leave], folder, monkeypatch, address)
        printed = [cell.outputs[0].text.strip() for cell in notebook.cells[1:3]]
        assert printed == ["[True, False, False, False]", f"[] {folder} False"]


def test_a_cell_that_fails_in_a_fork_is_shown(tmp_path, monkeypatch, address):
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        run(["1 / 0"], tmp_path, monkeypatch, address)


def test_a_cell_in_a_fork_that_takes_too_long_is_ended(tmp_path, monkeypatch, address):
    with pytest.raises(CellTimeoutError):
        run(["import time; time.sleep(600)"], tmp_path, monkeypatch, address, timeout=1)


def test_a_kernel_that_dies_in_a_fork_is_noticed(tmp_path, monkeypatch, address):
    with pytest.raises(DeadKernelError):
        run(["import os; os._exit(1)"], tmp_path, monkeypatch, address)


def test_kernels_need_no_preloading(tmp_path, monkeypatch):
    """`make docs` starts ordinary kernels for what the tests have not executed."""
    notebook = run(["import sys; print('torch' in sys.modules)"], tmp_path, monkeypatch, None)
    assert notebook.cells[0].outputs[0].text == "False\n"
