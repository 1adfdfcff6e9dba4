"""Every notebook runs from top to bottom in two minutes, and is committed without outputs."""

import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LIMIT = 120  # s: what a reader waits for
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
def test_notebook_runs(path, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # The kernel must be that of this environment, whatever kernels the user has installed.
    monkeypatch.setenv("JUPYTER_PATH", "")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    start = time.monotonic()
    # A failing cell raises CellExecutionError with its traceback; this timeout is for one cell.
    NotebookClient(notebook, timeout=LIMIT, kernel_name="python3", resources=where).execute()
    assert time.monotonic() - start < LIMIT
    assert all(cell.execution_count for cell in code_cells(notebook))
    for cell in code_cells(notebook):
        texts = [
            o.get("text", "")
            for o in cell.outputs
            if o.output_type == "stream" and o.name == "stderr"
        ]
        assert "Warning" not in "".join(texts), cell.source
