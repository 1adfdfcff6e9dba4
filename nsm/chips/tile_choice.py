"""One tile of a chip by its name: the layer, the array, tile row and tile column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devices.validation import choice

if TYPE_CHECKING:
    from crossbar.arrays.inspection import PhysicalTile
    from nsm.chips.layers.tile_layer import TileLayer

#: Arrays of a layer, as `crossbar.arrays.inspection.PhysicalTile.part` calls them.
PARTS = ("main", "deterministic_path", "bias")
_PLACE = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*")


@dataclass(frozen=True, kw_only=True)
class TileChoice:
    """The name of a tile, such as "layer 0:1,2" or "layer 0:bias:0,0".

    Attributes:
        layer: Name of the layer: "layer 0", "0", or as reports have it, "layer 0 (Linear)".
        part: Which array of the layer, one of `PARTS`.
        row: Row of tiles, from 0.
        column: Column of tiles, from 0.
    """

    layer: str
    part: str
    row: int
    column: int

    @classmethod
    def parse(cls, text: str) -> TileChoice:
        """Return the tile that a text names, LAYER:ROW,COLUMN or LAYER:ARRAY:ROW,COLUMN.

        Raises:
            ValueError: The text has another form, or the array is unknown.
        """
        head, _, place = text.rpartition(":")
        numbers = _PLACE.fullmatch(place)
        if not head or numbers is None:
            raise ValueError(
                f'tile {text!r} is no tile; give LAYER:ROW,COLUMN, such as "layer 0:1,2", or '
                f"LAYER:ARRAY:ROW,COLUMN with an array of {', '.join(PARTS)}"
            )
        layer, colon, part = head.rpartition(":")
        if not colon:
            layer, part = head, PARTS[0]
        choice(f"array of tile {text!r}", part, PARTS)
        return cls(layer=layer, part=part, row=int(numbers[1]), column=int(numbers[2]))

    def layer_of(self, layers: Sequence[TileLayer]) -> TileLayer:
        """Return the layer of the tile.

        Raises:
            ValueError: No layer on tiles has the name; the message lists those there are.
        """
        for layer in layers:
            if self.layer in (layer.name, layer.path, f"layer {layer.path}"):
                return layer
        names = [f"layer {layer.path}" if layer.path else layer.name for layer in layers]
        choice("layer on tiles", self.layer, names)
        raise AssertionError("a known name has been returned above")

    def is_tile(self, tile: PhysicalTile) -> bool:
        """Return whether a tile of the layer is the one, in any slice of the weights."""
        return (tile.part, tile.row, tile.column) == (self.part, self.row, self.column)

    def chosen(self, layer: TileLayer, tiles: Sequence[PhysicalTile]) -> list[PhysicalTile]:
        """Return the tile, one for each slice of the weights.

        Args:
            layer: Its layer.
            tiles: All tiles of the layer.

        Raises:
            ValueError: There is no such tile; the message tells what there is.
        """
        found = [tile for tile in tiles if self.is_tile(tile)]
        if found:
            return found
        of_part = [tile for tile in tiles if tile.part == self.part]
        if not of_part:
            there = ", ".join(dict.fromkeys(tile.part for tile in tiles))
            raise ValueError(f"{layer.name} has no array {self.part!r}; it has {there}")
        rows = max(tile.row for tile in of_part)
        columns = max(tile.column for tile in of_part)
        raise ValueError(
            f"{layer.name} has no tile {self.row},{self.column} in its array {self.part!r}; its "
            f"tiles are 0,0 to {rows},{columns}"
        )
