"""One self-contained page that shows what a run made."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Noisy memory that computes</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
img { max-width: 100%; width: 27rem; } p { max-width: 46rem; }
td { vertical-align: top; padding: .15rem .8rem .15rem 0; overflow-wrap: anywhere; }
td:first-child { white-space: nowrap; color: #666; }
</style></head><body>
<h1>Can a noisy memory device compute?</h1>
<p>Three networks of the same widths on the same crossbar: a neural sampling machine (NSM), whose only randomness is the
device's; a deterministic rectifier network (ReLU); and a stochastic network with noise of fixed size (StNN).
Line: mean over chips. Band: &plusmn; one standard deviation from chip to chip.</p>
"""


@dataclass(frozen=True)
class Section:
    """A heading, a sentence, pictures (PNG files), and the name of the rows' file beside the page."""

    title: str
    text: str
    pictures: Sequence[Path]
    rows: str | None


def _picture(path: Path, title: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{html.escape(title)}: {html.escape(path.stem)}" src="data:image/png;base64,{data}">'


def write_page(path: Path, sections: Sequence[Section], facts: Mapping[str, Any]) -> Path:
    """Write the page with its pictures inside, and the parameters used; return its path."""
    parts = [_HEAD]
    for s in sections:
        parts.append(f"<h2>{html.escape(s.title)}</h2>\n<p>{html.escape(s.text)}</p>")
        parts += [_picture(p, s.title) for p in s.pictures]
        if s.rows:
            parts.append(f'<p>Rows: <a href="{html.escape(s.rows)}">{html.escape(s.rows)}</a></p>')
    cells = "\n".join(
        f"<tr><td>{html.escape(k)}</td><td>{html.escape(str(v))}</td></tr>"
        for k, v in facts.items()
    )
    parts.append(f"<h2>Parameters</h2>\n<table>{cells}</table>\n</body></html>\n")
    path.write_text("\n".join(parts), encoding="utf-8")
    return path
