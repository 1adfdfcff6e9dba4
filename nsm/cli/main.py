"""The `nsm` command: its groups of commands, from `train` to `presets`."""

import typer

from nsm.cli import presets
from nsm.cli.demo_command import demo
from nsm.cli.errors import clear_errors
from nsm.cli.fit import fit
from nsm.cli.interrupts import clear_interrupts
from nsm.cli.learn import learn
from nsm.cli.map import map_network
from nsm.cli.merge import merge
from nsm.cli.plot import plot
from nsm.cli.report import report
from nsm.cli.sweep import sweep
from nsm.cli.tolerance import tolerance
from nsm.cli.train import train

app = typer.Typer(
    help="Can my noisy memory device compute? "
    "Train, map to crossbars, sweep non-idealities, plot and report robustness.",
    no_args_is_help=True,
    epilog="Example: nsm demo",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command(epilog="Example: nsm train --data mnist --epochs 30 --out mine.safetensors")(train)
app.command(epilog="Example: nsm fit read-noise traces.csv --unit µS --out mine.toml")(fit)
app.command(
    "map", epilog="Example: nsm map mnist_mlp --data mnist --set device.levels=16 --out chip"
)(map_network)
app.command(epilog="Example: nsm learn --device fefet_jerry2017 --device rram_wu2018 --data mnist")(
    learn
)
app.command(
    epilog="Example: nsm tolerance mnist_mlp --data mnist --baseline ReLU=relu.safetensors"
)(tolerance)
app.command(
    epilog="Example: nsm sweep --example > levels.toml; "
    "nsm sweep levels.toml --out levels.csv --workers 2"
)(sweep)
app.command(epilog="Example: nsm merge part-0.csv part-1.csv --out levels.csv")(merge)
app.command(
    epilog="Example: nsm plot levels.csv --x device.levels --group network --out levels.png"
)(plot)
app.command(epilog="Example: nsm report levels.csv --out levels.html")(report)
app.command(epilog="Example: nsm demo --out results")(demo)
app.add_typer(presets.app, name="presets")


def main() -> None:
    """Run the command."""
    with clear_errors(), clear_interrupts():
        app()
