"""Networks by the names and options of the command line; an option that a network has no use for is an error."""

from collections.abc import Callable
from typing import Any

from torch import nn

from devices.validation import choice
from nsm.datasets import class_count, image_shape
from nsm.nn.architectures import (
    RULES,
    all_conv_net,
    bd_mlp,
    conv_net,
    gesture_net,
    nsm_mlp,
    relu_mlp,
    stnn_mlp,
)

#: Perceptrons, and the options each of them takes.
PERCEPTRONS: dict[str, tuple[Callable[..., nn.Sequential], tuple[str, ...]]] = {
    "nsm": (nsm_mlp, ("beta", "site", "flip")),
    "relu": (relu_mlp, ()),
    "stnn": (stnn_mlp, ("flip",)),
    "bd": (bd_mlp, ("flip",)),
}
CONVOLUTIONAL = ("conv", "all_conv", "gesture")
NETWORKS = (*PERCEPTRONS, *CONVOLUTIONAL)


def _widths(hidden: str) -> list[int]:
    try:
        return [int(n) for n in hidden.split(",")]
    except ValueError:
        raise ValueError(
            f"--hidden {hidden!r} is not a list of widths; write e.g. --hidden 300,300,300"
        ) from None


def _refuse(network: str, given: dict[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        takes = ", ".join(f"--{name}" for name in known) or "none of its own"
        others = f"; --rule is of {', '.join(CONVOLUTIONAL)}" if unknown[0] == "rule" else ""
        raise ValueError(
            f"--{unknown[0]} is no option of --network {network}, which takes {takes}{others}"
        )


def build_network(
    network: str, data: str, hidden: str | None, options: dict[str, Any]
) -> nn.Sequential:
    """Return an untrained network for a data set. options: those that were given, by name; see `PERCEPTRONS`."""
    choice("network", network, NETWORKS)
    shape, classes = image_shape(data), class_count(data)
    pixels = shape[0] * shape[1] * shape[2]
    if network in PERCEPTRONS:
        build, known = PERCEPTRONS[network]
        _refuse(network, options, known)
        return build((pixels, *_widths(hidden or "300,300,300"), classes), **options)
    options = dict(options)
    rule = choice("rule", options.pop("rule", "bNSM"), RULES)
    sampled = tuple(name for name in ("beta", "site") if name in RULES[rule].options)
    own = ("hidden", "flip") if network == "conv" else ()
    given = {**options, **({} if hidden is None else {"hidden": hidden})}
    _refuse(network, given, (*own, *sampled))
    if network == "conv":
        widths = _widths(hidden or "512")
        if len(widths) != 1:
            raise ValueError(
                f"--hidden {hidden!r}: the convolutional network has one dense layer; give one width"
            )
        return conv_net(rule, shape, classes, hidden=widths[0], **options)
    wanted = (3, 32, 32) if network == "all_conv" else (6, 64, 64)
    if shape != wanted:
        raise ValueError(
            f"--network {network} takes images of {wanted}, but {data} has {shape}; use --network conv"
        )
    return (
        all_conv_net(rule, classes, **options)
        if network == "all_conv"
        else gesture_net(rule, **options)
    )
