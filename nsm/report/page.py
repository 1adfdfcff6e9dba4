"""One self-contained HTML page: its parts, and how they become a file."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import quote

from nsm.disk import write_text
from nsm.report.style import REPORT_STYLE

#: Largest width of a figure on the page, as a part of its width in pixels. With it, a figure of
#: one column fills a third of a page of 1280 px, and the letters of all figures have one size.
_WIDTH_ON_PAGE = 0.53


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure as PNG.

    Attributes:
        light: the figure on a light background.
        dark: the same figure on a dark background; None if there is none.
        alt: what the figure shows, for those who cannot see it.
        caption: text below the figure.
    """

    light: bytes
    dark: bytes | None = None
    alt: str
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Card:
    """A framed block with a heading.

    Attributes:
        title: heading.
        texts: paragraphs below the pictures.
        pictures: figures.
        rows: path, from the page, of the file that holds the figure's rows; "" if there is none.
    """

    title: str
    texts: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    rows: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table, whose first column names the rows.

    Attributes:
        caption: what the table shows.
        columns: headings of the columns after the first.
        rows: label, and one cell per column: its text, and a smaller addition to it.
        colors: color of the mark beside each heading; empty for no marks.
        first: heading of the first column.
        note: how the numbers were obtained.
        is_text: whether cells hold words, which stand at the left, and not numbers.
        sentences: columns whose cells hold sentences, which are wide also on narrow screens.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    colors: Sequence[str] = ()
    first: str = ""
    note: str = ""
    is_text: bool = False
    sentences: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """A chapter of the page, shown from top to bottom in the order of these fields.

    Attributes:
        title: heading, also its entry in the list of contents.
        texts: paragraphs.
        drawing: SVG element, trusted as it is.
        drawing_texts: paragraphs beside the drawing.
        tables: tables.
        panels: cards, side by side on a wide screen.
        cards: cards over the whole width.
        facts: values by name, in named groups.
        folded: texts of folded blocks by their headings.
    """

    title: str
    texts: Sequence[str] = ()
    drawing: str = ""
    drawing_texts: Sequence[str] = ()
    tables: Sequence[Table] = ()
    panels: Sequence[Card] = ()
    cards: Sequence[Card] = ()
    facts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    folded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that a page shows, from top to bottom.

    Attributes:
        title: heading of the page.
        introduction: paragraphs below the heading.
        parts: chapters.
        foot: last line.
    """

    title: str
    introduction: Sequence[str] = ()
    parts: Sequence[Part] = ()
    foot: str = ""


def _paragraphs(texts: Sequence[str], kind: str = "") -> str:
    opening = f'<p class="{kind}">' if kind else "<p>"
    return "\n".join(f"{opening}{escape(text)}</p>" for text in texts if text)


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _png_width(png: bytes) -> int:
    """Return the width of a PNG [pixels], of its first block (ISO/IEC 15948, 11.2.2)."""
    return int.from_bytes(png[16:20], "big")


def _picture(picture: Picture) -> str:
    """Return a figure whose dark version is shown where the reader prefers a dark page."""
    dark = ""
    if picture.dark is not None:
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{_data_url(picture.dark)}">'
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    pixels = _png_width(picture.light) * _WIDTH_ON_PAGE
    style = f'style="max-width:{pixels:.0f}px" ' if pixels else ""
    image = f'<img {style}alt="{escape(picture.alt)}" src="{_data_url(picture.light)}">'
    return f"<figure><picture>{dark}{image}</picture>{caption}</figure>"


def _card(card: Card, *, wide: bool = False) -> str:
    pictures = "".join(map(_picture, card.pictures))
    rows = ""
    if card.rows:
        # A name such as "javascript:a" would be read as another kind of address.
        link = escape(quote(card.rows))
        rows = f'<p class="rows">Rows: <a href="{link}">{escape(card.rows)}</a></p>'
    return (
        f'<section class="card{" wide" if wide else ""}">\n<h3>{escape(card.title)}</h3>\n'
        f'<div class="body"><div class="pictures">{pictures}</div>\n'
        f"<div>{_paragraphs(card.texts)}{rows}</div></div></section>"
    )


def _heads(table: Table) -> str:
    """Return the headings of a table's columns."""
    colors = list(table.colors) or [""] * len(table.columns)
    first = f'<th scope="col">{escape(table.first)}</th>' if table.first else "<td></td>"
    return first + "".join(
        '<th scope="col">'
        + (f'<span class="mark" style="background:{escape(color)}"></span>' if color else "")
        + f"{escape(name)}</th>"
        for name, color in zip(table.columns, colors, strict=True)
    )


def _table(table: Table) -> str:
    """Return a table in a box of its own, which scrolls where it is wider than the page."""
    lines = []
    kinds = [' class="sentence"' if name in table.sentences else "" for name in table.columns]
    for label, cells in table.rows:
        values = "".join(
            f"<td{kind}>{escape(text)}"
            + (f" <small>{escape(more)}</small>" if more else "")
            + "</td>"
            for kind, (text, more) in zip(kinds, cells, strict=True)
        )
        lines.append(f'<tr><th scope="row">{escape(label)}</th>{values}</tr>')
    body = "\n".join(lines)
    caption = escape(table.caption)
    kind = "words" if table.is_text else "numbers"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">\n'
        f'<table class="{kind}">\n<caption>{caption}</caption>\n'
        f"<thead><tr>{_heads(table)}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n"
        + _paragraphs([table.note], "note")
    )


def _facts(facts: Mapping[str, Mapping[str, object]]) -> str:
    groups = []
    for title, entries in facts.items():
        items = "\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"
            for name, value in entries.items()
        )
        groups.append(
            f'<section class="card"><h3>{escape(title)}</h3>\n<dl>\n{items}\n</dl></section>'
        )
    return '<div class="facts">\n' + "\n".join(groups) + "\n</div>"


def _part(part: Part, anchor: str) -> str:
    """Return a chapter whose heading the list of contents links to."""
    parts = [f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{escape(part.title)}</h2>']
    parts.append(_paragraphs(part.texts))
    if part.drawing:
        parts.append(
            f'<div class="card drawing">{part.drawing}\n'
            f"<div>{_paragraphs(part.drawing_texts)}</div></div>"
        )
    parts += map(_table, part.tables)
    if part.panels:
        parts.append('<div class="grid">\n' + "\n".join(map(_card, part.panels)) + "\n</div>")
    parts += [_card(card, wide=True) for card in part.cards]
    if part.facts:
        parts.append(_facts(part.facts))
    parts += [
        f"<details><summary>{escape(title)}</summary>\n<pre>{escape(text)}</pre></details>"
        for title, text in part.folded.items()
    ]
    return "\n".join(text for text in parts if text) + "\n</section>"


def html_of(page: Page) -> str:
    """Return the text of a page, with all figures inside. All of its texts are escaped."""
    title = escape(page.title)
    anchors = [f"part-{number}" for number in range(1, len(page.parts) + 1)]
    contents = "".join(
        f'<li><a href="#{anchor}">{escape(part.title)}</a></li>'
        for part, anchor in zip(page.parts, anchors, strict=True)
    )
    chapters = [_part(part, anchor) for part, anchor in zip(page.parts, anchors, strict=True)]
    nav = f'<nav aria-label="Contents"><ul>{contents}</ul></nav>' if len(page.parts) > 1 else ""
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        # Without an icon of its own a browser asks the server for one.
        '<link rel="icon" href="data:,">',
        f"<title>{title}</title>\n<style>{REPORT_STYLE}</style></head><body>",
        f"<header><h1>{title}</h1>\n{_paragraphs(page.introduction)}\n{nav}</header>\n<main>",
        *chapters,
        f"</main>\n<footer>{escape(page.foot)}</footer></body></html>\n",
    ]
    return "\n".join(parts)


def write_page(path: Path, page: Page) -> Path:
    """Write a page and return its path.

    Args:
        path: HTML file to write.
        page: what it shows.
    """
    write_text(path, html_of(page))
    return path
