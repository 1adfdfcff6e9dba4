"""A drawing of one tile as SVG: word lines, bit lines, differential pairs, gates, comparators.

Colors are `currentColor` and three CSS variables (--wire, --cell, --gate) with fallbacks, so that
the page around the drawing decides between light and dark.
"""

_WORD_LINES = (88, 158, 228)  # y of the word lines
_PAIRS = (120, 225, 330)  # x of the bit lines of the positive cells
_APART = 44  # between the two bit lines of a pair
_BOTTOM = 274  # y at which bit lines end
_WIDTH, _HEIGHT = 430, 434

_STYLE = """<style>
.tile text { font: 13px system-ui, sans-serif; fill: currentColor; }
.tile .small { font-size: 12px; }
.tile .wire { stroke: var(--wire, #57606a); stroke-width: 1.6; fill: none; }
.tile .cell { fill: var(--cell, #0072B2); }
.tile .minus { fill: none; stroke: var(--cell, #0072B2); stroke-width: 1.8; }
.tile .gate { stroke: var(--gate, #D55E00); stroke-width: 1.8; fill: none; }
.tile .dot { fill: var(--wire, #57606a); }
.tile .frame { stroke: currentColor; stroke-dasharray: 3 3; fill: none; opacity: .7; }
</style>"""


def _text(x: float, y: float, words: str, *, anchor: str = "start", small: bool = False) -> str:
    size = ' class="small"' if small else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{size}>{words}</text>'


def _line(points: str, *, style: str = "wire") -> str:
    return f'<polyline class="{style}" points="{points}"/>'


def _pair(x: int, y: int) -> str:
    """Draw one differential pair below a word line: the gate, then the cells G+ and G-."""
    right = x + _APART
    middle = x + _APART // 2
    top = y + 26  # where the two cells part
    parts = [
        f'<circle class="dot" cx="{middle}" cy="{y}" r="2.6"/>',
        _line(f"{middle},{y} {middle},{y + 7}"),
        # An open switch: a lever between two contacts.
        _line(f"{middle},{y + 7} {middle + 8},{y + 18}", style="gate"),
        f'<circle class="gate" cx="{middle}" cy="{y + 20}" r="1.6"/>',
        _line(f"{middle},{y + 21} {middle},{top}"),
        _line(f"{x + 9},{top + 5} {x + 9},{top} {right - 9},{top} {right - 9},{top + 5}"),
        f'<rect class="cell" x="{x + 4}" y="{top + 5}" width="10" height="19" rx="1.5"/>',
        f'<rect class="minus" x="{right - 14}" y="{top + 5}" width="10" height="19" rx="1.5"/>',
        _line(f"{x + 9},{top + 24} {x + 9},{top + 30} {x},{top + 30}"),
        _line(f"{right - 9},{top + 24} {right - 9},{top + 30} {right},{top + 30}"),
        f'<circle class="dot" cx="{x}" cy="{top + 30}" r="2.6"/>',
        f'<circle class="dot" cx="{right}" cy="{top + 30}" r="2.6"/>',
    ]
    return "".join(parts)


def _column(x: int, index: int) -> str:
    """Draw the two bit lines of one output and the comparator that they end in."""
    right = x + _APART
    middle = x + _APART // 2
    y = _BOTTOM + 40
    parts = [
        _line(f"{x},{_WORD_LINES[0] - 18} {x},{_BOTTOM + 20} {x + 8},{y}"),
        _line(f"{right},{_WORD_LINES[0] - 18} {right},{_BOTTOM + 20} {right - 8},{y}"),
        f'<polygon class="frame" style="stroke-dasharray:none;opacity:1" '
        f'points="{x - 6},{y} {right + 6},{y} {middle},{y + 38}"/>',
        _text(x + 8, y + 13, "+", anchor="middle", small=True),
        _text(right - 8, y + 13, "−", anchor="middle", small=True),
        _line(f"{middle},{y + 38} {middle},{y + 52}"),
        _text(middle, y + 68, f"z<tspan dy='3' font-size='10'>{index}</tspan>", anchor="middle"),
        _text(x, _WORD_LINES[0] - 24, "+", anchor="middle", small=True),
        _text(right, _WORD_LINES[0] - 24, "−", anchor="middle", small=True),
    ]
    return "".join(parts)


def _word_line(y: int, index: int) -> str:
    """Draw one word line with the input that drives it."""
    end = _PAIRS[-1] + _APART + 16
    return (
        _text(30, y + 4, f"x<tspan dy='3' font-size='10'>{index}</tspan>", anchor="middle")
        + _line(f"44,{y} {end},{y}")
        + f'<polygon class="dot" points="44,{y - 5} 54,{y} 44,{y + 5}"/>'
    )


def _labels() -> str:
    """Return the texts around the drawing, and the frame around one labeled pair."""
    x = _PAIRS[2]
    y = _WORD_LINES[1]
    center = (_PAIRS[0] + _PAIRS[-1] + _APART) / 2
    return (
        f'<rect class="frame" x="{x - 8}" y="{y - 8}" width="{_APART + 16}" height="70" rx="6"/>'
        + _text(x + 12, y + 20, "ξ", anchor="middle")
        + _text(x - 12, y + 44, "G⁺", anchor="end")
        + _text(x + _APART + 12, y + 44, "G⁻")
        + _text(4, 18, "word lines: one input each,")
        + _text(4, 35, "applied as a voltage")
        + _text(_WIDTH - 4, 18, "bit lines: currents add up,", anchor="end")
        + _text(_WIDTH - 4, 35, "two lines per output", anchor="end")
        + _text(4, _BOTTOM + 54, "comparators:")
        + _text(4, _BOTTOM + 71, "z = sgn(u)")
        + _text(center, _HEIGHT - 26, "u ∝ I⁺ − I⁻ ∝ Σ ξ (G⁺ − G⁻) x", anchor="middle")
        + _text(
            center, _HEIGHT - 6, "ξ: one gate per pair, open or closed", anchor="middle", small=True
        )
    )


def tile_drawing() -> str:
    """Return the drawing of a tile of three word lines and three outputs as an SVG element.

    One crossing is framed and labeled: the gate ξ, which the cells G⁺ and G⁻ of a pair share.
    """
    body = "".join(_word_line(y, i + 1) for i, y in enumerate(_WORD_LINES))
    body += "".join(_pair(x, y) for y in _WORD_LINES for x in _PAIRS)
    body += "".join(_column(x, i + 1) for i, x in enumerate(_PAIRS))
    title = (
        "One tile: word lines across, two bit lines per output, a gated differential pair of cells "
        "at every crossing, and a comparator below each pair of bit lines"
    )
    return (
        f'<svg class="tile" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        f"{_STYLE}{body}{_labels()}</svg>"
    )
