"""What became of hosts: as JSON, and for people, who are told once of hosts that are the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import console
from .preparing import Host
from .scraped import ON
from .talk import Event

FEW = 3  # hosts whose every item is told as it is made so: of more, that would only scroll


def reason(host: Host) -> str:
    """Return why a host can't be prepared, "" where it can."""
    if host.error is not None:
        return str(host.error.message)
    return "; ".join(f"{each['item']}: {each['error']['message']}" for each in host.of("failed"))


def told(hosts: Sequence[Host]) -> dict[str, Any]:
    """Return what became of each host, by its name, for the journal and --json."""
    found: dict[str, Any] = {}
    for host in hosts:
        items = [{key: each[key] for key in ("item", "state", "changes")} for each in host.items]
        found[host.name] = {"changed": len(host.of("changed")), "items": items}
        if wrong := reason(host):
            found[host.name]["error"] = wrong
    return found


def rows(hosts: Sequence[Host], mend: str = "") -> list[tuple[str, str, str, str]]:
    """Return (item, state, what, on which hosts), the items in their order.

    mend: the command that mends what drifted, for a check.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    order: dict[str, int] = {}
    for host in hosts:
        for item, state, said in _lines(host, mend):
            order.setdefault(item, len(order))
            found.setdefault((item, state, said), []).append(host.name)
    names = [host.name for host in hosts]
    ordered = sorted(found, key=lambda row: order[row[0]])
    return [(*row, on(found[row], names)) for row in ordered]


def on(some: Sequence[str], names: Sequence[str]) -> str:
    """Return how to name some of all hosts."""
    return "every host" if len(names) > 1 and len(some) == len(names) else ", ".join(some)


def show(hosts: Sequence[Host], mend: str = "", own: Event | None = None) -> None:
    """Print what the hosts' items are, and that of this machine; mend: as for `rows`."""
    found = rows(hosts, mend)
    if own is not None:
        said = _said(own, mend)
        found.append((own["item"], own["state"], said, ON))
    console.table(found, ("item", "state", "what", "on"))


def sums(hosts: Sequence[Host]) -> None:
    """Print how many items were changed."""
    names, counts = [host.name for host in hosts], [len(host.of("changed")) for host in hosts]
    for count in dict.fromkeys(counts):
        some = [name for name, each in zip(names, counts) if each == count]
        console.say(f"{on(some, names)}: {count} changed.")


def _lines(host: Host, mend: str) -> list[tuple[str, str, str]]:
    lines = [("", "failed", str(host.error.message))] if host.error is not None else []
    for each in host.items:
        lines.append((each["item"], each["state"], _said(each, mend)))
    return lines


def _said(item: Event, mend: str) -> str:
    said = "; ".join(item["changes"])
    if item["state"] == "failed":
        return str(item["error"]["message"])
    return f"would {said}; run `{mend}`" if mend and item["changes"] else said
