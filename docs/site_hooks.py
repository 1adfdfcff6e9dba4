"""Hooks of the documentation site (mkdocs): generated pages, links into the code, formulas.

Pages in docs/ link to files beside docs/ as they lie in the repository (`../devices/device.py`,
`../notebooks/01_….ipynb`, `../examples/….png`), so that they can be read there too. Here such
links are turned into links to pages of the site.
"""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import griffe
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("devices", "crossbar", "nsm")
# Pages of the site that lie outside docs/.
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "examples/paper/RESULTS.md": "paper-results.md",
}
IMAGES = ("examples/**/*.png",)


class PlainBrackets(griffe.Extension):
    """Escape square brackets of docstrings: "[S]" is a unit and "E[g²]" a mean, not a link."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Escape the brackets outside code spans."""
        if obj.docstring:
            obj.docstring.value = re.sub(
                r"(`[^`]*`)|\[",
                lambda match: match[1] or "\\[",
                obj.docstring.value,
            )


def _rooms() -> dict[str, list[Path]]:
    """The rooms, as page names like `devices/read_noise`, each with its public modules."""
    rooms: dict[str, list[Path]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name == "__init__.py" or not path.name.startswith("_"):
                rooms.setdefault(path.parent.relative_to(ROOT).as_posix(), []).append(path)
    return rooms


def _module(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _page_of(room: str) -> str:
    """Where the reference page of a room lies; a package's own page is the index of its folder."""
    return f"reference/{room}.md" if "/" in room else f"reference/{room}/index.md"


def _reference_page(room: str, modules: list[Path]) -> str:
    """The text of one page of the reference: the room's README, then the docstrings."""
    lines = [f"# {room.replace('/', '.')}", ""]
    readme = ROOT / room / "README.md"
    if readme.exists():
        body = re.sub(r"\A# .*\n", "", readme.read_text(encoding="utf-8"))
        # Links of a README go to its own folder; the headings below stand for them.
        lines += [re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", body), ""]
    for path in modules:
        if path.name == "__init__.py":
            continue
        lines += [f"::: {_module(path)}", ""]
    return "\n".join(lines)


def _title(path: Path) -> str:
    """The title of a notebook."""
    first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
    return first.splitlines()[0].removeprefix("# ")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the sections "Tutorials" and "Reference" of the navigation."""
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    sections = {"Tutorials": [{_title(p): f"tutorials/{p.name}"} for p in notebooks]}
    reference = []
    for package in PACKAGES:
        rooms = [room for room in _rooms() if room.split("/")[0] == package]
        reference.append({package: [_page_of(room) for room in rooms]})
    sections["Reference"] = reference
    for entry in config.nav or []:
        for name, pages in sections.items():
            if name in entry:
                entry[name] = pages
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages and pictures that do not lie in docs/."""
    for source, name in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text))
    for room, modules in _rooms().items():
        files.append(File.generated(config, _page_of(room), content=_reference_page(room, modules)))
    for pattern in IMAGES:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def _target(path: str, anchor: str) -> str | None:
    """The page of the site that shows a file of the repository, or None."""
    path = path.rstrip("/")
    if path in OUTSIDE:
        return OUTSIDE[path] + anchor
    if path.startswith("docs/"):
        return path.removeprefix("docs/") + anchor
    if path.startswith("notebooks/") and path.endswith(".ipynb"):
        return "tutorials/" + path.removeprefix("notebooks/")
    if path.endswith(".png"):
        return path
    if path.split("/")[0] in PACKAGES:
        if path.endswith(".py"):
            return f"{_page_of(str(Path(path).parent))}#{_module(ROOT / path)}"
        return _page_of(path.removesuffix("/README.md"))
    return None


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the repository into links to pages of the site."""
    origin = next((s for s, name in OUTSIDE.items() if name == page.file.src_uri), None)
    here = (ROOT / origin).parent if origin else (ROOT / "docs" / page.file.src_uri).parent
    if page.file.src_uri.startswith(("reference/", "tutorials/")):
        return markdown

    def replace(match: re.Match[str]) -> str:
        label, link, anchor = match["label"], match["link"], match["anchor"] or ""
        source = (here / link).resolve()
        if re.match(r"[a-z]+:", link) or not source.is_relative_to(ROOT):
            return match[0]
        if not origin and source.is_relative_to(ROOT / "docs"):
            return match[0]
        target = _target(source.relative_to(ROOT).as_posix(), anchor)
        # A file that the site does not show (a Makefile, an example) is named, not linked.
        known = target is not None and source.exists()
        return f"{label}({target})" if known else re.sub(r"^!?\[(.*)\]$", r"\1", label, flags=re.S)

    return re.sub(
        r"(?P<label>!?\[[^\]]*\])\((?P<link>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)", replace, markdown
    )


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn $formulas$ into MathML, which browsers draw without a script from the network.

    Links from notebook to notebook become links to their pages: mkdocs-jupyter leaves them alone.
    """
    if page.file.src_uri.startswith("tutorials/"):
        html = re.sub(r'(href="\d\d_\w+)\.ipynb(?=["#])', r"\1.html", html)

    def formula(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        block = match["block"] is not None
        tex = unescape(match["block"] or match["inline"])
        return convert(tex, display="block" if block else "inline")

    if "$" not in html:
        return html
    return re.sub(
        r"(?P<code><(?P<tag>pre|code|script|style)\b.*?</(?P=tag)>)"
        r"|\$\$(?P<block>.+?)\$\$|(?<![\\$\w])\$(?P<inline>[^$<>]+?)\$(?!\w)",
        formula,
        html,
        flags=re.DOTALL,
    )
