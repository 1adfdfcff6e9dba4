"""`nsm presets`: list what is known, show one with its data sheet, export one as a file to change."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from devices import GATES, PRESETS, Device, NoNoise, Preset, read_preset
from devices.validation import choice
from nsm.nn.checkpoint import shipped
from nsm.plots.datasheet import save_data_sheet

app = typer.Typer(
    help="List the published devices and gates; show one, or export it as a file to change.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
console = Console()
Name = Annotated[
    str, typer.Argument(help="Name of a device or gate, see `nsm presets`; or a file of your own.")
]


def _known(name: str) -> Preset:
    if name.endswith(".toml"):
        return read_preset(name)
    everything = {**PRESETS, **GATES}
    return everything[choice("preset", name, everything)]


def _gamma(device: Device) -> str:
    """The local exponent at both ends of the range."""
    if isinstance(device.read_noise, NoNoise):
        return ""
    low, high = device.gamma(np.array([max(device.g_min, device.g_max / 1e3), device.g_max]))
    return f"{low:.2f}" if abs(high - low) < 0.005 else f"{low:.2f} – {high:.2f}"


def _row(entry: Preset) -> tuple[str, ...]:
    source = f"{entry.citation.split(', doi')[0]} [{entry.status}: {entry.verified}]"
    model: Any = entry.model
    if not isinstance(model, Device):
        return entry.name, entry.technology, "gate", "", type(model).__name__, "1", source
    span = f"{model.g_min * 1e6:.3g} – {model.g_max * 1e6:.3g} µS"
    noise = type(model.read_noise).__name__.removesuffix("Noise")
    return (
        entry.name,
        entry.technology,
        span,
        str(model.levels or "any"),
        noise,
        _gamma(model),
        source,
    )


@app.callback(epilog="Example: nsm presets show fefet_jerry2017")
def presets(context: typer.Context) -> None:
    """List the published devices and gates, and how well each one's numbers are verified."""
    if context.invoked_subcommand is not None:
        return
    table = Table(title="devices and gates")
    for column in ("name", "technology", "range", "levels", "read noise", "γ", "source [verified]"):
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for entry in (*PRESETS.values(), *GATES.values()):
        table.add_row(*_row(entry))
    console.print(table)
    console.print(
        "one with its data sheet: nsm presets show NAME; as a file to change: nsm presets export NAME > mine.toml"
    )
    console.print(f"shipped networks: {', '.join(shipped()) or 'none'}")


@app.command(epilog="Example: nsm presets show rram_cmo_hfox --out sheet.pdf")
def show(
    name: Name,
    out: Annotated[
        Path | None, typer.Option(help="Figure to write (default: NAME.png here).")
    ] = None,
) -> None:
    """Print everything that is known of one preset, and draw its data sheet as one figure."""
    entry = _known(name)
    for key, value in vars(entry).items():
        console.print(f"{key}: {value}", highlight=False)
    console.print(f"data sheet: {save_data_sheet(entry, out or Path(f'{entry.name}.png'))}")


@app.command(epilog="Example: nsm presets export rram_wan2022 > mine.toml")
def export(name: Name) -> None:
    """Print one preset as TOML: change it, and use it wherever a device is named, as device = "mine.toml"."""
    typer.echo(_known(name).toml(), nl=False)
