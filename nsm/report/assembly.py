"""The page of one or several files of rows, put together from its chapters."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os.path import relpath
from pathlib import Path
from typing import Any

import tomli_w

from crossbar import Hardware
from nsm.plots.notes import unfinished_text
from nsm.report.checks import check_page, default_page
from nsm.report.figures import curves, heat_maps
from nsm.report.limits import limit_table
from nsm.report.origin import (
    chance_level,
    layer_texts,
    missing_texts,
    rows_table,
    sidecar_facts,
    software_errors,
    tile_tables,
)
from nsm.report.page import Card, Page, Part, Table, write_page
from nsm.report.parameters import hardware_facts, parameters
from nsm.report.swept import Swept
from nsm.report.verdicts import verdicts
from nsm.sweeps.rows.sidecar import read_sidecar
from nsm.sweeps.rows.stored_rows import read_rows

#: What curves show, said once above them.
CURVES_TEXT = (
    "Line: mean over chips, and over trainings where there are several. Band: ± one standard "
    "deviation from chip to chip (of one training on one chip). Dashed: error in software. Dotted: "
    "error of guessing."
)


def read_swept(path: str | Path) -> Swept:
    """Return the rows of a file and their sidecar.

    Args:
        path: file of a sweep, see `nsm.read_rows`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no rows of a sweep, or its sidecar is damaged.
    """
    rows = read_rows(path)
    if rows.empty:
        raise ValueError(f"{path} has no rows to report on; run the sweep first")
    return Swept(rows=rows, file=Path(path).name, sidecar=read_sidecar(path))


def report_page(
    sweeps: Sequence[Swept],
    *,
    title: str = "",
    introduction: Sequence[str] = (),
    software: Mapping[str, float] | None = None,
    chance: float | None = None,
    tolerances: Sequence[Part] = (),
    first: Sequence[Part] = (),
    curves_texts: Sequence[str] = (CURVES_TEXT,),
    details: Sequence[Card] = (),
    facts: Mapping[str, Mapping[str, object]] | None = None,
    foot: str = "",
) -> Page:
    """Return the page of the rows of one or several files.

    Args:
        sweeps: rows of every file, with what is known of them.
        title: heading of the page; "" for one made of the networks.
        introduction: paragraphs below it.
        software: error in software by network [fraction], instead of those of the sidecars.
        chance: error of guessing [fraction], instead of that of the data set in the sidecars.
        tolerances: chapters of measured tolerances, below the verdict.
        first: chapters of one's own, between the verdict and the curves.
        curves_texts: paragraphs above the curves.
        details: cards below the curves.
        facts: groups of facts, before those of the rows.
        foot: last line.
    """
    sidecars = [swept.sidecar for swept in sweeps]
    known = {**software_errors(sidecars), **(software or {})}
    guessing = chance_level(sidecars) if chance is None else chance
    parts = [
        _verdict(sweeps, known),
        *tolerances,
        *first,
        *_figures(sweeps, known, guessing, curves_texts, details),
        *_tiles(sweeps),
        *_parameters(sweeps),
        _origin(sweeps, facts or {}),
    ]
    networks = list(dict.fromkeys(name for swept in sweeps for name in swept.networks))
    quoted = ", ".join(f"“{name}”" for name in networks)
    heading = title or f"What the chip costs {quoted}"
    return Page(title=heading, introduction=introduction, parts=parts, foot=foot)


def _verdict(sweeps: Sequence[Swept], software: Mapping[str, float]) -> Part:
    """Return the chapter with the answer."""
    unfinished = [
        f"{swept.file}: {unfinished_text(swept.rows)}"
        for swept in sweeps
        if unfinished_text(swept.rows)
    ]
    texts = [*unfinished, *verdicts(sweeps, software)]
    return Part(title="Verdict", texts=texts, tables=[limit_table(sweeps, software)])


def _figures(
    sweeps: Sequence[Swept],
    software: Mapping[str, float],
    chance: float | None,
    texts: Sequence[str],
    details: Sequence[Card],
) -> list[Part]:
    """Return the chapters with curves and heat maps; none without axes."""
    panels = [card for s in sweeps for card in curves(s, software=software, chance=chance)]
    parts = []
    if panels:
        cards = tuple(details)
        parts.append(Part(title="Robustness curves", texts=texts, panels=panels, cards=cards))
    elif details:
        parts.append(Part(title="Chips", cards=tuple(details)))
    found = [heat_maps(swept) for swept in sweeps]
    maps = [card for cards, _ in found for card in cards]
    if maps:
        notes = [note for _, note in found if note]
        parts.append(Part(title="Two axes at once", texts=notes, cards=maps))
    return parts


def _tiles(sweeps: Sequence[Swept]) -> list[Part]:
    """Return the chapter on tiles and energy; none if no sidecar tells of them."""
    tables, texts = tile_tables(sweeps)
    return [Part(title="Tiles and energy", texts=texts, tables=tables)] if tables or texts else []


def _parameters(sweeps: Sequence[Swept]) -> list[Part]:
    """Return the chapter on the hardware before the axes; none if no sidecar tells it."""
    tables: list[Table] = []
    texts: list[str] = []
    facts: dict[str, Mapping[str, object]] = {}
    folded: dict[str, str] = {}
    distinct: dict[str, list[Swept]] = {}
    for swept in sweeps:
        if swept.sidecar is not None:
            distinct.setdefault(tomli_w.dumps(swept.sidecar.hardware), []).append(swept)
    for text, of_text in distinct.items():
        hardware = of_text[0].hardware
        names = ", ".join(swept.file for swept in of_text)
        if len(distinct) > 1:
            texts.append(f"Hardware of {names}:")
        if hardware is None:
            texts.append("It has models that this program does not know, or is not one hardware.")
        else:
            more_tables, more_texts = parameters(hardware)
            tables += [_named(t, names) for t in more_tables] if len(distinct) > 1 else more_tables
            texts += more_texts
        if isinstance(hardware, Hardware) and not facts:
            facts = {**hardware_facts(hardware)}
        folded[f"The hardware of {names} as in a sweep file"] = f"[hardware]\n{text}"
    if not folded:
        return []
    return [Part(title="Parameters", texts=texts, tables=tables, facts=facts, folded=folded)]


def _named(table: Table, files: str) -> Table:
    """Return a table whose caption names the files that it is of."""
    return replace(table, caption=f"{table.caption} ({files})")


def _origin(sweeps: Sequence[Swept], facts: Mapping[str, Mapping[str, object]]) -> Part:
    """Return the chapter on how the rows came about."""
    groups: dict[str, Mapping[str, object]] = {**facts}
    for swept in sweeps:
        if swept.sidecar is None:
            continue
        for title, entries in sidecar_facts(swept.sidecar).items():
            if not any(_same_facts(entries, group) for group in groups.values()):
                name = f"{title}, {swept.file}" if title in groups else title
                groups[name] = entries
    return Part(
        title="How the rows came about",
        texts=missing_texts(sweeps),
        tables=[rows_table(sweeps)],
        facts=groups,
        folded=layer_texts(sweeps),
    )


def _same_facts(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Return whether two groups of facts tell the same but for the time of the start."""
    times = ("started (UTC)",)
    return {k: v for k, v in one.items() if k not in times} == {
        k: v for k, v in other.items() if k not in times
    }


def write_report(
    rows: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    **options: Any,
) -> Path:
    """Write one self-contained HTML page on the rows of a sweep, and return its path.

    It holds the verdict and the table of what every network tolerates, curves with bands, heat maps
    where two axes were swept together, tiles and energy, how the hardware differs from the
    given device, versions, seeds and the command. What is not known because the rows have no
    sidecar is said.

    Args:
        rows: file of a sweep, or several.
        out: page to write; None for the name of the first file with the ending .html.
        **options: of `report_page`, such as software={"NSM": 0.014}.

    Raises:
        FileNotFoundError: there is no such file of rows.
        ValueError: a file holds no rows of a sweep, or the page cannot be written there.
    """
    paths = [Path(rows)] if isinstance(rows, (str, Path)) else [Path(path) for path in rows]
    if not paths:
        raise ValueError("there are no rows to report on; give a file of a sweep")
    target = default_page(paths[0]) if out is None else Path(out)
    check_page(target)
    sweeps = [
        replace(read_swept(path), link=Path(relpath(path, target.parent)).as_posix())
        for path in paths
    ]
    return write_page(target, report_page(sweeps, **options))
