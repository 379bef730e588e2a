"""A review as people read it: on the screen, or as Markdown."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from .. import console
from ..errors import NotClosed
from ..moment import known
from . import figures
from .review import Review, change, run_of
from .spans import Span

WHERE = Path("docs") / "reviews"  # beside the code: a review is for the next one, and for others
MOST = 10  # routes that are shown


class Section(NamedTuple):
    """A table with its heading; empty: what is said where it has no rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str


def heading(review: Review) -> str:
    """Return what the review is about, in one line."""
    start, end = figures.moment(review.past.start), figures.moment(review.past.end)
    return f"Review of {review.past.environment}, {start} to {end}"


def summary(review: Review) -> str:
    """Return what it comes to, in one sentence."""
    restarts = sum(not each.deployed for each in review.starts)
    parts = [
        _many(len(review.left), "time out of bounds", "times out of bounds"),
        _many(sum(len(each.now) for each in review.fired), "alert", "alerts"),
        _many(restarts, "restart", "restarts") + " without a deploy",
        _many(len(review.past.runs), "deploy or rollback", "deploys and rollbacks"),
    ]
    return f"{', '.join(parts)}."


def _many(count: int, one: str, several: str) -> str:
    return f"{count or 'no'} {one if count == 1 else several}"


def sections(review: Review) -> list[Section]:
    """Return everything that the review says."""
    days = review.past.end - review.past.start > 86400 - 60
    return [
        _figures(review),
        _left(review, days),
        _fired(review, days),
        Section(
            "Deploys and rollbacks",
            ("when (UTC)", "what", "outcome", "who", "reason"),
            tuple((_said(each["at"], days), *run_of(each)) for each in review.past.runs),
            "none.",
        ),
        Section(
            "Starts",
            ("when (UTC)", "instance", ""),
            tuple(
                (_clock(e.at, days), e.instance, "with a deploy" if e.deployed else "by itself")
                for e in review.starts
            ),
            "no process began.",
        ),
        _routes(review),
        *_lacking(review, days),
    ]


def _figures(review: Review) -> Section:
    rows = tuple(
        (each.name, _or_none(each.now, each.show), _or_none(each.before, each.show), change(each))
        for each in review.figures
    )
    return Section("Figures", ("", "this period", "the one before", "change"), rows, "")


def _left(review: Review, days: bool) -> Section:
    rows = tuple(
        (*_when(each.span, days), each.name, each.show(each.span.worst), each.bound)
        for each in review.left
    )
    columns = ("when (UTC)", "how long", "what", "worst", "bound")
    return Section("Out of bounds", columns, rows, "nothing left its bounds.")


def _fired(review: Review, days: bool) -> Section:
    rows = tuple(
        (*_when(span, days), each.name, each.severity, str(each.before))
        for each in review.fired
        for span in each.now
    )
    columns = ("when (UTC)", "how long", "alert", "severity", "times before")
    return Section("Alerts", columns, rows, "none fired.")


def _routes(review: Review) -> Section:
    rows = tuple(
        (
            each.route or "(none)",
            figures.seconds(each.p95),
            _or_none(each.before, figures.seconds),
            _or_none(each.rate, figures.number),
        )
        for each in review.routes[:MOST]
    )
    columns = ("route", "p95, mean", "before", "requests/s")
    return Section("Slowest routes", columns, rows, "none was asked for.")


def _lacking(review: Review, days: bool) -> list[Section]:
    """Return what is there only where there is something of it."""
    notes = tuple(
        (_said(each["at"], days), str(each["detail"].get("text", "")), str(each.get("who", "")))
        for each in review.past.notes
    )
    found = [Section("Notes", ("when (UTC)", "what", "who"), notes, "")] if notes else []
    if review.missing:
        rows = tuple(_when(each, days) for each in review.missing)
        found.append(Section("Missing points", ("when (UTC)", "how long"), rows, ""))
    return found


def remarks(review: Review) -> list[str]:
    """Return what is to be known of how far the review can be trusted."""
    found = []
    if review.missing:
        found.append(
            "Data points are missing: compare the scrape interval with the range asked for, and "
            "look at the retention (`inv monitor.doctor`)."
        )
    if review.past.silent:
        found.append(f"Not every host could be asked what was done ({review.past.silent}).")
    return found


def shown(review: Review) -> None:
    """Print the review."""
    console.say(heading(review))
    console.say(summary(review))
    for each in sections(review):
        console.say()
        if each.rows:
            console.table(each.rows, each.columns, each.title)
        else:
            console.say(f"{each.title}: {each.empty}")
    for text in remarks(review):
        console.warn(text)


def markdown(review: Review) -> str:
    """Return the review as Markdown."""
    parts = [f"# {heading(review)}", summary(review)]
    for each in sections(review):
        empty = each.empty[:1].upper() + each.empty[1:]
        parts += [f"## {each.title}", _table(each) if each.rows else empty]
    return "\n\n".join([*parts, *remarks(review)]) + "\n"


def write(review: Review, root: Path) -> Path:
    """Write the review below `root`, and return where. Raises NotClosed where that can't be."""
    at = time.strftime("%Y-%m-%d-%H%M", time.gmtime(review.past.end))
    path = WHERE / f"{at}-{review.past.environment}.md"
    try:
        (root / WHERE).mkdir(parents=True, exist_ok=True)
        (root / path).write_text(markdown(review), encoding="utf-8")
    except OSError as error:
        raise NotClosed(
            f"{path} can't be written ({error.strerror}): look at its directory, then run "
            f"`inv monitor.review --write --env={review.past.environment}` again.",
            kind="disk",
        ) from None
    return path


def _table(section: Section) -> str:
    lines = [section.columns, tuple("---" for _ in section.columns), *section.rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return console.clean(" ".join(text.split())).replace("\\", "\\\\").replace("|", "\\|")


def _or_none(value: float | None, show: object) -> str:
    assert callable(show)
    return "-" if value is None else str(show(value))


def _when(span: Span, days: bool) -> tuple[str, str]:
    return f"{_clock(span.start, days)} to {_clock(span.end, days)}", figures.ago(span.seconds)


def _said(at: object, days: bool) -> str:
    found = known(at)
    return str(at) if found is None else _clock(found, days)


def _clock(at: float, days: bool) -> str:
    return time.strftime("%m-%d %H:%M" if days else "%H:%M", time.gmtime(at))
