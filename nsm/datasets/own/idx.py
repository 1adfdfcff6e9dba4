"""IDX files of any content, in the format of MNIST (http://yann.lecun.com/exdb/mnist)."""

import re
from pathlib import Path

from nsm.datasets.mnist import read_idx
from nsm.datasets.own.arrays import name_of
from nsm.datasets.own.parts import Found, Part

_NAME = re.compile(
    r"(?:(?P<before>.+)[-_.])?(?P<what>images|labels)[-_.]idx\d?(?:-ubyte)?(?:\.gz)?"
)
_WORDS = {"train": "train", "training": "train", "t10k": "test", "test": "test"}
_EXAMPLE = "train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k"

#: Files of one data set: "train", "test" or "all", then "images" or "labels" -> file.
_Files = dict[str, dict[str, Path]]


def find_idx(folder: Path) -> dict[str, _Files]:
    """Return the IDX files of a folder by data set, part, and content.

    The name of a file is a data set, a part and a content, as in
    `emnist-letters-train-images-idx3-ubyte.gz`; data set and part may be missing.
    """
    found: dict[str, _Files] = {}
    # Reversed: of a file and its .gz, the file comes last and is kept.
    for path in sorted(folder.iterdir(), reverse=True):
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        *words, last = re.split(r"[-_.]", match["before"] or "all")
        part = _WORDS.get(last, "all")
        if part == "all" and last != "all":
            words.append(last)
        found.setdefault("-".join(words), {}).setdefault(part, {})[match["what"]] = path
    return found


def read_idx_folder(folder: Path) -> Found:
    """Return the images and labels of a folder of IDX files, gzipped (.gz) or not.

    Raises:
        ValueError: It holds several data sets, images without labels, or a damaged file.
    """
    found = find_idx(folder)
    if len(found) > 1:
        raise ValueError(
            f"{folder} holds IDX files of several data sets ({', '.join(sorted(found))}); "
            "give each a folder"
        )
    ((_, parts),) = found.items()
    if "all" in parts and len(parts) > 1:
        raise ValueError(
            f"{folder} holds {next(iter(parts['all'].values())).name} beside files for train or "
            f"test; name them {_EXAMPLE}"
        )
    pairs = {part: _pair(files, part, folder) for part, files in parts.items()}
    return Found(pairs.get("all") or pairs.get("train"), pairs.get("test"))


def _pair(files: dict[str, Path], part: str, folder: Path) -> Part:
    for what, other in (("images", "labels"), ("labels", "images")):
        if what not in files:
            raise ValueError(
                f"{folder} holds {files[other].name} without its {what}; the files are {_EXAMPLE}"
            )
    return Part(read_idx(files["images"]), read_idx(files["labels"]), name_of(str(folder), part))
