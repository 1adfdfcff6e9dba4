"""Crossbar arrays of memristive cells: what a chip is made of, and what its arrays compute.

`Hardware` describes a chip: its cells, gates, weight mapping, wires, comparators and converters.
`Tile` is one programmed array, `TiledArray` a matrix on as many tiles as it needs, and
`NeuronArray` a layer of stochastic neurons. `to_spice` writes an array as a netlist.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from crossbar.bit_slices import BitSliced as BitSliced
from crossbar.converters import Adc as Adc
from crossbar.converters import Dac as Dac
from crossbar.cost.constants import CostConstants as CostConstants
from crossbar.hardware import Hardware as Hardware
from crossbar.mapping import BalancedPair as BalancedPair
from crossbar.mapping import DifferentialPair as DifferentialPair
from crossbar.mapping import ReferenceColumn as ReferenceColumn
from crossbar.mapping import WeightMapping as WeightMapping
from crossbar.periphery import Comparator as Comparator
from crossbar.weight_range import largest_weight as largest_weight
from crossbar.weight_range import row_factors as row_factors
from crossbar.weight_range import tile_factors as tile_factors
from crossbar.wires.description import Wires as Wires
from crossbar.wires.spice import to_spice as to_spice

if TYPE_CHECKING:
    from crossbar.arrays.neurons import NeuronArray as NeuronArray
    from crossbar.arrays.tiled import Tile as Tile
    from crossbar.arrays.tiled import TiledArray as TiledArray

# Arrays load numba and compiled kernels, which takes longer than everything else here. They are
# imported at their first use, so that a description of hardware, or a command's help, is quick.
_ENGINES = {
    "NeuronArray": "crossbar.arrays.neurons",
    "Tile": "crossbar.arrays.tiled",
    "TiledArray": "crossbar.arrays.tiled",
}

__all__ = [
    "Adc",
    "BalancedPair",
    "BitSliced",
    "Comparator",
    "CostConstants",
    "Dac",
    "DifferentialPair",
    "Hardware",
    "NeuronArray",
    "ReferenceColumn",
    "Tile",
    "TiledArray",
    "WeightMapping",
    "Wires",
    "largest_weight",
    "row_factors",
    "tile_factors",
    "to_spice",
]


def __getattr__(name: str) -> Any:
    if name in _ENGINES:
        return getattr(import_module(_ENGINES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
