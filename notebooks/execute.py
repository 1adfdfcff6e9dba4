"""Execute the notebooks, and keep the executed copies until a notebook or a package changes.

    python -m notebooks.execute docs/tutorials

The tests execute every notebook and save it here; the documentation shows the saved copies.
"""

import hashlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from notebooks import preloaded

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = tuple(sorted((ROOT / "notebooks").glob("*.ipynb")))
CACHE = ROOT / "build" / "notebooks"
TIMEOUT = 300  # [s] for one cell, where two notebooks run at once


def execute(
    path: Path, folder: Path, timeout: int, address: str | None = None
) -> nbformat.NotebookNode:
    """Execute one notebook with the kernel of this environment.

    Args:
        path: The notebook.
        folder: Where the kernel runs and keeps its settings.
        timeout: Longest time of one cell [s].
        address: Where kernels are forked (`notebooks.preloaded.kernels`); None (default) starts one
            that imports everything itself.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed; the message has its traceback.
    """
    # The kernel must be that of this environment, whatever kernels the user has installed.
    os.environ |= {
        "OMP_NUM_THREADS": "1",
        "JUPYTER_PATH": "",
        "JUPYTER_DATA_DIR": str(folder / "jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    kernel = "python3" if address is None else preloaded.install(folder / "jupyter", address)
    NotebookClient(notebook, timeout=timeout, kernel_name=kernel, resources=where).execute()
    return notebook


def cached(path: Path) -> Path:
    """Where the executed copy of a notebook lies, or will lie.

    The name has a hash of the notebook and of every source file of the packages: a copy is used
    only while the code that made it stands.
    """
    sources = [path]
    for package in ("devices", "crossbar", "nsm"):
        sources += sorted((ROOT / package).rglob("*.py"))
        sources += sorted((ROOT / package).rglob("*.json"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.relative_to(ROOT).as_posix().encode())
        digest.update(source.read_bytes())
    return CACHE / f"{path.stem}-{digest.hexdigest()[:16]}.ipynb"


def save(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Keep the executed copy of the notebook at `path`; older copies are removed."""
    target = cached(path)
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob(f"{path.stem}-*.ipynb"):
        old.unlink()
    nbformat.write(notebook, target)


def ensure(path: Path) -> Path:
    """Return the executed copy of a notebook; execute it if there is none."""
    target = cached(path)
    if not target.exists():
        print(f"executing {path.name}", flush=True)
        folder = CACHE / "work" / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        save(execute(path, folder, TIMEOUT), path)
    return target


def main(folder: Path) -> None:
    """Write the executed copies of all notebooks into a folder, under their own names."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {path.name for path in NOTEBOOKS}
    for old in folder.glob("*.ipynb"):
        if old.name not in wanted:
            old.unlink()
    with ProcessPoolExecutor(2) as pool:
        for path, copy in zip(NOTEBOOKS, pool.map(ensure, NOTEBOOKS), strict=True):
            (folder / path.name).write_bytes(copy.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
