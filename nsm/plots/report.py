"""One self-contained HTML page that shows the results of a run."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nsm.plots.report_style import REPORT_STYLE


@dataclass(frozen=True)
class Picture:
    """A figure as PNG files.

    Attributes:
        light: file with a light background.
        dark: the same figure with a dark background; None if there is none.
        caption: text below the figure.
    """

    light: Path
    dark: Path | None = None
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """One card of the page.

    Attributes:
        title: heading.
        text: paragraph below the heading.
        pictures: figures below the text.
        rows: name of the CSV file beside the page that holds the figure's rows; None if there is
            no such file.
    """

    title: str
    text: str
    pictures: Sequence[Picture]
    rows: str | None = None


@dataclass(frozen=True)
class Summary:
    """The table at the top of the page.

    Attributes:
        columns: headings of the columns after the first.
        colors: color of the mark beside each heading.
        rows: label, and one cell per column: its text, and a smaller addition to it.
        note: how the numbers were obtained.
    """

    columns: Sequence[str]
    colors: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    note: str


@dataclass(frozen=True)
class Report:
    """Everything that a page shows, from top to bottom.

    Attributes:
        title: heading of the page.
        introduction: paragraphs below the heading.
        summary: the table of results.
        drawing: SVG element, trusted as it is.
        drawing_text: paragraphs beside the drawing.
        panels_text: paragraph above the panels.
        panels: sections shown side by side on a wide screen.
        details: sections shown below the panels.
        facts: parameters by name, in named groups.
        code: text of a folded block below the parameters, such as the exact hardware in Python.
        foot: last line.
    """

    title: str
    introduction: Sequence[str]
    summary: Summary
    drawing: str = ""
    drawing_text: Sequence[str] = ()
    panels_text: str = ""
    panels: Sequence[Section] = ()
    details: Sequence[Section] = ()
    facts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    code: str = ""
    foot: str = ""


def _paragraphs(texts: Sequence[str]) -> str:
    return "\n".join(f"<p>{html.escape(text)}</p>" for text in texts)


def _data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _picture(picture: Picture, title: str) -> str:
    """Return a figure whose dark version is shown where the reader prefers a dark page."""
    dark = ""
    if picture.dark is not None:
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{_data_url(picture.dark)}">'
    name = html.escape(f"{title}: {picture.caption or picture.light.stem}")
    caption = ""
    if picture.caption:
        caption = f"<figcaption>{html.escape(picture.caption)}</figcaption>"
    image = f'<img alt="{name}" src="{_data_url(picture.light)}">'
    return f"<figure><picture>{dark}{image}</picture>{caption}</figure>"


def _card(section: Section, *, wide: bool = False) -> str:
    pictures = "".join(_picture(p, section.title) for p in section.pictures)
    rows = ""
    if section.rows is not None:
        name = html.escape(section.rows)
        rows = f'<p class="rows">Rows: <a href="{name}">{name}</a></p>'
    title = html.escape(section.title)
    text = html.escape(section.text)
    kind = "card wide" if wide else "card"
    return (
        f'<section class="{kind}">\n<h3>{title}</h3>\n'
        f'<div class="body"><div class="pictures">{pictures}</div>\n'
        f"<div><p>{text}</p>{rows}</div></div></section>"
    )


def _summary(summary: Summary) -> str:
    heads = "".join(
        f'<th scope="col"><span class="mark" style="background:{color}"></span>'
        f"{html.escape(name)}</th>"
        for name, color in zip(summary.columns, summary.colors, strict=True)
    )
    lines = []
    for label, cells in summary.rows:
        values = "".join(
            f"<td>{html.escape(text)}"
            + (f" <small>{html.escape(more)}</small>" if more else "")
            + "</td>"
            for text, more in cells
        )
        lines.append(f'<tr><th scope="row">{html.escape(label)}</th>{values}</tr>')
    body = "\n".join(lines)
    return (
        '<table class="summary">\n'
        f"<thead><tr><td></td>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>\n"
        f'<p class="note">{html.escape(summary.note)}</p>'
    )


def _facts(facts: Mapping[str, Mapping[str, object]]) -> str:
    groups = []
    for title, entries in facts.items():
        items = "\n".join(
            f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>"
            for name, value in entries.items()
        )
        groups.append(
            f'<section class="card"><h3>{html.escape(title)}</h3>\n<dl>\n{items}\n</dl></section>'
        )
    return '<div class="facts">\n' + "\n".join(groups) + "\n</div>"


def write_report(path: Path, report: Report) -> Path:
    """Write the page, with all figures inside, and return its path.

    Args:
        path: HTML file to write.
        report: what the page shows. All of its text is escaped.
    """
    title = html.escape(report.title)
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{title}</title>\n<style>{REPORT_STYLE}</style></head><body><main>",
        f"<header><h1>{title}</h1>\n{_paragraphs(report.introduction)}</header>",
        f"<h2>Summary</h2>\n{_summary(report.summary)}",
    ]
    if report.drawing:
        parts.append(
            f'<h2>One tile</h2>\n<div class="card drawing">{report.drawing}\n'
            f"<div>{_paragraphs(report.drawing_text)}</div></div>"
        )
    if report.panels:
        cards = "\n".join(_card(section) for section in report.panels)
        text = _paragraphs([report.panels_text])
        parts.append(f'<h2>Robustness curves</h2>\n{text}\n<div class="grid">\n{cards}\n</div>')
    parts += [_card(section, wide=True) for section in report.details]
    if report.facts:
        parts.append(f"<h2>Parameters</h2>\n{_facts(report.facts)}")
    if report.code:
        parts.append(
            "<details><summary>The hardware as Python code</summary>\n"
            f"<pre>{html.escape(report.code)}</pre></details>"
        )
    parts.append(f"<footer>{html.escape(report.foot)}</footer>\n</main></body></html>\n")
    path.write_text("\n".join(parts), encoding="utf-8")
    return path
