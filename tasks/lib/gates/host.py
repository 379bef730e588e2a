"""What keeps hosts from taking a release: disk, memory, python, the keys of their environment."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..settings import Environment

DISK = 100 * 1024 * 1024  # bytes that a release needs at the least
OLDEST = (3, 9)


def host_gates(environment: Environment, facts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What keeps the hosts from taking a release, by what they said; every reason, not the
    first."""
    found: list[str] = []
    for name, fact in facts.items():
        version = tuple(int(part) for part in fact["python"].split(".")[:2])
        wants = sorted(set(environment.required) - set(fact["environment"]))
        # A standby that doesn't run yet may be starting at the same time.
        instances = 2 if fact["standby"] and fact["standby"] not in fact["running"] else 1
        memory, needed = fact["memory_available"], instances * fact["service_memory"]
        reasons: Sequence[tuple[bool, str]] = (
            (version < OLDEST, f"python {fact['python']} is too old, 3.9 is the oldest"),
            (not fact["git"], "git is missing; `apt install git`"),
            (not fact["writable"], f"{environment.path} can't be written by this user"),
            (fact["disk_free"] < DISK, f"only {fact['disk_free'] >> 20} MiB of disk are free"),
            (
                memory is not None and memory < needed,
                f"{_more(instances)} {needed >> 20} MiB of memory,"
                f" {(memory or 0) >> 20} are free",
            ),
            (
                bool(wants),
                f"the environment lacks {', '.join(wants)};"
                f" `inv deploy.env --env={environment.name} --push=FILE`",
            ),
        )
        found += [f"{name}: {said}" for wrong, said in reasons if wrong]
    return found


def _more(instances: int) -> str:
    return "a second instance needs" if instances == 1 else "a second instance and a standby need"
