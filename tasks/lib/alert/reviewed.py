"""A review as it is read: Markdown for people, plain objects for programs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Iterator

from ..duration import show as length

if TYPE_CHECKING:
    from .noise import Halved
    from .review import Review
    from .world import World


def markdown(review: Review, world: World) -> str:
    """Return the review as Markdown."""
    parts = [_head(review), _figures(review), _noise(review), _less(review, world), _rest(review)]
    return "\n\n".join("\n".join(part) for part in map(list, parts) if part) + "\n"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def _head(review: Review) -> Iterator[str]:
    where = review.environment or "all environments"
    yield f"# Alerts of {where}, {_day(review.start)} to {_day(review.end)}"
    if faults := review.faults():
        yield ""
        yield from (f"- **{fault[0].upper()}{fault[1:]}**" for fault in faults)


def _figures(review: Review) -> Iterator[str]:
    said, judged = review.response, review.verdicts
    took = "nobody answered" if said.mean is None else f"{_time(said.mean)} on average"
    ratio = "nothing was judged" if judged.ratio is None else f"{judged.ratio:.0%}"
    yield "| | measured | target |"
    yield "|---|---|---|"
    yield f"| fired | {len(review.episodes)} | |"
    yield f"| response | {took} | {length(review.target)} |"
    if said.mean is not None:
        yield f"| median, worst | {_time(said.median)}, {_time(said.worst)} | |"
    yield f"| answered, late, never | {said.answered}, {said.late}, {said.silent} | |"
    yield f"| false positives | {ratio} | {review.borne:.0%} |"
    counted = f"{judged.actionable}, {judged.false_positive}, {judged.unjudged}"
    yield f"| actionable, false, not judged | {counted} | |"


def _time(seconds: float | None) -> str:
    return length(round(seconds or 0))


def _noise(review: Review) -> Iterator[str]:
    if not review.noisiest:
        return
    yield "## Noisiest"
    yield ""
    yield "| alert | environment | fired | for | false |"
    yield "|---|---|---|---|---|"
    for each in review.noisiest:
        where, lasted = each.environment or "-", _time(each.seconds)
        yield f"| {each.alert} | {where} | {each.fired} | {lasted} | {each.false_positives} |"
    for flap in review.flapping:
        where = f" in {flap.environment}" if flap.environment else ""
        yield ""
        yield f"Flapping: {flap.alert}{where}, {flap.times} times from {_day(flap.since)} on."


def _less(review: Review, world: World) -> Iterator[str]:
    if not review.halved:
        return
    yield "## What would have halved it"
    rules = {rule.name: rule for rule in world.rules}
    for name, halved in sorted(review.halved.items()):
        rule = rules[name]
        yield ""
        yield f"- {name}, `{rule.query}` for {length(rule.seconds)}, fired {halved.was} times."
        yield from _ways(halved, rule.bound.op if rule.bound else "")


def _ways(halved: Halved, op: str) -> Iterator[str]:
    if halved.threshold is not None:
        hides = f", and {halved.hides} that had to be acted on are lost" * bool(halved.hides)
        yield f"  - `{op} {halved.threshold:g}`: {halved.fired}{hides}"
    if halved.seconds is not None:
        yield f"  - `for: {length(halved.seconds)}`: {halved.fired_later}"
    if halved.threshold is None and halved.seconds is None:
        yield "  - no threshold and no `for` would have: look at what it measures."


def _rest(review: Review) -> Iterator[str]:
    if review.quiet:
        yield f"Never fired: {', '.join(review.quiet)}."
    if review.missing:
        yield f"Without a page: {', '.join(review.missing)}."


def document(review: Review) -> dict[str, Any]:
    """Return it as plain objects."""
    return {
        "environment": review.environment,
        "start": review.start,
        "end": review.end,
        "fired": len(review.episodes),
        "response": {**review.response._asdict(), "target": review.target},
        "false_positives": {**review.verdicts._asdict(), "target": review.borne},
        "noisiest": [each._asdict() for each in review.noisiest],
        "flapping": [each._asdict() for each in review.flapping],
        "never_fired": list(review.quiet),
        "without_page": list(review.missing),
        "halved": {name: each._asdict() for name, each in review.halved.items()},
        "faults": review.faults(),
    }
