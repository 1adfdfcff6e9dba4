"""Plans of chains: networks of known layers in a row, whose states stay packed in numpy."""

from torch import nn

from nsm.chips.layers.tile_layer import DigitalLayer
from nsm.chips.planning.plan import PlannedLayer, name_of
from nsm.chips.planning.tracing import base_class, has_hooks, is_unit
from nsm.nn import registry
from nsm.nn.described import Described
from nsm.nn.folding import ends_in_sign, folded, layers_of
from nsm.nn.on_chip import Digital, OnTiles


class Chain(nn.Sequential):
    """A row of chip layers, planned or programmed, which pass states on in numpy."""


def chain_plan(network: nn.Module) -> Chain | None:
    """Return the plan of a chain of known layers; None for any other network.

    A chain is an `nn.Sequential`, possibly of others, of layers that `nsm.nn.registry` knows with
    options that it knows. Batch normalization folds into the weights before or after it.

    Args:
        network: A copy of the network in `eval()`.
    """
    if type(network) is not nn.Sequential or not all(_is_known(m) for _, m in layers_of(network)):
        return None
    if any(has_hooks(module) for module in network.modules()):
        return None
    layers: list[PlannedLayer | DigitalLayer] = []
    try:
        named = folded(network)
        for index, (path, name, layer) in enumerate(named):
            wanted = registry.on_chip(layer, name)
            if isinstance(wanted, OnTiles):
                if wanted.patches is not None and wanted.patches.groups > 1:
                    return None
                planned = PlannedLayer(path, "", wanted)
                planned.name = name
                planned.by_sign = ends_in_sign(named, index)
                planned.number = index
                planned.gives_states = True
                layers.append(planned)
            elif isinstance(wanted, Digital):
                digital = DigitalLayer(name, wanted.function)
                digital.path = path
                layers.append(digital)
    except ValueError:  # the general plan takes it, or says why not
        return None
    for position, layer in enumerate(layers):
        layer.position = position
    return Chain(*layers)


def _is_known(layer: nn.Module) -> bool:
    """Return whether a layer computes what the registry says of its class, in `eval()`."""
    kept_on = any(module.training for module in layer.modules())
    known = base_class(layer) in registry.LAYERS or isinstance(layer, Described)
    return known and is_unit(layer) and not kept_on


def unknown_layer(network: nn.Module) -> str | None:
    """Return what messages call the first layer of an `nn.Sequential` that no chain has.

    None if there is none, or the network is no `nn.Sequential`.
    """
    if type(network) is not nn.Sequential:
        return None
    found = (name_of(path, type(m).__name__) for path, m in layers_of(network) if not _is_known(m))
    return next(found, None)


def is_chain(network: nn.Module) -> bool:
    """Return whether a network is a row of chip layers, which pass states on in numpy."""
    return isinstance(network, Chain)
