"""What an incident is about: the rollback, or the deploy that was taken back, and its releases."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from .. import evidence
from ..moment import known

PHASES = ("deploy", "rollback")
RECENT = 24 * 3600.0  # seconds after which an incident is hardly about what was done then
LONGEST = 6 * 3600.0  # seconds that are looked at where the release was live for longer
BEFORE = 900.0  # seconds before it went live that are looked at, too, to compare
AFTER = 1800.0  # seconds after its end that still belong to it
_BEGUN = re.compile(r"(\d{8}T\d{6}Z)-")
_COMMIT = re.compile(r"-([0-9a-f]{7,40})$")

Entry = Mapping[str, Any]


class Case(NamedTuple):
    """What was done, and which releases it is about.

    kind: "rollback", "deploy" (one that was taken back), or "" where nothing was done. at: when it
    had ended. left: the release that the hosts were taken off; back: that which they went to.
    since: when `left` went live, None where nobody knows. watch: what the watch of its deploy
    measured. done: False for a rollback after which no host is known to serve `back`. Times are
    Unix, in seconds.
    """

    kind: str
    at: float
    left: str = ""
    back: str = ""
    since: float | None = None
    who: str = ""
    reason: str = ""
    why: str = ""
    watch: Mapping[str, Any] = {}
    done: bool = True


def troubled(entry: Entry) -> bool:
    """Tell whether a line of this clone's journal says that somebody should write down why: a
    rollback that was not refused, and a deploy that users saw and that was taken back."""
    detail, outcome = evidence.detail(entry), entry.get("outcome")
    if entry.get("phase") == "rollback":
        return outcome in ("closed", "troubled") and bool(detail.get("release"))
    back = outcome == "troubled" and bool(detail.get("reverted"))
    return entry.get("phase") == "deploy" and back


def journalled(entries: Sequence[Entry], environment: str) -> Case | None:
    """Return what this clone did last of that kind to an environment. entries: the oldest first."""
    for entry in reversed(entries):
        if troubled(entry) and evidence.environment(entry) == environment:
            detail, at = evidence.detail(entry), known(entry.get("at")) or 0.0
            found = _case(str(entry["phase"]), at, {**detail, "who": entry.get("who", "")})
            found = found._replace(why=str(detail.get("error", "")))
            if found.kind == "deploy":
                return found._replace(since=at - _live(detail), watch=_mapping(detail.get("watch")))
            done = "closed" in _ended(detail) or entry.get("outcome") == "closed"
            return found._replace(watch=_watch(entries, found.left), done=done)
    return None


def _ended(detail: Mapping[str, Any]) -> set[str]:
    """Return how a run ended on its hosts."""
    told = _mapping(detail.get("hosts")).values()
    return {str(_mapping(each).get("outcome")) for each in told}


def _watch(entries: Sequence[Entry], release: str) -> Mapping[str, Any]:
    """Return what the watch of a release's deploy measured, {} where this clone doesn't know."""
    for entry in reversed(entries):
        detail = evidence.detail(entry)
        if entry.get("phase") == "deploy" and release and detail.get("release") == release:
            return _mapping(detail.get("watch"))
    return {}


def _mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping of a line's detail, empty where it is none."""
    return value if isinstance(value, Mapping) else {}


def _live(detail: Mapping[str, Any]) -> float:
    """Return the seconds from a deploy's first switch to its end."""
    steps = list(_mapping(detail.get("steps")).items())
    first = next((n for n, (name, _) in enumerate(steps) if name.startswith("switch")), len(steps))
    return sum(float(each) for _, each in steps[first:] if isinstance(each, (int, float)))


def told(runs: Sequence[Entry], environment: str) -> Case | None:
    """Return what the hosts' journals say was done last of that kind. runs: as merged."""
    for run in reversed(runs):
        ended, kind = set(dict(run.get("outcome") or {}).values()), str(run.get("kind"))
        if kind == "rollback" and ended or kind == "deploy" and "reverted" in ended:
            why = str(run.get("why") or run.get("error") or "")
            found = _case(kind, known(run.get("at")) or 0.0, run)
            return found._replace(why=why, done=kind == "deploy" or "closed" in ended)
    return None


def _case(kind: str, at: float, said: Mapping[str, Any]) -> Case:
    release, before = str(said.get("release") or ""), str(said.get("from") or "")
    left, back = (before, release) if kind == "rollback" else (release, before)
    who, reason = str(said.get("who") or ""), str(said.get("reason") or "")
    return Case(kind, at, left, back, None, who, reason)


def newest(ours: Case | None, theirs: Case | None, now: float, since: float | None = None) -> Case:
    """Return what the incident is about, of what this clone and what the hosts know.

    since: from when on it may be (Unix), None for what is RECENT.
    """
    first = now - RECENT if since is None else since
    found = [each for each in (ours, theirs) if each and each.at >= first]
    if len(found) == 2 and (found[0].left, found[0].back) == (found[1].left, found[1].back):
        return found[0]  # the same, of which this clone knows more
    return max(found, key=lambda each: each.at, default=Case("", now))


def dated(case: Case, entries: Iterable[Entry]) -> Case:
    """Return the case with when its release went live: as a journal says, else as its id does.

    What a line is dated with is the end of the run, and users have had it since the switch: a watch
    lies between them, in which it may well have failed.

    entries: runs of the hosts, and lines of this clone's journal.
    """
    if case.since is not None or not case.left:
        return case
    runs = (
        {**each, **evidence.detail(each)}
        for each in entries
        if (each.get("kind") or each.get("phase")) in PHASES
    )
    brought = [
        at
        for run in runs
        if run.get("release") == case.left
        if (at := known(run.get("switched")) or known(run.get("at"))) is not None and at < case.at
    ]
    return case._replace(since=max(brought) if brought else begun(case.left))


def begun(release: str) -> float | None:
    """Return when the deploy of a release began, as its id says (Unix); None where it doesn't."""
    found = _BEGUN.match(release)
    if not found:
        return None
    at = datetime.strptime(found[1], "%Y%m%dT%H%M%SZ")
    return at.replace(tzinfo=timezone.utc).timestamp()


def commit(release: str, entries: Iterable[Entry]) -> str:
    """Return the commit of a release: as a journal says, else as its id does; "" for neither."""
    for each in entries:
        said = evidence.detail(each) or each
        if release and said.get("release") == release and said.get("commit"):
            return str(said["commit"])
    found = _COMMIT.search(release)
    return found[1] if found else ""


def window(case: Case, now: float) -> tuple[float, float]:
    """Return which time is looked at (Unix): around that in which the release was live."""
    end = min(now, case.at + AFTER)
    since = case.since - BEFORE if case.since is not None else 0.0
    return max(since, end - LONGEST), end
