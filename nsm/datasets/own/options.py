"""Options of data of your own: what the data itself does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from devices.arguments import listed
from devices.validation import choice, integer, number, shortened

TEST_FRACTION = 0.2
SPLIT_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of `nsm.load_data` for data of your own; None leaves the choice to the data.

    Attributes:
        white: Value of a white pixel, by which images are divided.
        label_column: Column of the labels in a CSV: "first", "last", or its name in the header.
        image_shape: (channels, rows, columns) of images that come as rows of pixels.
        test_fraction: Share of the images kept for test where none are given, in (0, 1).
        split_seed: Seed of that split.

    Raises:
        ValueError: A value that is not allowed.
    """

    white: float | None = None
    label_column: str | None = None
    image_shape: Sequence[int] | None = None
    test_fraction: float | None = None
    split_seed: int | None = None

    def __post_init__(self) -> None:
        if self.white is not None:
            number("white", self.white, above=0)
        if self.test_fraction is not None:
            number("test_fraction", self.test_fraction, above=0, below=1)
        if self.split_seed is not None:
            integer("split_seed", self.split_seed, at_least=0)
        if self.label_column is not None and not isinstance(self.label_column, str):
            raise ValueError(
                f"label_column = {self.label_column!r} is not allowed; "
                'give "first", "last", or the name of a column'
            )
        if self.image_shape is not None:
            sizes = listed("image_shape", self.image_shape, "(channels, rows, columns)")
            if len(sizes) != 3:
                raise ValueError(
                    f"image_shape = {shortened(self.image_shape)} is not allowed; "
                    "give (channels, rows, columns)"
                )
            for n in sizes:
                integer("image_shape", n, at_least=1)

    @property
    def given(self) -> list[str]:
        """Names of the options that were given."""
        return [f.name for f in fields(self) if getattr(self, f.name) is not None]

    def refuse(self, *names: str, why: str) -> None:
        """Raise ValueError if one of these options was given, because it has no effect.

        Args:
            names: The options.
            why: why they have no effect, such as "mnist is a published set".
        """
        useless = [name for name in self.given if name in names]
        if useless:
            value = getattr(self, useless[0])
            raise ValueError(
                f"{useless[0]} = {shortened(value)} has no effect: {why}; leave it out"
            )


def refuse_unknown(names: Iterable[str]) -> None:
    """Raise ValueError if one of these names is no option of `nsm.load_data`."""
    for name in names:
        choice("option of load_data", name, ["data_dir", *(f.name for f in fields(Options))])
