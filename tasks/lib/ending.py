"""How a run ended on its hosts, in words: for the operator's terminal and the journal."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .hostlist import FEW, between, counted
from .session import Lost

Ended = Mapping[str, Lost]


def states(ended: Ended) -> str:
    """Return one sentence for what state the hosts are in, grouped."""
    groups: dict[str, list[str]] = {}
    for name, lost in ended.items():
        groups.setdefault(_state(lost), []).append(name)
    if len(groups) == 1 and len(ended) > 1:
        return f"Every host {next(iter(groups))}."
    return "; ".join(f"{counted(names)} {state}" for state, names in groups.items()) + "."


def hosts(ended: Ended) -> dict[str, dict[str, Any]]:
    """Return each host's outcome for a document."""
    keep = ("outcome", "current", "error")
    return {
        name: {"outcome": "unknown", **{k: lost.ended[k] for k in keep if k in lost.ended}}
        for name, lost in ended.items()
    }


def reverted(ended: Ended) -> bool:
    """Tell whether any host went back."""
    return any(lost.ended.get("outcome") == "reverted" for lost in ended.values())


def report(ended: Ended, shown: str = "") -> str:
    """Return per host its load, memory and disk, and the release's last lines as the host saw
    them; those lines once only, should they be `shown` already. Of many hosts the room is told
    together, and no lines: who failed has shown its own."""
    seen = {name: lost.ended["report"] for name, lost in ended.items() if lost.ended.get("report")}
    if len(seen) > FEW:
        return _room(list(seen), list(seen.values()))
    lines = []
    for name, report in seen.items():
        lines.append(_room([name], [report]))
        if "\n".join(report["log"]) not in shown:
            lines += [f"  {line}" for line in report["log"]]
    return "\n".join(lines)


def _room(names: list[str], reports: Sequence[Mapping[str, Any]]) -> str:
    load = between([each["load"][0] for each in reports], "{:.2f}")
    memory = between([each["memory_available"] for each in reports], "{} MiB", 20)
    disk = between([each["disk_free"] for each in reports], "{} MiB", 20)
    return f"{counted(names)}: load {load}, memory free {memory}, disk free {disk}"


def _state(lost: Lost) -> str:
    outcome, current = lost.ended.get("outcome"), lost.ended.get("current", "")
    if outcome is None:
        return f"did not answer ({lost.message}) and settles by itself within its lease"
    if outcome == "stuck":
        why = lost.ended.get("error") or "there was no healthy release to go to"
        return f"stays on {current}: {why}"
    if outcome == "reverted" and not current:
        return "serves nothing, because there was nothing to go back to"
    if outcome == "reverted":
        return f"went back to {current}"
    if outcome in ("closed", "kept"):
        return f"went on to {current}"
    return f"still serves {current}" if current else "serves nothing, as before"
