"""The sections of a sweep file, each checked: networks, data, hardware, axes, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from crossbar.paths import VALUE_KEYS, build_hardware, flattened
from devices.validation import choice, integer, shortened
from nsm.datasets.registry import LOADERS, check_source
from nsm.sweeps.calibration import OPTIONS, checked_options
from nsm.sweeps.hardwares import Hardwares
from nsm.sweeps.layer_options import by_layer
from nsm.sweeps.networks import check_network, network_name
from nsm.sweeps.points import AnyHardware
from nsm.sweeps.ranges import KEYS as RANGE_KEYS
from nsm.sweeps.ranges import range_of
from nsm.sweeps.until import Until

#: Options of `nsm.load_data` that [data_options] takes. Those of the split are not among them: a
#: network is then never tested on images that another split trained it on.
DATA_OPTIONS = ("white", "label_column", "image_shape")


def _located(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the options, with device and gate files that exist in `folder` as paths to them."""

    def located(value: Any) -> Any:
        if isinstance(value, list):
            return [located(v) for v in value]
        if isinstance(value, dict) and "preset" in value:
            return {**value, "preset": located(value["preset"])}
        is_file = isinstance(value, str) and value.endswith(".toml") and (folder / value).is_file()
        return str(folder / value) if is_file else value

    return {
        key: located(value) if key.rpartition(":")[2] in ("device", "gate") else value
        for key, value in options.items()
    }


def data_source(source: Any, folder: Path) -> str:
    """Return what names a data set, checked; files and folders are looked for in `folder` first."""
    if not isinstance(source, str) or not source:
        raise ValueError(f'data = {source!r} is no data set; give a text, such as data = "mnist"')
    if source not in LOADERS and (folder / source).exists():
        return str(folder / source)
    return check_source(source)


def data_options(table: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return the checked options of [data_options]."""
    for key in table:
        choice("key in [data_options]", key, DATA_OPTIONS)
    if table and source in LOADERS:
        key, value = next(iter(table.items()))
        raise ValueError(
            f"{key} = {value!r} in [data_options] is for data of your own, but {source} is a "
            "published set; leave it out"
        )
    if table:
        from nsm.datasets.own.options import Options

        Options(**table)
    return dict(table)


def calibration(table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the checked table [calibrate]; None if there is none."""
    if table is None:
        return None
    for key in table:
        choice("key in [calibrate]", key, ("images", *OPTIONS))
    if "images" not in table:
        raise ValueError(
            "[calibrate] has no images; say on how many training images, such as images = 200"
        )
    images = integer("images in [calibrate]", table["images"], at_least=1)
    return {"images": images, **checked_options({k: v for k, v in table.items() if k != "images"})}


def until_of(table: Mapping[str, Any] | None) -> Until | None:
    """Return the rule of the table [until]; None if there is none."""
    if table is None:
        return None
    for key in table:
        choice("key in [until]", key, [f.name for f in fields(Until)])
    return Until(**table)


def network_sources(table: dict[str, Any], folder: Path) -> dict[str, str]:
    """Return the checked source of each network by its name; `folder` is searched first."""
    if "networks" in table:
        given = table["networks"]
        sources = {key: _network(f"network {key}", value) for key, value in given.items()}
    else:
        source = _network("network", table["network"])
        sources = {network_name(source): source}
    return {key: check_network(source, folder) for key, source in sources.items()}


def _network(name: str, source: Any) -> str:
    """Return what names a network, or raise ValueError if it is no text."""
    if not isinstance(source, str):
        raise ValueError(
            f"{name} = {shortened(source)} is no text; give a shipped network, a file, or "
            "module:callable, in quotes"
        )
    return source


def _checked_tables(name: str, sections: Any) -> dict[str, dict[str, Any]]:
    """Return a table of tables, such as [hardwares]; raise ValueError if it is anything else."""
    if not isinstance(sections, dict) or not all(isinstance(v, dict) for v in sections.values()):
        raise ValueError(f"{name} must hold tables: [{name}.NAME]")
    if not sections:
        raise ValueError(f"[{name}] is empty; give a table [{name}.NAME] or more, or leave it out")
    return sections


def hardware_of(table: Mapping[str, Any], folder: Path) -> AnyHardware:
    """Return the hardware of the sections [hardware] and [hardwares.NAME].

    With named hardwares, [hardware] holds what they have in common: each takes all its keys except
    those that it gives itself, and those below a part that it leaves out with "none".

    Args:
        table: The sweep file.
        folder: Where device and gate files are looked for first.
    """
    common, layers = _options(table.get("hardware", {}), "hardware", folder)
    if "hardwares" not in table:
        return by_layer(build_hardware(common), layers)
    found = {}
    for name, section in _checked_tables("hardwares", table["hardwares"]).items():
        own, own_layers = _options(section, f"hardwares.{name}", folder)
        left_out = tuple(f"{key}." for key, value in own.items() if value == "none")
        shared = {k: v for k, v in common.items() if not k.startswith(left_out)}
        try:
            hardware = build_hardware({**shared, **own})
            found[name] = by_layer(hardware, {**layers, **own_layers})
        except ValueError as problem:
            raise ValueError(f"hardware {name!r}: {problem}") from None
    return Hardwares(found)


def _options(
    table: Mapping[str, Any], name: str, folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of all layers, and those of layers that differ.

    Args:
        table: The section.
        name: Its name in messages.
        folder: Where device and gate files are looked for first.
    """
    section = dict(table)
    layers = section.pop("layers", {})
    if not isinstance(layers, dict):
        raise ValueError(f"layers in [{name}] must be a table: [{name}.layers]")
    located = {
        key: _located(flattened(value), folder) if isinstance(value, dict) else value
        for key, value in layers.items()
    }
    return _located(flattened(section), folder), located


def axes_of(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the values of each axis of [axes] or of one [[zip]]: a list, or a `Range`.

    Args:
        table: The section.
        folder: Where device and gate files are looked for first.
    """
    flat = _located(flattened(table, value_keys=(*VALUE_KEYS, *RANGE_KEYS)), folder)
    found: dict[str, Any] = {}
    for axis, values in flat.items():
        is_table = isinstance(values, dict) and not any(key in values for key in VALUE_KEYS)
        if not is_table and not isinstance(values, list):
            raise ValueError(
                f"axis {axis!r} has no values ({values!r}); give a list of them, or a range such "
                "as {start = 1, stop = 9, num = 5}"
            )
        found[axis] = range_of(values, axis) if is_table else values
    return found


def zips_of(zips: Any, folder: Path) -> list[dict[str, Any]]:
    """Return the axes of every [[zip]], whose values move together.

    Args:
        zips: The list of tables.
        folder: Where device and gate files are looked for first.
    """
    if not isinstance(zips, list) or not all(isinstance(table, dict) for table in zips):
        raise ValueError("zip must be a list of tables: [[zip]]")
    if not zips or not all(zips):
        raise ValueError("[[zip]] is empty; give axes that move together, or leave it out")
    return [axes_of(table, folder) for table in zips]
