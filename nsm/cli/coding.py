"""`--coding`: how images become inputs of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

#: Codings of images, and whether each takes a number.
CODINGS = {"threshold": True, "median": False, "thermometer": True, "none": False}
#: Images on which a coding is tried out.
_TRIED = 1000


@dataclass(frozen=True)
class CodingChoice:
    """A coding as `--coding` describes it: threshold=T, median, thermometer=LEVELS, none.

    Attributes:
        text: the option.

    Raises:
        ValueError: an unknown coding, or a number that is missing, useless or wrong.
    """

    text: str

    def __post_init__(self) -> None:
        from devices.validation import choice

        choice("coding", self.kind, CODINGS)
        if ("=" in self.text) != CODINGS[self.kind]:
            example = {"threshold": "threshold=0.5", "thermometer": "thermometer=4"}
            raise ValueError(
                f"--coding {self.text!r} is not allowed; write {example.get(self.kind, self.kind)}"
            )
        if CODINGS[self.kind]:
            self._check_value()

    @property
    def kind(self) -> str:
        """The name of the coding."""
        return self.text.partition("=")[0]

    @property
    def value(self) -> float:
        """The number behind the name: a threshold, or levels."""
        return float(self.text.partition("=")[2])

    @property
    def levels(self) -> int:
        """States per pixel."""
        return int(self.value) if self.kind == "thermometer" else 1

    def _check_value(self) -> None:
        from devices.validation import integer, number

        text = self.text.partition("=")[2]
        try:
            if self.kind == "thermometer":
                integer("levels", int(text), at_least=1)
            else:
                number("threshold", float(text))
        except ValueError:
            wanted = (
                "a whole number of levels, at least 1" if self.kind == "thermometer" else "a number"
            )
            raise ValueError(f"--coding {self.text!r} is not allowed; give {wanted}") from None

    def apply(self, model: nn.Sequential, images: Any) -> nn.Sequential:
        """Return the network behind the coding, in place of the coding it has.

        Args:
            model: the network; if it begins with a `Binarize`, this is replaced.
            images: training images (n, pixels), which the median is taken of.

        Raises:
            ValueError: "none" has no effect on the network, or takes away where signs are flipped.
        """
        from torch import nn

        from nsm.nn.activations import Binarize
        from nsm.nn.coding import BinarizePerPixel, Thermometer

        first, *rest = model
        has_coding = isinstance(first, Binarize)
        flip = first.flip if isinstance(first, Binarize) else 0.0
        layers = rest if has_coding else list(model)
        if self.kind == "none":
            if not has_coding:
                raise ValueError("--coding none has no effect: this network takes images uncoded")
            if flip:
                raise ValueError(
                    f"--flip {flip} changes signs of coded inputs, but --coding none codes none"
                )
            return nn.Sequential(*layers)
        if self.kind == "median":
            return nn.Sequential(BinarizePerPixel.of_median(images, flip=flip), *layers)
        if self.kind == "thermometer":
            return nn.Sequential(Thermometer(self.levels, flip=flip), *layers)
        return nn.Sequential(Binarize(self.value, flip=flip), *layers)


def check_tells_apart(model: nn.Sequential, images: Any) -> None:
    """Raise ValueError if a coding at the start of a network gives all images the same states.

    Args:
        model: the network.
        images: training images (n, pixels), of which up to about 1,000 are tried.
    """
    import torch

    from nsm.nn.coding import Coding

    coding = model[0]
    tried = images[:: max(1, len(images) // _TRIED)]
    if not isinstance(coding, Coding) or len(tried) < 2:
        return
    states = coding.eval()(torch.as_tensor(tried))
    coding.train()
    if (states == states[0]).all():
        raise ValueError(
            f"{coding} codes all training images alike (their values go from {tried.min():g} to "
            f"{tried.max():g}); choose --coding median or threshold=T"
        )
