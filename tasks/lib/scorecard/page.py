"""The scorecard as a page: one HTML file that asks nobody for anything."""

from __future__ import annotations

from html import escape
from typing import Sequence

from ..journal import who
from ..visualize.drawing import moment
from ..visualize.page import whole
from .figures import RUNBOOK, SECONDS, Figure
from .reading import Read
from .telling import GROUPS, UNKNOWN, day, held, rests, shown, target

WIDTH, HEIGHT, EDGE = 760, 34, 8  # of a strip, in the units of its drawing
MOST = 400  # dots that a strip has at most: more would only lie on each other

STYLE = """
.key b.bad { color: var(--bad); }
.key b.good { color: var(--c2); }
.good { color: var(--c2); }
td { white-space: nowrap; }
td small { color: var(--faint); }
.strip { margin: 0 0 .4rem; }
.dot { fill: var(--c1); fill-opacity: .45; }
.mean { stroke: var(--ink); stroke-width: 2; }
h3 { font-size: .9rem; font-weight: 500; margin: .9rem 0 0; }
text.start { text-anchor: start; }
"""

HEADS = ("", "is", "target", "", "before", "mean", "median", "p90", "worst", "rests on")


def page(read: Read, figures: Sequence[Figure]) -> str:
    """Return the whole file."""
    title = f"Scorecard of {read.app} on {read.environment}"
    when = f"{day(read.start)} to {day(read.end)}"
    parts = [f"<h1>{escape(title)}</h1>", f'<p class="faint">{when}</p>', _key(figures)]
    for group, name in GROUPS.items():
        own = [each for each in figures if each.kind.group == group]
        parts += [f"<h2>{escape(name[0].upper() + name[1:])}</h2>", _table(own)]
        parts += [_strip(each) for each in own if each.kind.unit == SECONDS and each.now.values]
    unknown = [each for each in figures if each.now.value is None]
    said = [f"{each.kind.label}: {UNKNOWN}, as {each.kind.lacking}." for each in unknown]
    if lines := [*said, *read.notes]:
        items = "".join(f"<li>{escape(line)}</li>" for line in lines)
        parts += ["<h2>What is not known</h2>", f'<ul class="faint">{items}</ul>']
    return whole(f"{title}: {when}", [*parts, _foot(read)], STYLE)


def _key(figures: Sequence[Figure]) -> str:
    """Return the runbook's figures, large."""
    kinds = {True: ' class="good"', False: ' class="bad"', None: ""}
    items = "".join(
        f"<li><b{kinds[each.met]}>{shown(each.now.value, each.kind.unit) or '–'}</b>"
        f"{escape(each.kind.label)}</li>"
        for each in figures
        if each.kind.group == RUNBOOK
    )
    return f'<ul class="key">{items}</ul>'


def _table(figures: Sequence[Figure]) -> str:
    head = "".join(f"<th>{each}</th>" for each in HEADS)
    rows = "".join(f"<tr>{_row(each)}</tr>" for each in figures)
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _row(figure: Figure) -> str:
    unit = figure.kind.unit
    trend = f" <small>{figure.trend}</small>" if figure.trend else ""
    kind = {True: "good", False: "bad", None: ""}[figure.met]
    spread = (figure.mean, figure.median, figure.p90, figure.worst)
    cells = [
        escape(figure.kind.label),
        f"<b>{shown(figure.now.value, unit) or UNKNOWN}</b>",
        escape(target(figure)),
        f'<span class="{kind}">{held(figure).lower()}</span>',
        (shown(figure.before.value, unit) or "?") + trend,
        *(shown(value, unit) for value in spread),
        escape(rests(figure)),
    ]
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _strip(figure: Figure) -> str:
    """Return each event as a dot on a line from 0 to the worst, or to the target beyond it."""
    unit, values = figure.kind.unit, sorted(figure.now.values)
    top = max(values[-1], figure.target or 0.0) or 1.0

    def x(value: float) -> float:
        return EDGE + value / top * (WIDTH - 2 * EDGE)

    some = values[:: -(-len(values) // MOST)]
    inner = [f'<path class="grid" d="M{EDGE} 12H{WIDTH - EDGE}"/>']
    inner += [f'<circle class="dot" cx="{x(value):.1f}" cy="12" r="4"/>' for value in some]
    if figure.target is not None:
        inner.append(f'<path class="bound" d="M{x(figure.target):.1f} 2v20"/>')
    inner.append(f'<path class="mean" d="M{x(figure.mean or 0.0):.1f} 4v16"/>')
    inner.append(f'<text class="start" x="{EDGE}" y="32">0</text>')
    inner.append(f'<text class="end" x="{WIDTH - EDGE}" y="32">{shown(top, unit)}</text>')
    label = escape(figure.kind.label)
    bound = f", dashed: the target, {escape(target(figure))}" if figure.target is not None else ""
    return (
        f"<h3>{label}</h3>"
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{label}: each event, its mean{bound}">{"".join(inner)}</svg>'
    )


def _foot(read: Read) -> str:
    return (
        '<p class="faint">Times are means, as the runbook has its targets; p90 is what nine of ten '
        "are no worse than. Each dot is an event, the bar their mean, the dashed line the target. "
        "Before: the same figure of as long a time before. docs/SCORECARD.md defines each. Made by "
        f"{escape(who())} at {moment(read.end)} UTC with <code>inv circle.scorecard</code>.</p>"
    )
