"""What happened, in order: deploys and rollbacks, alerts and who answered them, notes."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Mapping, NamedTuple

from .. import evidence
from ..alert import episodes
from ..duration import show
from ..history import because, ended, what
from ..moment import known
from .case import PHASES
from .words import said

if TYPE_CHECKING:
    from ..alert.episodes import Episode
    from ..telemetry.alertmanager import Silence

Entry = Mapping[str, Any]


class Happened(NamedTuple):
    """Something at a time, or (an alert) from one to another; Unix. by: who did it, "" for none.

    kind: "deploy", "rollback", "alert", "note" or "" (no mark on a graph).
    """

    at: float
    end: float
    kind: str
    text: str
    by: str = ""


def ordered(found: Iterable[Happened], span: tuple[float, float]) -> tuple[Happened, ...]:
    """Return what lies between two times, the oldest first."""
    start, end = span
    within = [each for each in found if each.end >= start and each.at <= end]
    return tuple(sorted(within, key=lambda each: each.at))


def on_hosts(runs: Iterable[Entry]) -> Iterator[Happened]:
    """Yield what the hosts' journals say was done."""
    for run in runs:
        at = known(run.get("at"))
        if at is not None:
            entry = {**run, "reason": said(str(run.get("reason") or ""))}
            why = because(entry)
            text = f"{what(entry)}: {ended(entry)}" + (f" ({why})" if why else "")
            kind = str(run["kind"]) if run["kind"] in PHASES else ""
            yield Happened(at, at, kind, text, str(run.get("who", "")))


def here(entries: Iterable[Entry], environment: str, hosts: bool) -> Iterator[Happened]:
    """Yield what this clone's journal says of the environment. hosts: whether the hosts have told
    of deploys and rollbacks themselves."""
    for entry in entries:
        phase, at = str(entry.get("phase")), known(entry.get("at"))
        if at is None or evidence.environment(entry) != environment:
            continue
        detail, outcome = evidence.detail(entry), str(entry.get("outcome"))
        text, kind = "", ""
        if phase in PHASES and not hosts and outcome != "refused":
            why = said(str(detail.get("reason") or "")) or detail.get("error") or ""
            text = f"{phase} {detail.get('release') or ''}: {outcome}" + f" ({why})" * bool(why)
            kind = phase
        elif phase == "monitor.note":
            text, kind = f"note: {said(str(detail.get('text', '')))}", "note"
        elif phase == "monitor":
            text = f"inv monitor: {detail.get('error') or outcome}"
        if text:
            yield Happened(at, at, kind, text, str(entry.get("who", "")))


def fired(found: Iterable[Episode], silences: Iterable[Silence], now: float) -> Iterator[Happened]:
    """Yield when each alert fired, was over, and was answered."""
    for each in episodes.joined(list(found), silences):
        name = each.alert + (f" ({each.severity})" if each.severity else "")
        over = each.resolved or now
        yield Happened(each.fired, over, "alert", f"alert {name} fired")
        if each.resolved is not None:
            lasted = show(round(each.resolved - each.fired))
            yield Happened(over, over, "", f"alert {name} was over after {lasted}")
        if each.answer is not None:
            why = " ".join(filter(None, (each.answer.verdict, said(each.answer.reason))))
            text = f"alert {each.alert} was acknowledged ({why})"
            yield Happened(each.answer.at, each.answer.at, "", text, said(each.answer.by))


def moment(at: float) -> str:
    """Return a time as the page has it: UTC, to the second."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
