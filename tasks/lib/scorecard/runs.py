"""The deploys and rollbacks of an environment, as the journals have them.

What a host says of a run goes before what the operator's own journal says: a host knows how it
ended also when nobody was there any more. The operator's has runs whose hosts are gone.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from ..moment import known

Entry = Mapping[str, Any]

DEPLOY, ROLLBACK = "deploy", "rollback"
CLOSED, FAILED = "closed", "failed"
# How a host ends a run that has not closed: what these mean is in docs/SCORECARD.md.
NOT_CLOSED = ("aborted", "reverted", "kept", "stuck")
SEEN = ("switched", "closed", "kept")  # of these, users had the release


class Run(NamedTuple):
    """A deploy or rollback that began to change something, and has ended.

    before: the release that was live. outcome: CLOSED or FAILED. seen: whether users had the
    release. back: whether the hosts took it back themselves. Times are Unix time: begun as the
    operator gave the command; switched; verified on every host; ended. watched: seconds. None is
    what nobody wrote down.
    """

    run: str
    kind: str
    release: str
    version: str
    commit: str
    before: str
    outcome: str
    seen: bool
    back: bool
    ended: float
    begun: float | None = None
    switched: float | None = None
    verified: float | None = None
    watched: float | None = None


def read(journals: Mapping[str, Sequence[Entry]], own: Iterable[Entry], where: str) -> list[Run]:
    """Return the runs in the order in which they ended.

    journals: each host's, the oldest line first. own: this clone's. where: the environment.
    """
    found = {run.run: run for run in _own(own, where)}
    for run in _hosts(journals):
        found[run.run] = _filled(run, found.get(run.run))
    return sorted(found.values(), key=lambda run: (run.ended, run.run))


def _filled(run: Run, other: Run | None) -> Run:
    """Return what a host says, with the times that only the operator has."""
    if other is None:
        return run
    keys = ("begun", "verified", "watched", "version", "commit", "before")
    return run._replace(**{key: getattr(run, key) or getattr(other, key) for key in keys})


def _hosts(journals: Mapping[str, Sequence[Entry]]) -> Iterator[Run]:
    lines: dict[str, dict[str, list[Entry]]] = {}
    for name, entries in journals.items():
        for entry in entries:
            if entry.get("kind") in (DEPLOY, ROLLBACK) and entry.get("event") != "caught-up":
                lines.setdefault(str(entry.get("run")), {}).setdefault(name, []).append(entry)
    for run, by in lines.items():
        if found := _of_hosts(run, by):
            yield found


def _of_hosts(run: str, by: Mapping[str, Sequence[Entry]]) -> Run | None:
    """Return the run, None where a host has not settled it or a line's time makes no sense."""
    every = [entry for entries in by.values() for entry in entries]
    last = [str(entries[-1].get("event")) for entries in by.values()]
    ends = [known(entries[-1].get("at")) for entries in by.values()]
    if "switched" in last or None in ends:
        return None
    kind = str(every[0]["kind"])
    switched = [known(each.get("at")) for each in every if each.get("event") == "switched"]
    said: dict[str, Any] = {}
    for entry in every:
        said |= {key: value for key, value in entry.items() if value}
    return Run(
        run,
        kind,
        *_names(said),
        _outcome(kind, last),
        any(entry.get("event") in SEEN for entry in every),
        "reverted" in last,
        max(end for end in ends if end),
        known(said.get("begun")),
        min((at for at in switched if at), default=None),
        known(said.get("verified")),
        _number(said.get("watched")),
    )


def _names(said: Entry) -> tuple[str, str, str, str]:
    """Return release, version, commit and what was live before; who gave up before the switch has
    written down the first alone."""
    release, version, commit, before = (
        str(said.get(key) or "") for key in ("release", "version", "commit", "from")
    )
    return release, version, commit, before


def _outcome(kind: str, events: Sequence[str]) -> str:
    """Return how it ended: a rollback goes on with the hosts that answer, a deploy wants all."""
    closed = [event == "closed" for event in events]
    return CLOSED if (any(closed) if kind == ROLLBACK else all(closed)) else FAILED


def _own(entries: Iterable[Entry], where: str) -> Iterator[Run]:
    for entry in entries:
        kind = entry.get("phase")
        if kind not in (DEPLOY, ROLLBACK) or entry.get("outcome") == "refused":
            continue
        said = entry.get("detail")
        if isinstance(said, dict) and said.get("environment") == where and said.get("run"):
            if found := _of_operator(str(kind), entry, said):
                yield found


def _of_operator(kind: str, entry: Entry, said: Entry) -> Run | None:
    hosts = said.get("hosts")
    by = hosts.values() if isinstance(hosts, dict) else ()
    events = [str(each.get("outcome")) for each in by if isinstance(each, dict)]
    ended = known(entry.get("at"))
    closed = entry.get("outcome") == "closed" or "closed" in events
    if ended is None or not (closed or set(events) & {*NOT_CLOSED, "unknown"}):
        return None  # it changed nothing
    switched = known(said.get("switched"))
    whole = entry.get("outcome") == "closed" or (kind == ROLLBACK and closed)
    return Run(
        str(said["run"]),
        kind,
        *_names(said),
        CLOSED if whole else FAILED,
        switched is not None or bool({"closed", "kept", "reverted"} & set(events)) or closed,
        "reverted" in events,
        ended,
        known(said.get("begun")),
        switched,
        known(said.get("verified")),
        _number(said.get("watched")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def left(runs: Sequence[Run]) -> dict[str, Run]:
    """Return, by the run of each deployment that was rolled back later, the rollback."""
    deployed: dict[str, str] = {}
    found: dict[str, Run] = {}
    for run in runs:
        if run.outcome == CLOSED and run.kind == DEPLOY:
            deployed[run.release] = run.run
        elif run.outcome == CLOSED and run.before in deployed and run.before != run.release:
            found.setdefault(deployed[run.before], run)
    return found
