"""A graph as a file of its own, for pages that show an image but no SVG within them."""

from __future__ import annotations

from html import escape
from typing import Sequence

from .drawing import HEIGHT, LEFT, RIGHT, WIDTH, graph
from .events import Event
from .period import Plot, Span
from .style import COLOURS, GRAPH

TITLE = 24  # pixels above the graph
LETTER = 7  # pixels that a letter of the legend takes
STYLE = """
.paper { fill: var(--paper); }
text.title { font-size: 13px; font-weight: 600; fill: var(--ink); text-anchor: start; }
text.key1 { fill: var(--c1); } text.key2 { fill: var(--c2); } text.key3 { fill: var(--c3); }
"""


def svg(plot: Plot, span: Span, events: Sequence[Event]) -> str:
    """Return a whole SVG file, with title and legend, that fits light and dark by itself."""
    inner = graph(plot, span, events).partition(">")[2].removesuffix("</svg>")
    said = escape(plot.measure.title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT + TITLE}" '
        f'viewBox="0 {-TITLE} {WIDTH} {HEIGHT + TITLE}" role="img">\n<title>{said}</title>\n'
        f"<style>{COLOURS}{GRAPH}{STYLE}</style>\n"
        f'<rect class="paper" y="{-TITLE}" width="{WIDTH}" height="{HEIGHT + TITLE}"/>\n'
        f'<text class="title" x="{LEFT}" y="-8">{said}</text>\n{_legend(plot)}{inner}\n</svg>\n'
    )


def _legend(plot: Plot) -> str:
    """Return the lines' names in their colours, from the right."""
    lines, x, parts = plot.measure.lines, float(WIDTH - RIGHT), []
    if len(lines) < 2:
        return ""
    for place, line in reversed([*enumerate(lines, 1)]):
        parts.append(f'<text class="end key{place}" x="{x}" y="-8">{escape(line.label)}</text>')
        x -= LETTER * (len(line.label) + 2)
    return "".join(parts) + "\n"
