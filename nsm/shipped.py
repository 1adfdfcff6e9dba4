"""The trained networks that come with the package, and how a network is found by name or path.

This file imports no torch, so that the command line can refuse a wrong name at once.
"""

import difflib
import os
from importlib import resources
from pathlib import Path

from devices.arguments import file_path, path_text


def shipped() -> list[str]:
    """Return the names of the trained networks that come with the package."""
    files = resources.files("nsm").iterdir()
    names = [f.name for f in files if f.name.endswith(".safetensors")]
    return sorted(name.removesuffix(".safetensors") for name in names)


def locate(path: str | Path) -> Path:
    """Return the file that `path` names: an existing file, else the shipped network of that name.

    Raises:
        FileNotFoundError: neither exists; the message suggests the nearest shipped network, if
            one is similar, and lists all of them.
    """
    given = file_path("path", path)
    if os.path.isfile(given):  # Path.is_file fails for names that are too long
        return given
    name = str(path).removesuffix(".safetensors")
    if name in shipped():
        return Path(str(resources.files("nsm") / f"{name}.safetensors"))
    similar = difflib.get_close_matches(name, shipped(), n=1, cutoff=0.5)
    hint = f" (did you mean {similar[0]!r}?)" if similar else ""
    raise FileNotFoundError(
        f"no network {path_text(path)!r}: no such file, and the shipped ones are "
        f"{', '.join(shipped())}{hint}"
    )
