"""The data set that a command works on: checked at once, loaded when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nsm.datasets.registry import LOADERS, check_source, load_data

if TYPE_CHECKING:
    from nsm.datasets.files import Data


@dataclass(frozen=True)
class DataChoice:
    """A data set as the options of the command line describe it.

    Attributes:
        source: name of a published set, a path, or module:callable.
        data_dir: folder of a published set's files.
        settings: texts NAME=VALUE of `--data-option`.

    Raises:
        ValueError: an unknown data set or option, or an option without effect on a published set.
        FileNotFoundError: a path that does not exist.
    """

    source: str
    data_dir: Path | None = None
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_source(self.source)
        options = self.options
        if self.is_published and options:
            name, value = next(iter(options.items()))
            raise ValueError(
                f"--data-option {name}={value} is for data of your own, but {self.source} is a "
                "published set; leave it out"
            )
        if self.data_dir is not None and not self.is_published:
            raise ValueError(
                f"--data-dir {self.data_dir} is the folder of published sets; give the whole path "
                f"of {self.source} as --data"
            )
        if options:
            from nsm.datasets.own.options import Options

            Options(**options)

    @property
    def is_published(self) -> bool:
        """Whether the data set is one of `nsm.datasets.LOADERS`."""
        return self.source in LOADERS

    @property
    def options(self) -> dict[str, Any]:
        """Options of `nsm.load_data` by name.

        Raises:
            ValueError: an unknown name, or a value that is no number where one is needed.
        """
        from devices.validation import choice
        from nsm.sweeps.spec.sweep_file import DATA_OPTIONS

        found: dict[str, Any] = {}
        for text in self.settings:
            name, _, value = text.partition("=")
            choice("data option", name, DATA_OPTIONS)
            try:
                if name == "white":
                    found[name] = float(value)
                elif name == "image_shape":
                    found[name] = tuple(int(n) for n in value.split(","))
                else:
                    found[name] = value
            except ValueError:
                raise ValueError(
                    f"--data-option {text!r} is not allowed; write e.g. white=16 or "
                    "image_shape=1,28,28"
                ) from None
        return found

    def load(self) -> Data:
        """Return the data set.

        Raises:
            ValueError: the content is wrong.
            FileNotFoundError: files of a published set are missing.
        """
        return load_data(self.source, self.data_dir, **self.options)
