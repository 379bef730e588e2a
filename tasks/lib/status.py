"""How an environment is: what each host says of itself, and everything that should not be so."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from . import alike, console, inspect
from .declare import Outcome
from .errors import NotClosed
from .hostlist import FEW, between, by, compact, counted
from .moment import second
from .settings import Environment
from .target import Target

Said = Mapping[str, Any]


def status(targets: Sequence[Target], environment: Environment) -> Outcome:
    """Ask every host, and print what they say.

    Raises NotClosed when a host doesn't answer, hosts differ, what is live doesn't run, or an
    interrupted run has nobody who settles it.
    """
    said, absent = inspect.facts(targets, environment)
    hosts = {each.name: host(said.get(each.name), absent.get(each.name, "")) for each in targets}
    wrong = troubles(said, absent)
    detail = {"environment": environment.name, "hosts": hosts, "troubles": wrong}
    show(detail)
    if wrong:
        raise NotClosed(
            f"{environment.name} is not as it should be: {'; '.join(wrong)}.",
            kind="unreachable" if absent else "drift",
            detail=detail,
        )
    return Outcome(detail)


def host(fact: Said | None, error: str = "") -> dict[str, Any]:
    """Return what is told of one host; `fact`: what its agent says, or None and why not."""
    if fact is None:
        return {"answers": False, "error": error}
    closed = [{k: e[k] for k in ("release", "version", "at", "left")} for e in fact["closed"]]
    kept = ("current", "running", "standby", "pending", "lock", "adapter", "python", "load")
    sizes = ("disk_free", "memory_available", "service_memory")
    told = {key: fact[key] for key in (*kept, *sizes)}
    return {"answers": True, **told, "closed": closed[::-1]}


def troubles(said: Mapping[str, Said], absent: Mapping[str, str]) -> list[str]:
    """Return what is wrong, a clause each; none where everything is as it should be."""
    found = [f"{name} does not answer" for name in sorted(absent)]
    if len(found) > FEW:
        found = [f"{counted(sorted(absent))} do not answer"]
    different = inspect.difference(said)
    found += [different] if different else []
    for name, fact in sorted(said.items()):
        beside = [process for process in fact["down"] if process != "web"]
        if beside and fact["lock"] is None:
            found.append(f"{', '.join(beside)} of what is live on {name} does not run")
        pending = fact["pending"]
        if pending and fact["lock"] is None:
            found.append(
                f"an interrupted {pending.get('kind', 'run')} is pending on {name} and nobody"
                " holds the lock (the next deploy or rollback settles it)"
            )
    return found


def show(detail: Mapping[str, Any]) -> None:
    """Print what `status` found, for people."""
    hosts: Mapping[str, Said] = detail["hosts"]
    answering = {name: told for name, told in hosts.items() if told["answers"]}
    serving = by({name: _serving(told) for name, told in answering.items()}, len(hosts) <= FEW)
    rows = [(compact(names), *what) for what, names in serving]
    silent = {name: told["error"] for name, told in hosts.items() if not told["answers"]}
    if len(hosts) <= FEW:
        rows += [(name, f"does not answer: {why}", "", "", "") for name, why in silent.items()]
    console.table(rows, ("host", "current", "running", "pending", "lock"))
    for names in alike.kinds(silent) if len(hosts) > FEW else ():
        console.say(f"{counted(names)}: no answer: {silent[names[0]]}")
    console.say()
    if answering:
        columns = ("host", "adapter", "python", "load", "memory free", "service uses", "disk free")
        console.table(_rooms(answering), columns)
        console.say()
    closed = _closed(hosts)
    if closed:
        console.table(closed, ("closed", "at", "on", ""))


def _serving(told: Said) -> tuple[str, ...]:
    running = [_instance(name, each, told) for name, each in told["running"].items()]
    if told["standby"] and told["standby"] not in told["running"]:
        running.append(f"{told['standby']} as standby (not running)")
    pending = told["pending"]
    return (
        told["current"] or "nothing",
        ", ".join(running) or "nothing",
        f"{pending.get('kind')} {pending.get('run')}: {pending.get('way')}" if pending else "",
        holder(told["lock"]),
    )


def _instance(release: str, processes: Sequence[str], told: Said) -> str:
    name = "current" if release == told["current"] else release
    name += " as standby" if release == told["standby"] else ""
    return f"{name} ({', '.join(processes)})"


def holder(lock: Said | None) -> str:
    """Return who holds a lock, since when (UTC) and doing what; "" when nobody does."""
    if lock is None:
        return ""
    since = lock.get("since")
    told = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(since)) if since else "?"
    return f"{lock.get('who') or 'another operator'} since {told}: {lock.get('doing') or '?'}"


def _rooms(hosts: Mapping[str, Said]) -> list[tuple[str, ...]]:
    """Return each host's room; of many hosts the least and the most of those that are alike."""
    kinds = {name: (told["adapter"], told["python"]) for name, told in hosts.items()}
    rows = []
    for (adapter, python), names in by(kinds, len(hosts) <= FEW):
        several = [hosts[name] for name in names]
        load = between([told["load"][0] for told in several], "{:.2f}")
        if len(several) == 1:
            load = " ".join(f"{each:.2f}" for each in several[0]["load"])
        sizes = ("memory_available", "service_memory", "disk_free")
        room = (between([told[size] for told in several], "{:,} MiB", 20) for size in sizes)
        rows.append((compact(names), adapter, python, load, *room))
    return rows


def _closed(hosts: Mapping[str, Said]) -> list[tuple[str, str, str, str]]:
    """The releases that closed, the newest first, with the hosts that say so."""
    on: dict[str, list[str]] = {}
    about: dict[str, Said] = {}
    for name, told in hosts.items():
        for entry in told.get("closed", ()):
            on.setdefault(entry["release"], []).append(name)
            about.setdefault(entry["release"], entry)
    live = {told.get("current") for told in hosts.values()}
    rows = []
    for release, names in on.items():
        where = "every host" if len(names) == len(hosts) else compact(names)
        note = "live" if release in live else "rolled back from" if about[release]["left"] else ""
        rows.append((release, second(about[release]["at"]), where, note))
    return rows
