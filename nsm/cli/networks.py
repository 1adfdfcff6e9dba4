"""The networks of the command line: names, options, and what may be combined.

The tables repeat names of `nsm.nn`, so that a wrong option is refused without importing torch;
a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nsm.datasets.registry import LOADERS, image_shape

if TYPE_CHECKING:
    from torch import nn

#: Perceptrons, the functions of `nsm.nn.architectures` that make them, and the options of each.
PERCEPTRONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "nsm": ("nsm_mlp", ("beta", "site", "flip")),
    "relu": ("relu_mlp", ()),
    "stnn": ("stnn_mlp", ("flip",)),
    "bd": ("bd_mlp", ("flip",)),
}
CONVOLUTIONAL = ("conv", "all_conv", "gesture")
NETWORKS = (*PERCEPTRONS, *CONVOLUTIONAL)

#: Training rules of the convolutional networks, and the options of their sampling layers.
RULE_OPTIONS: dict[str, tuple[str, ...]] = {
    "bNSM": ("beta", "site"),
    "gNSM": ("beta", "site"),
    "STE": ("beta", "site"),
    "BinConcrete": ("beta",),
    "BN": ("beta",),
    "BD": (),
    "wBD": (),
    "SN": (),
    "dCNN": (),
}

#: Values of the options that are names.
OPTION_VALUES = {"beta": ("learned", "native"), "site": ("synapse", "neuron")}

#: Image shapes that two of the networks are made for.
_SHAPES = {"all_conv": (3, 32, 32), "gesture": (6, 64, 64)}


def _widths(hidden: str) -> list[int]:
    """Return the widths in a text such as "300,300"."""
    from devices.validation import integer

    try:
        widths = [int(n) for n in hidden.split(",")]
    except ValueError:
        raise ValueError(
            f"--hidden {hidden!r} is not a list of widths; write e.g. --hidden 300,300,300"
        ) from None
    return [integer("width", w, at_least=1) for w in widths]


@dataclass(frozen=True, kw_only=True)
class NetworkChoice:
    """An untrained network as the options of the command line describe it.

    Attributes:
        name: one of `NETWORKS`.
        data: the data set, for messages; the images of a published one are checked at once.
        hidden: widths of the hidden layers as a text, such as "300,300"; None: the default.
        options: the other options that were given, by name: rule, beta, site, flip.

    Raises:
        ValueError: an unknown name, an option that the network does not have, or a value that is
            not allowed.
    """

    name: str
    data: str
    hidden: str | None
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        from devices.validation import choice

        choice("network", self.name, NETWORKS)
        if self.name in CONVOLUTIONAL:
            choice("rule", self.rule, RULE_OPTIONS)
        self._check_options()
        for name, values in OPTION_VALUES.items():
            if name in self.options:
                choice(name, self.options[name], values)
        self._check_widths()
        if self.data in LOADERS:
            self._check_images(image_shape(self.data))

    @property
    def rule(self) -> str:
        """Training rule of a convolutional network."""
        return str(self.options.get("rule", "bNSM"))

    @property
    def layer_options(self) -> dict[str, Any]:
        """The options without the rule."""
        return {name: value for name, value in self.options.items() if name != "rule"}

    @property
    def can_initialize(self) -> bool:
        """Whether the network has neural sampling layers, whose β and b can be initialized."""
        if self.name in PERCEPTRONS:
            return "beta" in PERCEPTRONS[self.name][1]
        return "beta" in RULE_OPTIONS[self.rule]

    @cached_property
    def widths(self) -> list[int]:
        """Widths of the hidden layers; of convolutional networks, the one dense layer's."""
        return _widths(self.hidden or ("300,300,300" if self.name in PERCEPTRONS else "512"))

    def _check_options(self) -> None:
        """Raise ValueError for an option that the network does not have."""
        if self.name in PERCEPTRONS:
            given = dict(self.options)
            known = PERCEPTRONS[self.name][1]
        else:
            given = {**self.layer_options, **({} if self.hidden is None else {"hidden": None})}
            of_network = ("hidden", "flip") if self.name == "conv" else ()
            known = (*of_network, *RULE_OPTIONS[self.rule])
        unknown = sorted(set(given) - set(known))
        if unknown:
            takes = ", ".join(f"--{name}" for name in known) or "none"
            others = f"; --rule is of {', '.join(CONVOLUTIONAL)}" if unknown[0] == "rule" else ""
            raise ValueError(
                f"--{unknown[0]} is no option of --network {self.name}, which takes {takes}{others}"
            )

    def _check_widths(self) -> None:
        """Raise ValueError for widths that are no numbers, or too many of them."""
        widths = self.widths
        if self.name in CONVOLUTIONAL and len(widths) != 1:
            raise ValueError(
                f"--hidden {self.hidden!r}: the convolutional network has one dense layer; "
                "give one width"
            )

    def _check_images(self, shape: tuple[int, int, int], coding: str | None = None) -> None:
        """Raise ValueError if the network is made for images of another shape."""
        wanted = _SHAPES.get(self.name, shape)
        if shape != wanted:
            coded = "" if coding is None else f" with {coding}"
            raise ValueError(
                f"--network {self.name} takes images of {wanted}, but {self.data}{coded} has "
                f"{shape}; use --network conv"
            )

    def build(
        self, shape: tuple[int, int, int], classes: int, coding: str | None = None
    ) -> nn.Sequential:
        """Return the untrained network; torch's global generator draws its weights.

        Args:
            shape: (channels, rows, columns) of an image, after its coding.
            classes: number of classes.
            coding: the coding, for messages.

        Raises:
            ValueError: the images are too small, or of another shape than the network takes.
        """
        from nsm.nn import architectures

        self._check_images(shape, coding)
        options = self.layer_options
        if self.name in PERCEPTRONS:
            make: Any = getattr(architectures, PERCEPTRONS[self.name][0])
            perceptron: nn.Sequential = make(
                (shape[0] * shape[1] * shape[2], *self.widths, classes), **options
            )
            return perceptron
        if self.name == "conv":
            (hidden,) = self.widths
            return architectures.conv_net(self.rule, shape, classes, hidden=hidden, **options)
        if self.name == "all_conv":
            return architectures.all_conv_net(self.rule, classes, **options)
        return architectures.gesture_net(self.rule, **options)
