"""The README and the pages in docs/: their Python runs, their commands and their links exist."""

import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import matplotlib.pyplot as plt
import pytest
import typer

import nsm
from nsm.cli.main import app
from nsm.datasets import load_data

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")],
    key=lambda path: path.name,
)
FEW = 2000  # the bundled digits have 1,797 images: they are all kept
pages = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language on a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def runnable(page: Path) -> list[str]:
    """The Python blocks of a page that can run here: MNIST is not always at hand."""
    here = "NSM_DATA_DIR" in os.environ
    return [code for code in blocks(page, "python") if here or '"mnist"' not in code]


def few_images(name, *args, **options):
    """Return `nsm.load_data` with at most FEW images for training and for test.

    Pages may train on all of MNIST, which takes minutes; that their code runs shows with few.
    """
    data = load_data(name, *args, **options)
    few = {name: getattr(data, name)[:FEW] for name in ("x_train", "y_train", "x_test", "y_test")}
    return replace(data, **few)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda path: path.stem
)
def test_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    codes = runnable(page)
    if not codes:
        pytest.skip("needs MNIST: set NSM_DATA_DIR")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", plt.close)
    monkeypatch.setattr(nsm, "load_data", few_images)
    # Files name the classes of a page by its module, which must not hide a package of that name.
    module = ModuleType(f"page_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for number, code in enumerate(codes, start=1):
        exec(compile(code, f"{page.name}, Python block {number}", "exec"), vars(module))
    plt.close("all")


@pages
def test_commands_of_a_page_have_the_options_they_name(page):
    known = typer.main.get_command(app)
    for block in blocks(page, "sh"):
        for line in block.replace("&&", "\n").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] != ["nsm"]:
                continue
            command, rest = known, words[1:]
            while hasattr(command, "commands") and rest and rest[0] in command.commands:
                command, rest = command.commands[rest[0]], rest[1:]
            options = {name for p in command.params for name in [*p.opts, *p.secondary_opts]}
            wanted = {word.split("=")[0] for word in rest if word.startswith("--")} - {"--help"}
            assert command is not known, line
            assert wanted <= options, line


@pages
def test_links_of_a_page_lead_to_files_of_the_repository(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", link):
            assert (page.parent / link).exists(), link
