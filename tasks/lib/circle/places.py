"""Pure: what the hosts' journals say of a commit, laid over what this clone knows by itself."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple

from .. import history, status
from ..hostlist import counted
from ..moment import known
from .asked import ANSWERS, Asked
from .standing import CLOSED, LEFT, NONE, TROUBLED, Stand, forced

Stands = Mapping[str, Stand]


class Place(NamedTuple):
    """How an environment is.

    state, why: as in `Asked`. live: the versions that its hosts serve, each once, with the commit.
    ours: whether all that answer serve the commit in question. at, who: when and by whom what is
    live came there.
    absent: hosts that don't answer, with why. troubles: what should not be so, a clause each.
    """

    name: str
    state: str
    why: str
    live: tuple[str, ...] = ()
    ours: bool = False
    at: str = ""
    who: str = ""
    absent: Mapping[str, str] = {}
    troubles: tuple[str, ...] = ()


def place(asked: Asked, commit: str) -> Place:
    """Return how an environment is; commit: the one in question, a full hash."""
    if asked.state != ANSWERS:
        return Place(asked.name, asked.state, asked.why, absent=asked.absent)
    live = [_live(asked, fact) for fact in asked.said.values()]
    names = [f"{version} ({each[:7]})" if each else version for version, each in live if version]
    current = {str(fact["current"]) for fact in asked.said.values() if fact["current"]}
    run = _run(asked, current)
    return Place(
        asked.name,
        asked.state,
        "",
        tuple(dict.fromkeys(names)),
        all(each == commit for _, each in live),
        str(run.get("at", "")),
        str(run.get("who", "")),
        asked.absent,
        tuple(status.troubles(asked.said, {})),
    )


def _run(asked: Asked, releases: set[str]) -> Mapping[str, Any]:
    """Return the newest run that closed with one of the releases, empty where none is told of."""
    found = (run for run in asked.runs[::-1] if run["release"] in releases and _closed(run))
    return next(found, {})


def _live(asked: Asked, fact: Mapping[str, Any]) -> tuple[str, str]:
    """Return the version and commit of what a host serves; what isn't known of it is ""."""
    release = fact["current"] or ""
    about: list[Mapping[str, Any]] = [e for e in fact["closed"] if e["release"] == release]
    about += [run for run in asked.runs if run["release"] == release]
    if release and about:
        return str(about[-1].get("version") or release), str(about[-1].get("commit") or "")
    return release, ""


def over(found: Stands, asked: Mapping[str, Asked], commit: str) -> dict[str, Stand]:
    """Return `found` with what the hosts say of the commit's deploys and rollbacks in place of what
    this clone's journal says: they know also of others', and of what became of them."""
    more = dict(found)
    for phase, said in (("deploy", deployed), ("rollback", rolled_back)):
        environments = dict(found[phase].environments)
        for name, each in asked.items():
            if each.state == ANSWERS:
                own = environments.pop(name, Stand())
                there = _both(own, said(each, commit), name)
                environments |= {name: there} if there.state != NONE else {}
        if environments or found[phase].environments:
            newest = max(environments.values(), key=_when, default=Stand())
            more[phase] = newest._replace(environments=environments)
    return more


def _when(stand: Stand) -> float:
    return known(stand.at) or 0.0


def _both(own: Stand, there: Stand, name: str) -> Stand:
    """Return what the hosts say, with what only the journal here knows, such as how long it took.

    A deploy that closed by the journal, and that no host knows, is gone with their directories.
    """
    if there.state == NONE:
        return own if own.state == TROUBLED else Stand()
    same = own.release == there.release
    return there._replace(
        environment=name,
        seconds=own.seconds if same else None,
        who=there.who or (own.who if same else ""),
    )


def deployed(asked: Asked, commit: str) -> Stand:
    """Return what an environment's hosts say of the commit's deploys there."""
    closed = {
        host: next((e for e in reversed(fact["closed"]) if e["commit"] == commit), None)
        for host, fact in asked.said.items()
    }
    there = [entry for entry in closed.values() if entry]
    if not there:
        return _last(asked, commit, "deploy")
    lacking = [host for host, entry in closed.items() if not entry]
    left = any(entry["left"] for entry in there)
    last = max(there, key=lambda entry: known(entry["at"]) or 0.0)
    run = _run(asked, {str(last["release"])})
    return Stand(
        LEFT if left else TROUBLED if lacking else CLOSED,
        str(last["at"]),
        str(run.get("who", "")),
        source=counted(list(asked.said)),
        why=f"not on {counted(lacking)}" if lacking else forced(run),
        release=str(last["release"]),
    )


def rolled_back(asked: Asked, commit: str) -> Stand:
    """Return what an environment's hosts say of a rollback to the commit."""
    return _last(asked, commit, "rollback")


def _last(asked: Asked, commit: str, kind: str) -> Stand:
    """Return how the newest run of a kind, of the commit, ended."""
    runs = [run for run in asked.runs if run.get("kind") == kind and run.get("commit") == commit]
    if not runs:
        return Stand()
    run = runs[-1]
    return Stand(
        CLOSED if _closed(run) else TROUBLED,
        str(run["at"]),
        str(run["who"]),
        source=counted(list(asked.said)),
        why="" if _closed(run) else history.because(dict(run)) or history.ended(dict(run)),
        release=str(run["release"]),
    )


def _closed(run: Mapping[str, Any]) -> bool:
    return set(run["outcome"].values()) == {"closed"}
