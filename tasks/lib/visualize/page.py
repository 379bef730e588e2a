"""The report of a period: one HTML file that asks nobody for anything."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Iterable, NamedTuple, Sequence

from ..duration import show
from ..errors import Refused
from . import drawing
from .drawing import moment, number
from .events import Event
from .period import Figures, Period, Plot, Span
from .style import STYLE


class About(NamedTuple):
    """Whose report it is. who: made it, as user@host; at: when (Unix)."""

    app: str
    environment: str
    span: Span
    who: str
    at: float


def page(about: About, period: Period, events: Sequence[Event]) -> str:
    """Return the whole file."""
    title = f"{about.app} in {about.environment}"
    when = f"{moment(about.span.start)} to {moment(about.span.end)} UTC"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="faint">{when}, {show(about.span.seconds)}</p>',
        _key(period, events),
        *(_plot(plot, about.span, events) for plot in period.plots),
        "<h2>Figures</h2>",
        _figures(period.figures),
        "<h2>What happened</h2>",
        _events(events),
        "<h2>Slowest routes</h2>",
        _routes(period),
        _foot(about),
    ]
    return whole(f"{title}: {when}", parts)


def whole(title: str, parts: Iterable[str], style: str = "") -> str:
    """Return a file that has these parts of a page; style: what it needs beside the usual one."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Nothing is fetched and nothing runs, whatever texts of hosts and people are in here.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def refuse(path: Path, option: str) -> None:
    """Raise Refused for what can be no file. option: of the command, that names it."""
    if path.is_dir():
        raise Refused(
            f"{path} is a directory: name the file, as in --{option}={path / 'week.html'}."
        )


def write(path: Path, text: str, option: str) -> None:
    """Write it whole or not at all. Raises Refused."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise Refused(f"{path} can't be written ({error.strerror}): name another with --{option}.")


def _key(period: Period, events: Sequence[Event]) -> str:
    p95 = next((each for each in period.figures if each.label == "p95"), None)
    errors = next((each for each in period.figures if each.label == "error ratio"), None)
    kinds = [event.kind for event in events]
    shown = (
        (_percent(period.availability), "available"),
        (number(period.requests, "count"), "requests"),
        (number(errors.mean if errors else None, "ratio"), "errors, mean"),
        (number(p95.mean if p95 else None, "seconds"), "p95, mean"),
        (str(kinds.count("deploy")), "deploys"),
        (str(kinds.count("rollback")), "rollbacks"),
        (str(kinds.count("alert")), "alerts"),
    )
    items = "".join(f"<li><b>{value}</b>{what}</li>" for value, what in shown)
    return f'<ul class="key">{items}</ul>'


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share * 100:.3f}".rstrip("0").rstrip(".") + " %"


def _plot(plot: Plot, span: Span, events: Sequence[Event]) -> str:
    lines = plot.measure.lines
    keys = "".join(f'<i class="c{n}"></i>{escape(line.label)}' for n, line in enumerate(lines, 1))
    legend = f' <span class="legend">{keys}</span>' if len(lines) > 1 else ""
    title = f"<h2>{escape(plot.measure.title)}{legend}</h2>"
    return title + drawing.graph(plot, span, events)


def _figures(figures: Iterable[Figures]) -> str:
    rows = []
    for each in figures:
        over = "" if each.out is None else show(each.out) if each.out else "never"
        values = (each.lowest, each.mean, each.highest, each.last, each.bound)
        told = [number(value, each.unit) if value is not None else "" for value in values]
        bad = bool(each.out)
        rows.append(((each.label, *told, over), bad))
    heads = ("", "lowest", "mean", "highest", "at the end", "bound", "over it")
    return _table(heads, rows, right=range(1, 7))


def _events(events: Sequence[Event]) -> str:
    if not events:
        return '<p class="faint">No deploy, no rollback, no note and no alert.</p>'
    rows = []
    for label, event in drawing.labelled(events):
        took = show(event.end - event.start) if event.end > event.start else ""
        cells = (label, moment(event.start), took, event.kind, event.text)
        rows.append((cells, event.kind == "alert"))
    return _table(("", "when, UTC", "for", "what", ""), rows)


def _routes(period: Period) -> str:
    if not period.routes:
        return '<p class="faint">No requests.</p>'
    rows = [((route, number(value, "seconds")), False) for route, value in period.routes]
    return _table(("route", "p95, mean"), rows, right=(1,))


def _table(
    heads: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], right: Iterable[int] = ()
) -> str:
    """Return a table; rows: their cells, and whether the first and the last are to stand out."""
    aligned = set(right)

    def cell(tag: str, column: int, text: str, bad: bool) -> str:
        kinds = ["right"] * (column in aligned) + ["bad"] * bad
        said = f' class="{" ".join(kinds)}"' if kinds else ""
        return f"<{tag}{said}>{escape(text)}</{tag}>"

    head = "".join(cell("th", column, text, False) for column, text in enumerate(heads))
    body = "".join(
        "<tr>"
        + "".join(
            cell("td", column, text, bad and column in (0, len(cells) - 1))
            for column, text in enumerate(cells)
        )
        + "</tr>"
        for cells, bad in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _foot(about: About) -> str:
    return (
        f'<p class="faint">Each point of a graph is {show(about.span.step)}: of errors, latency, '
        "what is in flight and memory the highest within it, of the rest the mean. Shaded: an "
        "alert (A) fired. Dotted lines: deploy (D), rollback (R), note (N), as listed. Made by "
        f"{escape(about.who)} at {moment(about.at)} UTC with `inv visualize.report`.</p>"
    )
