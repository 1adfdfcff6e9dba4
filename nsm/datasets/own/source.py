"""Which reader a path, a text or an object takes."""

import os
from pathlib import Path
from typing import Any

from devices.arguments import path_text
from nsm.datasets.files import Data
from nsm.datasets.own import table
from nsm.datasets.own.arrays import name_of, read_npz
from nsm.datasets.own.idx import find_idx, read_idx_folder
from nsm.datasets.own.objects import TAKEN, from_object
from nsm.datasets.own.options import Options
from nsm.datasets.own.parts import Found, assemble
from nsm.datasets.own.pictures import has_pictures, read_picture_folder
from nsm.importing import imported, names_callable

FORMATS = (
    "an .npz or .csv file, a folder of IDX files, of train.csv and test.csv, or of images by class "
    "(CLASS/*.png or train/CLASS/*.png), or module:callable"
)


def load_own(source: Any, options: Options) -> Data:
    """Return data of your own: a path, module:callable, or what such a callable returns.

    Raises:
        ValueError: The content is wrong, or an option has no effect on it.
        FileNotFoundError: There is no such file or folder.
    """
    if isinstance(source, Data):
        options.refuse(*options.given, why="a Data is complete")
        return source
    if not isinstance(source, (str, Path)):
        return _without_csv(from_object(source, "the data"), options)
    if isinstance(source, str) and names_callable(source) and not os.path.exists(source):
        made = imported(source, TAKEN)()
        if isinstance(made, Data):
            return load_own(made, options)
        return _without_csv(from_object(made, source), options)
    path = Path(source)
    if not os.path.exists(path):
        raise FileNotFoundError(f"no file or folder {path_text(path)}; give {FORMATS}")
    if path.is_dir():
        return _load_folder(path, options)
    if path.suffix == ".npz":
        return _without_csv(read_npz(path), options)
    if path.name.endswith(table.SUFFIXES):
        part = table.read_csv(path, options.label_column, name_of(str(path), "all"))
        return assemble(Found(part, None), options)
    raise ValueError(f"{path} is of no known kind ({path.suffix or 'no suffix'}); give {FORMATS}")


def _load_folder(folder: Path, options: Options) -> Data:
    csv = {part: _csv_of(folder, part) for part in ("train", "test")}
    kinds = {
        "IDX files": bool(find_idx(folder)),
        "train.csv": csv["train"] is not None,
        "images": has_pictures(folder),
    }
    found = [kind for kind, is_there in kinds.items() if is_there]
    if len(found) != 1:
        holds = " and ".join(found) or "no data that is known"
        raise ValueError(f"the folder {folder} holds {holds}; give {FORMATS}")
    if found == ["train.csv"]:
        train, test = (
            None if p is None else table.read_csv(p, options.label_column, name_of(str(p), "all"))
            for p in csv.values()
        )
        return assemble(Found(train, test), options)
    reader = read_idx_folder if found == ["IDX files"] else read_picture_folder
    return _without_csv(reader(folder), options)


def _csv_of(folder: Path, part: str) -> Path | None:
    """Return the CSV file of a part, "train" or "test", in a folder, or None."""
    paths = (folder / f"{part}{suffix}" for suffix in table.SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _without_csv(found: Found, options: Options) -> Data:
    options.refuse("label_column", why="it is for CSV files")
    return assemble(found, options)
