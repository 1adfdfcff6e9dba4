"""Hardware by layer: one description for all layers, or one for each name or pattern of names.

This file imports no torch, so that a mistake in a sweep file is found at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from crossbar.hardware import Hardware
from devices.validation import choice, shortened

#: The entry for all layers that no other entry covers.
ALL_OTHERS = "*"


def _names_above(layer: str) -> list[str]:
    """Return a layer's name and those of the modules that hold it, the innermost first.

    >>> _names_above("blocks.0.conv")
    ['blocks.0.conv', 'blocks.0', 'blocks']
    """
    parts = layer.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1)]


def is_pattern(entry: str) -> bool:
    """Return whether the name of an entry is a pattern, with one of `*`, `?` or `[`."""
    return any(sign in entry for sign in "*?[")


class HardwareTable(Mapping[str, Hardware | None]):
    """The hardware of every layer of a network; an immutable mapping, read in its order.

    A key is the name of a layer, or of a module that holds layers ("stem" covers "stem.0"), or a
    pattern of such names as `fnmatch` reads them ("blocks.*", where `*` also passes dots). The
    longest name that covers a layer decides; without one, the first pattern that covers it.

        table = HardwareTable({"stem": precise, "blocks.*": dense, "head": None})
        table.of("blocks.0.conv1")  # dense

    Args:
        entries: Hardware of each name or pattern; None leaves the layers digital.

    Raises:
        ValueError: There are no entries, a key is no name, or a value is neither a Hardware nor
            None.
    """

    def __init__(self, entries: Mapping[str, Hardware | None]):
        self._entries = dict(entries)
        if not self._entries:
            raise ValueError(
                'the hardware table is empty; give one entry per layer or pattern, "*" for all'
            )
        for key, hardware in self._entries.items():
            if not isinstance(key, str) or not key or ":" in key:
                raise ValueError(
                    f"{shortened(key)} is not a layer's name; the keys of a hardware table are "
                    "names such "
                    'as "stem" and patterns such as "blocks.*"'
                )
            if hardware is not None and not isinstance(hardware, Hardware):
                raise ValueError(
                    f"hardware of {key!r} = {shortened(hardware)} is not a crossbar.Hardware; "
                    "give one, or None for a digital layer"
                )

    def __getitem__(self, key: str) -> Hardware | None:
        return self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        # The order decides between patterns, so that it belongs to what a table is.
        return isinstance(other, HardwareTable) and [*self.items()] == [*other.items()]

    def __hash__(self) -> int:
        return hash((*self.items(),))

    def __repr__(self) -> str:
        return f"HardwareTable({self._entries!r})"

    def key_of(self, layer: str) -> str:
        """Return the key of the entry that decides for a layer.

        Args:
            layer: Name of a layer, such as "blocks.0.conv1"; "" if the network is one layer.

        Raises:
            ValueError: No entry covers the layer.
        """
        names = _names_above(layer)
        for name in names:
            if name in self._entries and not is_pattern(name):
                return name
        for key in self._entries:
            if is_pattern(key) and any(fnmatchcase(name, key) for name in names):
                return key
        raise ValueError(
            f"the hardware table has no entry for layer {layer!r}, only {self._listed()}; add "
            f'"{layer}", or "{ALL_OTHERS}" for all others (None: digital)'
        )

    def of(self, layer: str) -> Hardware | None:
        """Return the hardware of a layer; None if the layer is digital. Arguments as `key_of`."""
        return self._entries[self.key_of(layer)]

    def check(self, layers: Iterable[str]) -> None:
        """Raise ValueError unless every layer has an entry and every entry has a layer.

        Args:
            layers: Names of all layers that could be on tiles.

        Raises:
            ValueError: Naming a layer that no entry covers, an entry that covers no layer, or an
                entry without effect because others decide for all its layers. Only "*" may be
                left without layers.
        """
        names = list(layers)
        deciding = {layer: self.key_of(layer) for layer in names}
        for key in self._entries:
            if key == ALL_OTHERS or key in deciding.values():
                continue
            rivals = [deciding[n] for n in names if self._covers(key, n)]
            if rivals:
                raise ValueError(
                    f"entry {key!r} of the hardware table has no effect: "
                    f"{', '.join(map(repr, dict.fromkeys(rivals)))} decides for all its layers; "
                    "names decide before patterns, and patterns in their order"
                )
            modules = dict.fromkeys(name for layer in names for name in _names_above(layer))
            choice("layer in the hardware table", key, modules)

    @staticmethod
    def _covers(key: str, layer: str) -> bool:
        """Return whether an entry covers a layer, whichever entry decides for it."""
        names = _names_above(layer)
        return any(fnmatchcase(n, key) for n in names) if is_pattern(key) else key in names

    def _listed(self) -> str:
        """Return the keys of all entries, for messages."""
        return ", ".join(map(repr, self._entries))


def as_table(hardware: Any) -> HardwareTable:
    """Return hardware as a table: that of one `Hardware` has the single entry "*".

    Args:
        hardware: A `Hardware` for all layers, or a mapping as for `HardwareTable`.

    Raises:
        ValueError: It is neither, or the mapping is none of layers to hardware.
    """
    if isinstance(hardware, HardwareTable):
        return hardware
    if isinstance(hardware, Hardware):
        return HardwareTable({ALL_OTHERS: hardware})
    if isinstance(hardware, Mapping):
        return HardwareTable(hardware)
    raise ValueError(
        f"hardware = {shortened(hardware)} is not a crossbar.Hardware; give one, or a mapping "
        "from layers' "
        'names to one or None, such as {"blocks.*": hardware, "head": None}'
    )
