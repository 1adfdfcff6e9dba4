"""The style sheet of the page that `nsm.plots.report` writes."""

from nsm.plots.style import DARK_BACKGROUND

#: One column on a phone, panels side by side on wide screens, light or dark as the reader prefers.
#: The dark cards have the background of the dark figures, so that no frame shows around them.
REPORT_STYLE = """
:root { --page: #f4f5f7; --card: #ffffff; --text: #1f2328; --quiet: #57606a; --line: #d8dee4;
  --link: #0059a3; --wire: #57606a; --cell: #0072B2; --gate: #D55E00; }
@media (prefers-color-scheme: dark) {
  :root { --page: #12151a; --card: CARD; --text: #dfe3e8; --quiet: #a0a8b2; --line: #343b44;
    --link: #79b8ff; --wire: #a0a8b2; --cell: #56B4E9; --gate: #ff8a3d; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 80rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .8rem; }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
p { max-width: 48rem; margin: 0 0 .8rem; }
a { color: var(--link); }
small { color: var(--quiet); font-size: .8em; white-space: nowrap; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem; }
.card p { font-size: .92rem; margin: .7rem 0 0; }
.card .rows { font-size: .82rem; color: var(--quiet); }
.grid, .facts { display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); }
.wide { margin-top: 1rem; }
.pictures { display: grid; gap: 1rem; align-items: end;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); }
figure { margin: 0; }
figcaption { font-size: .85rem; color: var(--quiet); }
img { display: block; width: 100%; max-width: 30rem; height: auto; margin: 0 auto; }
.summary { border-collapse: separate; border-spacing: 0; width: 100%; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; overflow: hidden;
  font-variant-numeric: tabular-nums; }
.summary th, .summary td { padding: .45rem .9rem; text-align: right; vertical-align: baseline;
  border-top: 1px solid var(--line); }
.summary thead th, .summary thead td { border-top: 0; }
.summary th[scope=row] { text-align: left; font-weight: 400; }
.mark { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .4em; }
.note { font-size: .85rem; color: var(--quiet); margin-top: .6rem; max-width: 60rem; }
.drawing { display: grid; gap: 1rem 2rem; align-items: center; }
.drawing svg { width: 100%; max-width: 30rem; height: auto; margin: 0 auto; }
dl { margin: 0; font-size: .92rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
details { margin-top: 1rem; }
summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .8rem; background: var(--card);
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
  main { padding: .75rem .75rem 2rem; }
  h1 { font-size: 1.4rem; }
  .summary { font-size: .82rem; }
  .summary th, .summary td { padding: .4rem .4rem; }
  .summary small { display: block; }
  .card { padding: .75rem; }
}
""".replace("CARD", DARK_BACKGROUND)
