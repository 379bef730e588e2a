"""Graphs as SVG, within the page itself: it colours them, so that they fit light and dark.

Our own: what draws for Python (matplotlib) brings 60 MB with it and colours that are fixed when
it draws, or (pygal, plotly, altair) JavaScript, mostly from elsewhere.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from html import escape
from typing import Iterator, Sequence

from ..duration import show
from .events import Event
from .period import Plot, Points, Span

WIDTH, HEIGHT = 760, 200
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 30, 24
ROW = 12  # pixels between the two rows of labels above a graph
STEPS = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000)
LABEL = 20  # pixels that the label of a mark takes


def number(value: float | None, unit: str) -> str:
    """Return a value as people read it; "–" for none. unit: as of a Measure."""
    if value is None:
        return "–"
    if unit == "ratio":
        return f"{_short(value * 100)} %"
    if unit == "seconds":
        return f"{_short(value * 1000)} ms" if value < 1 else f"{_short(value)} s"
    if unit == "bytes":
        return f"{_short(value / 2**20)} MiB"
    return f"{_short(value)}/s" if unit == "rate" else _short(value)


def _short(value: float) -> str:
    if value and abs(value) < 0.01:
        return f"{value:.1g}"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(at: float, whole: float = 0) -> str:
    """Return a time in UTC; of a period of `whole` seconds just as much as it needs, 0 is all."""
    form = "%H:%M" if 0 < whole <= 86400 else "%d %b %H:%M" if 0 < whole <= 3 * 86400 else "%d %b"
    return datetime.fromtimestamp(at, timezone.utc).strftime(form if whole else "%Y-%m-%d %H:%M:%S")


class Scale:
    """Where a time and a value lie in a graph. highest: value to draw; unit: of round numbers."""

    def __init__(self, span: Span, highest: float, unit: float = 1.0) -> None:
        self.span = span
        self.ticks = [tick * unit for tick in _ticks(highest / unit)]
        self.top = self.ticks[-1]

    def x(self, at: float) -> float:
        share = (at - self.span.start) / self.span.seconds
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


def _ticks(highest: float) -> Iterator[float]:
    """Yield from 0 to beyond the highest value, three to six of them, of round numbers."""
    rough = (highest or 1) / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * by for by in (1, 2, 2.5, 5, 10) if power * by >= rough)
    yield from (step * count for count in range(math.ceil((highest or 1) / step) + 1))


def graph(plot: Plot, span: Span, events: Sequence[Event]) -> str:
    """Return a graph with its bound, the marks of what happened, and the times of alerts."""
    values = [value for points in plot.points for _, value in points if math.isfinite(value)]
    highest = max([*values, plot.measure.bound or 0, 1e-9]) * 1.05
    scale = Scale(span, highest, 2**20 if plot.measure.unit == "bytes" else 1)
    inner = [*_alerts(scale, events), *_axes(scale, plot.measure.unit)]
    for place, points in reversed([*enumerate(plot.points, 1)]):  # the first lies on top
        inner.append(f'<path class="line c{place}" d="{_path(scale, points, span.step)}"/>')
    if plot.measure.bound is not None:
        inner += _bound(scale, plot.measure.bound, plot.measure.unit)
    inner += _marks(scale, events)
    if not values:
        inner.append(_text(WIDTH / 2, HEIGHT / 2, "nothing was measured", "none"))
    said = escape(f"{plot.measure.title} over {show(span.seconds)}", quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">'
        f'{"".join(inner)}</svg>'
    )


def _path(scale: Scale, points: Points, step: float) -> str:
    """Return the points as a line, with gaps where nothing was measured."""
    said, before = [], -math.inf
    for at, value in points:
        if math.isfinite(value):
            word = "L" if at - before <= step * 1.5 else "M"
            # A point alone is drawn as a dot: a line of no length with round ends.
            said.append(f"{word}{scale.x(at):.1f} {scale.y(value):.1f}" + "h0" * (word == "M"))
            before = at
    return "".join(said)


def _axes(scale: Scale, unit: str) -> Iterator[str]:
    for value in scale.ticks:
        y = scale.y(value)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield _text(LEFT - 6, y + 3.5, number(value, unit), "tick end")
    whole = scale.span.seconds
    step = next((each for each in STEPS if whole / each <= 8), whole / 6)
    at = math.ceil(scale.span.start / step) * step
    while at <= scale.span.end:
        x = scale.x(at)
        yield f'<path class="grid" d="M{x:.1f} {HEIGHT - BOTTOM}v4"/>'
        yield _text(x, HEIGHT - 7, moment(at, whole), "tick")
        at += step


def _bound(scale: Scale, bound: float, unit: str) -> list[str]:
    y = scale.y(bound)
    line = f'<path class="bound" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    return [line, _text(WIDTH - RIGHT, y - 4, f"bound {number(bound, unit)}", "bounded end")]


def _alerts(scale: Scale, events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        if event.kind == "alert":
            x = scale.x(event.start)
            width = max(2.0, scale.x(event.end) - x)
            yield (
                f'<rect class="alert" x="{x:.1f}" y="{TOP}" width="{width:.1f}" '
                f'height="{HEIGHT - TOP - BOTTOM}"><title>{escape(event.text)}</title></rect>'
            )


def _marks(scale: Scale, events: Sequence[Event]) -> Iterator[str]:
    rows = [-math.inf, -math.inf]  # where the last label of each ends
    for label, event in labelled(events):
        x = scale.x(event.start)
        if event.kind != "alert":
            yield (
                f'<path class="mark {event.kind}" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}">'
                f"<title>{escape(event.text)}</title></path>"
            )
        row = next((row for row, last in enumerate(rows) if x - last >= LABEL), None)
        if row is not None:
            yield _text(x, TOP - 5 - row * ROW, label, f"label {event.kind}")
            rows[row] = x


def labelled(events: Sequence[Event]) -> Iterator[tuple[str, Event]]:
    """Yield each event with the label by which graphs and the list name it: D1, R1, A1, N1."""
    counted: dict[str, int] = {}
    for event in events:
        counted[event.kind] = counted.get(event.kind, 0) + 1
        yield f"{event.kind[0].upper()}{counted[event.kind]}", event


def _text(x: float, y: float, said: str, kind: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(said)}</text>'
