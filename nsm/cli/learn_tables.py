"""The tables of `nsm learn`: what learning has given, and what its pulses have cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nsm.cli.options import say, show_table
from nsm.quantities import quantity

if TYPE_CHECKING:
    import pandas as pd

    from devices import Device
    from nsm.learning.result import Learned


def show_learned(name: str, learned: Learned) -> None:
    """Print the measurements and the arrays of a chip that has learned, and a line of results.

    Args:
        name: Name of the device.
        learned: What `nsm.learn` returned.
    """
    show_table(_table(learned.rows))
    show_table(_table(learned.arrays.drop(columns="why energy unknown")))
    for why in filter(None, dict.fromkeys(learned.arrays["why energy unknown"])):
        say(f"energy of the pulses not known: {why}", soft_wrap=True)
    say(f"{name}: {learned}", soft_wrap=True)


def show_devices(rows: pd.DataFrame, devices: Mapping[str, Device]) -> None:
    """Print several devices side by side, and why the energy of some is not known.

    Args:
        rows: What `learn_on_devices` returned.
        devices: The devices by name.
    """
    from crossbar.cost.writing import why_energy_is_unknown
    from devices.write_pulses import write_pulses_of

    show_table(_table(rows.drop(columns="run")))
    if rows[["energy [J]", "time [s]"]].notna().any(axis=None):
        say("energy and time: those of all pulses, on one cell after another")
    names: dict[str, list[str]] = {}
    for name, device in devices.items():
        why = why_energy_is_unknown(write_pulses_of(device))
        if why:
            names.setdefault(why, []).append(name)
    for why, of in names.items():
        say(f"energy of the pulses not known of {', '.join(of)}: {why}", soft_wrap=True)


def _table(rows: pd.DataFrame) -> Any:
    """Return a table of the console; columns without a value are left out.

    The values of a column "name [unit]" have their unit beside them.
    """
    from rich.table import Table

    shown = rows.dropna(axis=1, how="all")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    units = []
    for column in shown.columns:
        heading, _, unit = str(column).removesuffix("]").partition(" [")
        table.add_column(heading, justify="right", overflow="fold")
        units.append(unit)
    for row in shown.itertuples(index=False):
        table.add_row(*map(_text, row, units))
    return table


def _text(value: Any, unit: str) -> str:
    """Return a value as a cell of the table, with its unit; NaN is empty."""
    if not isinstance(value, float):
        return str(value)
    if unit or value != value:
        return quantity(value, unit)
    return f"{value:.4g}"
