"""Names are text: marks of rich, of mathematics and of legends in them are drawn as they are."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from devices import Device, GaussianNoise
from nsm.cli.options import console
from nsm.plots import plot_devices, plot_gamma
from nsm.progress import terminal_bar

NOISY = Device(g_min=1e-6, g_max=1e-4, read_noise=GaussianNoise(0.05))
NAMES = ["[/x]", "[bold]", r"$\frac$", "_x", "two\nlines", "a$b", "{0}", "%s"]
DRAWN = ["[/x]", "[bold]", r"\$\frac\$", " _x", "two lines", r"a\$b", "{0}", "%s"]


def of_gamma():
    ax = plot_gamma(dict.fromkeys(NAMES, NOISY))
    return ax, [text.get_text() for text in ax.get_legend().get_texts()]


def of_devices():
    ax = plot_devices(pd.DataFrame({"device": NAMES, "error": np.linspace(0.9, 0.1, len(NAMES))}))
    return ax, [text.get_text() for text in ax.get_yticklabels()]


@pytest.mark.parametrize("draw", [of_gamma, of_devices])
def test_names_are_drawn_as_they_are(draw):
    ax, texts = draw()
    assert [text for text in texts if text in DRAWN] == DRAWN
    ax.figure.canvas.draw()
    plt.close(ax.figure)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_printed_as_they_are(name, capsys, monkeypatch):
    console.cache_clear()
    console().print(f"{name}: 3 rows", soft_wrap=True)
    console.cache_clear()
    assert capsys.readouterr().out == f"{name}: 3 rows\n"


@pytest.mark.parametrize("name", NAMES)
def test_names_survive_in_a_progress_bar(name):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    with terminal_bar(terminal) as bar:
        item = bar.add_task(name, total=2, note=name, unit="rows")
        bar.update(item, advance=1, note=f"{name} error 3 %")
        bar.refresh()
    assert name.split("\n")[0] in terminal.file.getvalue()
