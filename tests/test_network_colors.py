"""No figure of a notebook or an example numbers the colors of networks by hand."""

import re
from pathlib import Path

import nbformat
import pytest

from nsm.plots.style import NETWORK_PLACES

ROOT = Path(__file__).parents[1]
SOURCES = [
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
    *sorted((ROOT / "examples").glob("*.py")),
    ROOT / "nsm" / "paper" / "figures.py",
]
#: A color by its number, and the name of a network as a text.
NUMBERED = re.compile(r"COLORS\[(?!NETWORK_PLACES|place)")
NAMED = re.compile(rf"[\"']({'|'.join(NETWORK_PLACES)})[\"',]")
LOOP = re.compile(r"for \w+, *\(?\w+.* in enumerate\((networks|ORDER|names_of_networks)")


def pieces(path):
    """Return the parts of a source that belong together: cells, or the functions of a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        return [cell.source for cell in cells if cell.cell_type == "code"]
    return re.split(r"\n(?=def |class )", text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_networks_get_their_color_by_name(path):
    for piece in pieces(path):
        for statement in re.split(r"\n(?!    )", piece):
            named = NAMED.search(statement) or LOOP.search(statement)
            assert not (named and NUMBERED.search(statement)), statement


def test_the_check_finds_a_network_with_a_numbered_color():
    wrong = 'for i, name in enumerate(("NSM", "ReLU")):\n    ax.plot(x, color=COLORS[i])'
    assert NAMED.search(wrong)
    assert NUMBERED.search(wrong)
    right = "color = {name: COLORS[place] for name, place in NETWORK_PLACES.items()}"
    assert not NUMBERED.search(right)
