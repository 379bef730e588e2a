"""Which release a rollback returns to, by what the hosts' journals say."""

from __future__ import annotations

from typing import Any, Mapping

from .session import Value

Closed = dict[str, Any]

ABBREVIATED = 7  # characters of a commit that are enough to name it, as in a release's id


def candidates(facts: Mapping[str, Value]) -> list[Closed]:
    """Return the releases that every answering host's journal says closed and that are whole there,
    oldest first; each with `left` where any host rolled back from it since."""
    hosts = list(facts.values())
    kept: list[Closed] = []
    for entry in hosts[0]["closed"] if hosts else []:
        same = [
            next((e for e in fact["closed"] if e["release"] == entry["release"]), None)
            for fact in hosts
        ]
        whole = all(entry["release"] in fact["complete"] for fact in hosts)
        if whole and all(same):
            kept.append({**entry, "left": any(e["left"] for e in same if e)})
    return kept


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
    live = [_live(fact) for fact in facts.values()]
    older = [e for e in known if not e["left"] and _behind(e["release"], live)]
    return older[-1] if older else None


def _named(entry: Closed, to: str) -> bool:
    commit = str(entry["commit"] or "")
    return to in (entry["release"], entry["version"]) or (
        len(to) >= ABBREVIATED and commit.startswith(to)
    )


def _live(fact: Value) -> tuple[list[str], str]:
    """Return a host's closed releases up to the live one, oldest first, and the live one."""
    order, current = [entry["release"] for entry in fact["closed"]], str(fact["current"])
    return order[: order.index(current) + 1] if current in order else order, current


def _behind(release: str, live: list[tuple[list[str], str]]) -> bool:
    return all(release in order for order, _ in live) and any(
        release != current for _, current in live
    )


def migrations(facts: Mapping[str, Value], target: str) -> list[Closed]:
    """Return the releases after `target` whose deploy ran a `before_start`, oldest first."""
    found: dict[str, Closed] = {}
    for fact in facts.values():
        order = [entry["release"] for entry in fact["closed"]]
        later = fact["closed"][order.index(target) + 1 :] if target in order else []
        found.update({e["release"]: e for e in later if e.get("migrated") and not e["left"]})
    return list(found.values())
