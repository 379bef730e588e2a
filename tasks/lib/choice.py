"""Which release a rollback returns to, by what the hosts' journals say."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .session import Value

Closed = dict[str, Any]

ABBREVIATED = 7  # characters of a commit that are enough to name it, as in a release's id


def candidates(facts: Mapping[str, Value]) -> list[Closed]:
    """Return the releases that a rollback may return to, oldest first; each with `left` where any
    host rolled back from it since.

    A release that closed on every answering host; a host counts as one of them where it knows
    nothing of the release because it came later, or lost its disk: its journal is empty, or the
    first run that it tells of comes after the release's in the journal of a host where that closed.
    And on one of these hosts it still has to be whole: the others are to be like that one.
    """
    kept: list[Closed] = []
    for release in _order(facts):
        said = {name: _entry(fact, release) for name, fact in facts.items()}
        at = [fact for name, fact in facts.items() if said[name]]
        others = [fact for name, fact in facts.items() if not said[name]]
        whole = any(release in fact["complete"] for fact in at)
        if whole and all(_later(fact, release, at) for fact in others):
            entries = [entry for entry in said.values() if entry]
            kept.append({**entries[0], "left": any(entry["left"] for entry in entries)})
    return kept


def _order(facts: Mapping[str, Value]) -> list[str]:
    """Return what closed on any host, oldest first: the longest journal's order, and of the others
    what it lacks, each after what it follows there."""
    order: list[str] = []
    for fact in sorted(facts.values(), key=lambda fact: -len(fact["closed"])):
        at = 0
        for entry in fact["closed"]:
            if entry["release"] not in order:
                order.insert(at, entry["release"])
            at = order.index(entry["release"]) + 1
    return order


def _entry(fact: Value, release: str) -> Closed | None:
    return next((entry for entry in fact["closed"] if entry["release"] == release), None)


def _later(fact: Value, release: str, others: Sequence[Value]) -> bool:
    """Tell whether a host's journal begins after a release, by the runs in `others`' journals."""
    if not fact["runs"]:
        return True
    first = fact["runs"][0][0]
    return not _runs_since(fact, release) and any(
        first in _runs_since(other, release) for other in others
    )


def _runs_since(fact: Value, release: str) -> list[str]:
    """Return a host's runs from the one that deployed a release, none where it tells of none."""
    deployed = [each for _, each in fact["runs"]]
    at = deployed.index(release) if release in deployed else len(deployed)
    return [run for run, _ in fact["runs"][at:]]


def choose(facts: Mapping[str, Value], to: str = "") -> Closed | None:
    """Return the release to go back to: the newest that closed before the current one and was not
    left since; or, with `to`, the newest that closed under that id, version or commit.

    None where there is none.
    """
    known = candidates(facts)
    if to:
        named = [e for e in known if _named(e, to)]
        current = {fact["current"] for fact in facts.values()}
        return next((e for e in reversed(named) if {e["release"]} != current), None)
    # Hosts that differ, as after a rollback that one of them missed, meet at what none goes on to.
    live = [fact for fact in facts.values() if fact["runs"]]
    older = [e for e in known if not e["left"] and _behind(e["release"], live)]
    return older[-1] if older else None


def _named(entry: Closed, to: str) -> bool:
    commit = str(entry["commit"] or "")
    return to in (entry["release"], entry["version"]) or (
        len(to) >= ABBREVIATED and commit.startswith(to)
    )


def _behind(release: str, hosts: Sequence[Value]) -> bool:
    """Tell whether no host goes on to a release, and one at least goes back to it."""
    return not any(_ahead(release, fact) for fact in hosts) and any(
        release != fact["current"] for fact in hosts
    )


def _ahead(release: str, fact: Value) -> bool:
    """Tell whether a release closed after what is live on a host."""
    order = [entry["release"] for entry in fact["closed"]]
    after = order[order.index(fact["current"]) + 1 :] if fact["current"] in order else []
    return release in after


def migrations(facts: Mapping[str, Value], target: str) -> list[Closed]:
    """Return the releases after `target` whose deploy ran a `before_start`, oldest first."""
    found: dict[str, Closed] = {}
    for fact in facts.values():
        order = [entry["release"] for entry in fact["closed"]]
        later = fact["closed"][order.index(target) + 1 :] if target in order else fact["closed"]
        found.update({e["release"]: e for e in later if e.get("migrated") and not e["left"]})
    return list(found.values())
