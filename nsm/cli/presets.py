"""`nsm presets`: list the published devices and gates, show one, or export it as a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nsm.cli.options import console, say

if TYPE_CHECKING:
    from rich.table import Table

    from devices import Device, Preset

app = typer.Typer(
    help="List the published devices and gates; show one, or export it as a file to change.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
Name = Annotated[
    str, typer.Argument(help="Name of a device or gate, see `nsm presets`; or a file of your own.")
]
Out = Annotated[Path | None, typer.Option(help="Figure to write (default: NAME.png here).")]

#: Words in the names of noise classes that are not written in lower case.
_PROPER_NAMES = {"Gaussian": "Gaussian", "Pcm": "PCM", "Sonos": "SONOS"}

#: What the status of a preset says about its numbers, best verified first.
VERIFIED = {
    "published": "numbers read in the publication or its authors' table",
    "refit": "numbers fitted to published figures by others",
    "memory": "numbers partly from memory",
    "illustrative": "a published form with illustrative numbers",
}


def _known(name: str) -> Preset:
    """Return a preset by its name, or the one in a file.

    Raises:
        ValueError: There is none of that name; the message suggests names only if one is similar.
    """
    import difflib

    from devices import GATES, PRESETS, read_preset
    from devices.validation import choice

    if name.endswith(".toml"):
        return read_preset(name)
    everything = {**PRESETS, **GATES}
    if not difflib.get_close_matches(name, everything, n=1, cutoff=0.5):
        raise ValueError(
            f"unknown preset {name!r}, and none of the {len(everything)} has a similar name; "
            "`nsm presets` lists them, and a file of your own ends in .toml"
        )
    return everything[choice("preset", name, everything)]


def _gamma(device: Device) -> str:
    """Return the noise exponent γ at both ends of the range, empty without read noise."""
    import numpy as np

    from devices import NoNoise

    if isinstance(device.read_noise, NoNoise):
        return ""
    low, high = device.gamma(np.array([max(device.g_min, device.g_max / 1e3), device.g_max]))
    return f"{low:.1f}" if abs(high - low) < 0.05 else f"{low:.1f}–{high:.1f}"


def _words(noise: Any) -> str:
    """Return the class of a read noise in words: "telegraph", "log conductance"; "" for none."""
    name = type(noise).__name__.removesuffix("Noise")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).split()
    return " ".join(_PROPER_NAMES.get(word, word.lower()) for word in words if word != "No")


def _siemens(g: float) -> str:
    """Return a conductance in µS with three digits, two below 0.1 µS."""
    return f"{g * 1e6:.3g}" if g == 0 or g >= 1e-7 else f"{g * 1e6:.2g}"


def _row(entry: Preset) -> tuple[str, ...]:
    """Return name, technology, range, levels, noise and γ of a preset as texts."""
    from devices import Device

    model = entry.model
    if not isinstance(model, Device):
        return entry.name, entry.technology, "gate", "", _words(model), "1.0"
    limits = f"{_siemens(model.g_min)}–{_siemens(model.g_max)}"
    conductances = model.level_conductances
    levels = "any" if conductances is None else str(len(conductances))
    noise = _words(model.read_noise)
    return entry.name, entry.technology, limits, levels, noise, _gamma(model)


def _table(entries: Sequence[Preset]) -> Table:
    """Return a table of presets that fits 80 columns without breaking a word."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("name", no_wrap=True, width=22)
    table.add_column("technology", width=14)
    table.add_column("range [µS]", no_wrap=True, width=12)
    table.add_column("levels", no_wrap=True, justify="right", width=6)
    table.add_column("read noise", width=10)
    table.add_column("γ", no_wrap=True, width=7)
    for entry in entries:
        table.add_row(*_row(entry))
    return table


@app.callback(epilog="Example: nsm presets show fefet_jerry2017")
def presets(context: typer.Context) -> None:
    """List the published devices and gates, and how well each one's numbers are verified."""
    if context.invoked_subcommand is not None:
        return
    from devices import GATES, PRESETS
    from nsm.shipped import shipped

    out = console()
    entries = [*PRESETS.values(), *GATES.values()]
    for number, (status, meaning) in enumerate(VERIFIED.items()):
        if number:
            out.print()
        out.print(f"verified: {status} ({meaning})", style="bold", highlight=False)
        out.print(_table([e for e in entries if e.status == status]))
    out.print("\nγ: σ(G) ∝ G^γ of the read noise, at both ends of the range", highlight=False)
    out.print(
        "what levels count, and how cells are programmed: nsm presets show NAME",
        highlight=False,
    )
    out.print("NAME_verify: the pulses of NAME, with a verifying read after each", highlight=False)
    out.print("source and data sheet: nsm presets show NAME", highlight=False)
    out.print("as a file to change: nsm presets export NAME > mine.toml", highlight=False)
    out.print(f"shipped networks: {', '.join(shipped()) or 'none'}", highlight=False)


@app.command(epilog="Example: nsm presets show rram_cmo_hfox --out sheet.pdf")
def show(name: Name, out: Out = None) -> None:
    """Print everything that is known of one preset, and draw its data sheet as one figure."""
    from devices.validation import choice
    from nsm.places import check_file

    entry = _known(name)
    figure = out or Path(f"{entry.name}.png")
    check_file(figure, "sheet.png")
    choice("figure format", figure.suffix, (".png", ".pdf", ".svg"))

    from nsm.cli.preset_text import model_lines
    from nsm.plots.datasheet import save_data_sheet

    for key, value in vars(entry).items():
        if value == "" or key == "model":  # a file of one's own need not say it
            continue
        say(f"{key}: {value}")
    say("model, in SI units:")
    for line in model_lines(entry.model):
        say(f"  {line}")
    say(f"data sheet: {save_data_sheet(entry, figure)}")


@app.command(epilog="Example: nsm presets export rram_wan2022 > mine.toml")
def export(name: Name) -> None:
    """Print one preset as TOML, to be changed and used wherever a device is named: "mine.toml"."""
    typer.echo(_known(name).toml(), nl=False)
