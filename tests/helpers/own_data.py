"""Small data sets of three classes, written in every format that `nsm.load_data` reads."""

import gzip
import struct
from pathlib import Path

import numpy as np

NAMES = ("bag", "boot", "coat")
ROWS, COLUMNS = 6, 5


def idx_bytes(values):
    """Return an array of bytes as the content of an IDX file."""
    values = np.asarray(values, dtype=np.uint8)
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def pictures(per_class=8, seed=0):
    """Return images (n, 6, 5) of bytes and labels: a bright band, at another place per class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(3 * per_class) % 3
    images = rng.integers(0, 90, (len(labels), ROWS, COLUMNS), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] += 160
    images[0, 0, 0] = 255
    return images, labels


def write_idx(folder, train, test=None, *, zipped=False, stem="{}-{}-idx{}-ubyte"):
    """Write images and labels as IDX files, with the names of MNIST's by default."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, arrays in (("train", train), ("t10k", test)):
        for what, array in zip(("images", "labels"), arrays or (), strict=arrays is not None):
            name = stem.format(part, what, array.ndim)
            content = idx_bytes(array)
            path = folder / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(content) if zipped else content)
    return folder


def write_csv(path, images, labels, *, header=True, label="label"):
    """Write a CSV with the labels in the first column."""
    rows = images.reshape(len(images), -1)
    lines = [",".join(map(str, [y, *x])) for x, y in zip(rows, labels, strict=True)]
    names = [label, *(f"pixel{i}" for i in range(rows.shape[1]))]
    path.write_text("\n".join([*([",".join(names)] if header else []), *lines]) + "\n")
    return path


def write_pictures(folder, images, labels, *, suffix="png"):
    """Write images into the folders of their classes."""
    from PIL import Image

    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / NAMES[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i:03}.{suffix}")
    return folder


MODULE = """\
import numpy as np
from torch.utils.data import Dataset, TensorDataset
import torch

IMAGES = np.load({images!r})
LABELS = np.load({labels!r})

class Faces(Dataset):
    classes = ["bag", "boot", "coat"]
    def __len__(self):
        return len(LABELS)
    def __getitem__(self, i):
        return torch.from_numpy(IMAGES[i]), int(LABELS[i])

def arrays():
    return IMAGES, LABELS

def two():
    return Faces(), TensorDataset(torch.from_numpy(IMAGES[:6]), torch.from_numpy(LABELS[:6]))

def nothing():
    return 3

number = 3
"""


def write_module(folder, images, labels, name="faces"):
    """Write a module with callables that return these images."""
    paths = {}
    for what, array in (("images", images), ("labels", labels)):
        paths[what] = str(Path(folder) / f"{name}_{what}.npy")
        np.save(paths[what], array)
    (Path(folder) / f"{name}.py").write_text(MODULE.format(**paths))
    return name
