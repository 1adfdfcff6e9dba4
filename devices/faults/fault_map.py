"""Stuck cells of arrays that were measured, cell by cell."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from devices.faults.base import ARRAYS, Faults, NoFaults, Place
from devices.seeding import RNG, generator
from devices.validation import LARGEST_CONDUCTANCE, Floats, choice, integer, real_array


class TileKey(NamedTuple):
    """Which tile a map belongs to: the array of a layer, and row and column of the tile."""

    array: str
    row: int
    column: int


@dataclass(frozen=True, eq=False, repr=False)
class FaultMap(Faults):
    """Cells that are stuck where a measurement found them: a conductance for every cell of a tile.

    A map is an array (word lines, bit lines) of the shape of the tile's cells in use. It holds the
    conductance [S] of every stuck cell (0 for an open one), and NaN for healthy cells. A stuck cell
    keeps its conductance when the tile is programmed, without programming error; it drifts and has
    read noise like others. A map without NaN puts measured conductances in.

    `g_pos` and `g_neg` are the maps of the positive and the negative cells of a layer's main array:
    one map if that array is one tile; else a mapping from (row, column) of a tile to its map. Keys
    (array, row, column) name the layer's other arrays too: "main", "deterministic_path" or "bias".
    In TOML a key is a text such as "0, 1". Tiles without a map are healthy. The g_neg of a
    `ReferenceColumn` is (word lines, 1). A device that is programmed by itself, away from a tile,
    is taken for positive cells.

    Args:
        g_pos: Map of the positive cells, or maps by tile; None if they are healthy.
        g_neg: The same of the negative cells; default None.

    Raises:
        ValueError: If a map is no array of conductances, or a key names no tile. When a tile is
            programmed: if its map has another shape, maps are given for tiles that do not exist, or
            one map is given for several tiles.
    """

    #: What messages call the cells, if it is known.
    _where: ClassVar[str] = "cells"

    g_pos: Floats | Mapping[Any, Floats] | None
    g_neg: Floats | Mapping[Any, Floats] | None = None

    def __post_init__(self) -> None:
        for name in ("g_pos", "g_neg"):
            maps = getattr(self, name)
            where = f"FaultMap.{name}"
            if isinstance(maps, Mapping):
                checked: Any = {
                    _tile_key(where, key): _checked_map(f"{where}[{key!r}]", one)
                    for key, one in maps.items()
                }
            else:
                checked = None if maps is None else _checked_map(where, maps)
            object.__setattr__(self, name, checked)
        if self.g_pos is None and self.g_neg is None:
            raise ValueError("FaultMap has no map; give g_pos or g_neg, or devices.NoFaults()")

    def at(self, place: Place) -> Faults:
        maps = getattr(self, choice("side of a tile", place.side, ("g_pos", "g_neg")))
        rows, columns = place.tiles
        if isinstance(maps, Mapping):
            for key in maps:
                if key.array == place.array and (key.row >= rows or key.column >= columns):
                    raise ValueError(
                        f"FaultMap.{place.side} has a map for tile {key[1:]} of the array "
                        f"{place.array!r}, which has {rows} × {columns} tiles"
                    )
            here = maps.get(TileKey(place.array, *place.tile))
            return NoFaults() if here is None else _placed(here, place)
        if maps is None or place.array != ARRAYS[0]:
            return NoFaults()
        if (rows, columns) != (1, 1):
            raise ValueError(
                f"FaultMap.{place.side} is one map, but the array has {rows} × {columns} tiles; "
                "give a map for each tile that was measured: {(row, column): map}"
            )
        return _placed(maps, place)

    def apply(self, target: Floats, g_min: float, g_max: float, *, rng: RNG) -> Floats:
        generator(rng)  # nothing is drawn, but a wrong rng is refused as by every model
        stuck = self.measured(np.shape(target))
        return target if stuck is None else np.where(np.isnan(stuck), target, stuck)

    def measured(self, shape: tuple[int, ...]) -> Floats | None:
        stuck = self.g_pos
        if isinstance(stuck, Mapping):
            raise ValueError(
                "these faults have a map for each tile; program a Tile or a TiledArray, which know "
                "their place, or take the faults of one place with FaultMap.at"
            )
        if stuck is not None and stuck.shape != shape:
            raise ValueError(
                f"FaultMap has a map of shape {stuck.shape} for {self._where}, of shape {shape} "
                "(word lines, bit lines); give a map of the cells in use"
            )
        return stuck

    def cells(self) -> Floats:
        """Return the entries of all maps [S], in one row; NaN where a cell is healthy."""
        return np.concatenate([one.ravel() for _, _, one in self._all_maps()])

    def _all_maps(self) -> Iterable[tuple[str, TileKey, Floats]]:
        """Yield side, tile and array of every map, in a fixed order."""
        for name in ("g_pos", "g_neg"):
            maps = getattr(self, name)
            if isinstance(maps, Mapping):
                yield from ((name, key, maps[key]) for key in sorted(maps))
            elif maps is not None:
                yield name, TileKey("", 0, 0), maps

    def _digest(self) -> str:
        """Return a hash of everything that the maps say."""
        digest = hashlib.sha256()
        for name, key, one in self._all_maps():
            # Every NaN says the same.
            entries = np.where(np.isnan(one), np.nan, one)
            digest.update(repr((name, *key, one.shape)).encode() + entries.tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FaultMap) and self._digest() == other._digest()

    def __hash__(self) -> int:
        return hash(self._digest())

    def __repr__(self) -> str:
        entries = self.cells()
        stuck = int(np.isfinite(entries).sum())
        return f"FaultMap({stuck} of {entries.size} cells stuck, sha256 {self._digest()[:16]})"


def _placed(stuck: Floats, place: Place) -> FaultMap:
    """Return the faults of one side of a tile, whose messages say where it is."""
    faults = FaultMap(stuck)
    # The place is for messages alone: it is no field, so that equality and hash ignore it.
    where = f"{place.side} of tile {place.tile} of the array {place.array!r}"
    object.__setattr__(faults, "_where", where)
    return faults


def _tile_key(where: str, key: Any) -> TileKey:
    """Return the tile that a key names: (row, column), (array, row, column), or their text."""
    parts = tuple(p.strip() for p in key.split(",")) if isinstance(key, str) else key
    if isinstance(parts, Iterable) and not isinstance(parts, str):
        parts = tuple(int(p) if isinstance(p, str) and p.isdigit() else p for p in parts)
        if len(parts) == 2:
            parts = (ARRAYS[0], *parts)
        if len(parts) == 3:
            return TileKey(
                choice(f"array in a key of {where}", parts[0], ARRAYS),
                integer(f"row in the key {key!r} of {where}", parts[1], at_least=0),
                integer(f"column in the key {key!r} of {where}", parts[2], at_least=0),
            )
    raise ValueError(
        f"{where} has the key {key!r}; give (row, column) of a tile, or (array, row, column)"
    )


def _checked_map(where: str, value: ArrayLike) -> Floats:
    """Return a map as a read-only array; raise ValueError if it holds no conductances."""
    entries = real_array(where, value, ndim=2, truth_values=True)  # a mask gets its own message
    if entries.dtype.kind == "b":
        raise ValueError(
            f"{where} is a mask; give the conductance [S] of stuck cells and NaN for healthy ones: "
            "np.where(mask, conductance, np.nan)"
        )
    stuck = np.array(entries, dtype=np.float64)
    known = stuck[~np.isnan(stuck)]
    if known.size and not (known.min() >= 0 and known.max() <= LARGEST_CONDUCTANCE):
        raise ValueError(
            f"{where} holds conductances from {known.min():g} to {known.max():g} S; give 0 to "
            f"{LARGEST_CONDUCTANCE:g} S for stuck cells (50 µS is 50e-6) and NaN for healthy ones"
        )
    stuck.flags.writeable = False
    return stuck
