"""Pure: the circle drawn in plain text of at most 80 columns, each step with how it stands.

A line is a row of (text, state): the state is what a terminal shows it in the colour of.
"""

from __future__ import annotations

import textwrap
from typing import Iterator, Mapping, Sequence

from ..moment import known
from ..monitor import figures
from .standing import CLOSED, LEFT, NONE, PHASES, TROUBLED, Stand

Line = Sequence[tuple[str, str]]

PART, SPARED = "part", "spared"
MARKS = {CLOSED: "✓", TROUBLED: "✗", LEFT: "↩", PART: "◐", NONE: "○", SPARED: "–"}
SAID = {
    CLOSED: "closed",
    TROUBLED: "did not close",
    LEFT: "rolled back",
    PART: "in part",
    NONE: "not yet",
    SPARED: "not needed",
}
DAY = 24 * 3600.0
WIDTH = 80
HALF = len(PHASES) // 2


def state(phase: str, stand: Stand, chain: Sequence[str] = ()) -> str:
    """Return how a step is to be marked: by its environments the worst, else by itself.

    chain: the environments that a deploy has to close in.
    """
    there = {each.state for each in stand.environments.values()} or {stand.state}
    for each in (TROUBLED, LEFT):
        if each in there:
            return each
    if phase == "rollback" and stand.state == NONE:
        return SPARED  # it is for trouble
    closed = [name for name, each in stand.environments.items() if each.closed]
    if phase == "deploy" and closed and not set(chain) <= set(closed):
        return PART
    return stand.state


def circle(states: Mapping[str, str]) -> Iterator[Line]:
    """Yield the lines of the circle, five steps there and five back; without states, unmarked."""
    every = [(n, name, states.get(name, "")) for n, name in _numbered()]
    steps = [(f"{n} {name} {MARKS.get(each, '')}".rstrip(), each) for n, name, each in every]
    there, back = steps[:HALF], steps[: HALF - 1 : -1]
    across = [("   ", "")]
    for step in there:
        across += [(" ──> ", "")] * (len(across) > 1) + [step]
    returning = [("  ", "")]
    for step in back:
        returning += [(" <─ ", "")] * (len(returning) > 1) + [step]
    room = " " * (sum(len(text) for text, _ in across) - 12)
    yield across
    yield [(f"     ^{room}│", "")]
    yield [(f"     │{room}v", "")]
    yield returning


def legend(states: Mapping[str, str]) -> str:
    """Return what the marks that are shown mean."""
    shown = [each for each in MARKS if each in states.values()]
    return "   " + "  ".join(f"{MARKS[each]} {SAID[each]}" for each in shown)


def steps(
    found: Mapping[str, Stand], states: Mapping[str, str], now: float, width: int = WIDTH
) -> Iterator[Line]:
    """Yield a line a step: its state, when it ended, how long it took, by whom; below it one for
    each environment, and why it did not close.

    now: Unix time. width: in columns; what is longer is cut.
    """
    for number, name in _numbered():
        stand = found[name]
        yield _step(f"{number:>2} {name}", stand, states[name], now, width)
        several = stand.environments if stand.environments else {}
        for place, each in several.items():
            if len(several) > 1 or place:
                yield _step(f"     {place}", each, each.state, now, width)
            yield from _why(each, width)
        if not several:
            yield from _why(stand, width)


def _numbered() -> list[tuple[int, str]]:
    return list(enumerate(PHASES, 1))


def _step(label: str, stand: Stand, shown: str, now: float, width: int) -> Line:
    if stand.environments:
        stand = Stand(stand.state)  # its environments say the rest
    took = "" if stand.seconds is None else figures.seconds(stand.seconds)
    by = stand.who or (f"as {stand.source} says" if stand.source not in ("", "journal") else "")
    mark = MARKS[shown]
    rest = f"{when(stand.at, now):<18} {took:<9}{by}".rstrip()
    said = f"{SAID[shown]:<14}"
    line = f"{mark} {label:<16} {said}{rest}".rstrip()
    cut = line if len(line) <= width else f"{line[: width - 1]}…"
    return [(cut[:1], shown), (cut[1:], "")]


def _why(stand: Stand, width: int) -> Iterator[Line]:
    if stand.why:
        for text in textwrap.wrap(stand.why, width - 5)[:3]:
            yield [(f"     {text}", "")]


def when(at: str, now: float) -> str:
    """Return when something was, UTC: of the last day the time and how long ago, else the date."""
    then = known(at)
    if then is None:
        return ""
    if 0 <= now - then < DAY:
        return f"{figures.moment(then)[11:]}, {figures.ago(now - then)} ago"
    return figures.moment(then)
