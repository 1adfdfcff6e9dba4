"""Several hardwares of one sweep, by name: their names are the column "hardware" of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossbar.hardware import Hardware
from devices.arguments import table
from nsm.chips.hardware_table import HardwareTable, as_table

#: Column of the name, where a sweep has several hardwares.
HARDWARE = "hardware"


class Hardwares(Mapping[str, Hardware | HardwareTable]):
    """Hardwares by name, each of which gets all points of a grid; an immutable mapping.

    A plain mapping from names to `Hardware` is the hardware of the layers of one chip. This one is
    several chips: `nsm.grid(model, nsm.Hardwares({"FeFET": a, "RRAM": b}), axes)`.

    Args:
        hardwares: Name -> hardware of all layers, or a table by layer.

    Raises:
        ValueError: There are none, a name is no text, or a value is no hardware.
    """

    def __init__(self, hardwares: Mapping[str, Any]):
        table("hardwares", hardwares, "hardwares by name, such as {'FeFET': hardware}")
        if not hardwares:
            raise ValueError("Hardwares({}) has no hardware; give at least one by its name")
        found: dict[str, Hardware | HardwareTable] = {}
        for name, given in hardwares.items():
            if not isinstance(name, str) or not name:
                raise ValueError(f"a hardware is called {name!r}; give it a name as a text")
            try:
                found[name] = given if isinstance(given, Hardware) else as_table(given)
            except ValueError as problem:
                raise ValueError(f"hardware {name!r}: {problem}") from None
        self._found = found

    def __getitem__(self, name: str) -> Hardware | HardwareTable:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"Hardwares({self._found!r})"
