"""The style sheet of the page that `nsm.report.page` writes."""

from collections.abc import Mapping

from nsm.plots.style import DARK_BACKGROUND

#: Colors of a light and of a dark page by the name of their CSS variable. Text (text, quiet, link)
#: has a contrast of at least 4.5 on both grounds (page, card). The dark cards have the background
#: of the dark figures, so that no frame shows around them.
LIGHT: Mapping[str, str] = {
    "page": "#f4f5f7",
    "card": "#ffffff",
    "text": "#1f2328",
    "quiet": "#57606a",
    "line": "#d8dee4",
    "link": "#0059a3",
    "wire": "#57606a",
    "cell": "#0072B2",
    "gate": "#D55E00",
}
DARK: Mapping[str, str] = {
    "page": "#12151a",
    "card": DARK_BACKGROUND,
    "text": "#dfe3e8",
    "quiet": "#a0a8b2",
    "line": "#343b44",
    "link": "#79b8ff",
    "wire": "#a0a8b2",
    "cell": "#56B4E9",
    "gate": "#ff8a3d",
}


def _variables(colors: Mapping[str, str]) -> str:
    return "".join(f"--{name}: {color}; " for name, color in colors.items())


#: One column on a phone, panels side by side on wide screens, light or dark as the reader prefers.
#: Tables scroll in boxes of their own; the page never scrolls sideways.
REPORT_STYLE = (
    f":root {{ color-scheme: light dark; {_variables(LIGHT)}}}\n"
    f"@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)}}} }}\n"
    + """
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 3rem; background: var(--page);
  color: var(--text); overflow-wrap: anywhere;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
html { background: var(--page); }
h1 { font-size: 1.75rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .8rem; scroll-margin-top: 1rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { max-width: 48rem; margin: 0 0 .8rem; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
small { color: var(--quiet); font-size: .8em; white-space: nowrap; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: 0; padding: 0;
  list-style: none; }
nav a { display: inline-block; padding: .3rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem; min-width: 0; }
.card p { font-size: .92rem; margin: .7rem 0 0; }
.card .rows { font-size: .82rem; color: var(--quiet); }
.grid, .facts { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.grid + .wide, .wide + .wide { margin-top: 1rem; }
.pictures { display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .85rem; color: var(--quiet); }
img { display: block; width: 100%; height: auto; margin: 0 auto; }
.scroll { overflow-x: auto; max-width: 100%; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; }
.scroll + .scroll, .note + .scroll { margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem .9rem; font-weight: 600; font-size: .92rem; }
th, td { padding: .45rem .9rem; text-align: right; vertical-align: baseline;
  border-top: 1px solid var(--line); min-width: 5rem; max-width: 24rem; }
th { overflow-wrap: normal; }
thead th { white-space: nowrap; max-width: none; }
td.sentence { min-width: 16rem; }
.words th, .words td, thead th:first-child { text-align: left; }
th[scope=row] { text-align: left; font-weight: 400; min-width: 8rem; }
.mark { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
.note { font-size: .85rem; color: var(--quiet); margin-top: .6rem; max-width: 60rem; }
.drawing { display: grid; gap: 1rem 2rem; align-items: center; }
.drawing svg { width: 100%; max-width: 30rem; height: auto; margin: 0 auto; }
dl { margin: 0; font-size: .92rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0 0 .5rem; }
details { margin-top: 1rem; }
summary { cursor: pointer; padding: .3rem 0; }
pre { white-space: pre-wrap; font-size: .8rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; padding: 1rem; }
footer { margin-top: 2rem; color: var(--quiet); font-size: .85rem; }
@media (min-width: 48rem) {
  /* With five panels, a first one of double width fills two rows of three, or three rows of two. */
  .grid > .card:first-child:nth-last-child(5) { grid-column: span 2; }
  .grid > .card:first-child:nth-last-child(5) .body { display: grid; gap: 1.5rem;
    align-items: center;
    grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr); }
}
@media (min-width: 56rem) { .drawing { grid-template-columns: minmax(22rem, 30rem) 1fr; } }
@media (max-width: 36rem) {
  body { padding: .75rem .75rem 2rem; }
  h1 { font-size: 1.4rem; }
  table { font-size: .82rem; }
  th, td { padding: .4rem .5rem; }
  td small { display: block; }
  .card { padding: .75rem; }
}
@media print { .scroll { overflow: visible; } }
"""
)
