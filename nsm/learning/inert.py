"""Settings of learning that have no effect on a chip are refused by name."""

from nsm.learning.gradient import Gradient
from nsm.learning.network import LearningNetwork
from nsm.learning.reads import Kind
from nsm.learning.settings import Settings


def check_effects(network: LearningNetwork, settings: Settings) -> None:
    """Raise ValueError if a setting that is not its default changes nothing on this chip.

    Args:
        network: The layers of the chip.
        settings: How it is to learn.
    """
    layers = network.layers
    kinds = {layer.kind for layer in layers}
    arrays = network.arrays().values()
    learns_periphery = any(layer.has_digital_parameters for layer in layers)
    samples = Kind.SAMPLED in kinds
    known, used = Settings(epochs=1), settings
    of_gradient, default = settings.gradient, Gradient()
    sampling = "no layer has neural sampling neurons"
    checks = (
        ("path", used.path, known.path, any(layer.arrays.path for layer in layers),
         "no layer has a deterministic path with cells of its own"),
        ("refresh_every", used.refresh_every, 0, all(array.is_pair for array in arrays),
         "a weight has one cell and a reference column instead of a pair; choose mapping = "
         "DifferentialPair() or BalancedPair()"),
        ("periphery", used.periphery, known.periphery, learns_periphery,
         "biases are cells, and there is no factor a_i"),
        ("periphery_lr", used.periphery_lr, known.periphery_lr, learns_periphery,
         "biases are cells, and there is no factor a_i"),
        ("Gradient.derivative", of_gradient.derivative, default.derivative,
         samples or Kind.SIGMOID in kinds, "no layer has neural sampling or sigmoid neurons"),
        ("Gradient.norm", of_gradient.norm, default.norm, samples, sampling),
        ("Gradient.radial", of_gradient.radial, default.radial, samples, sampling),
    )  # fmt: skip
    for name, value, usual, has_effect, why in checks:
        if value != usual and not has_effect:
            raise ValueError(f"{name} = {value!r} has no effect on this chip: {why}; leave it out")
