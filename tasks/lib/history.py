"""What was done to an environment: the hosts' journals, merged by run."""

from __future__ import annotations

import json
from typing import Any, Mapping, Sequence

from . import alike, console
from .declare import Outcome
from .errors import Refused
from .fleet import Fleet, HostErrors, Member, refusal
from .hostlist import counted
from .moment import second
from .settings import Environment
from .target import Target

Entry = dict[str, Any]
LINES = 4  # a run writes no more than so many lines to a journal
ALWAYS = ("run", "at", "kind", "release", "version", "commit", "from", "who")
KEPT = (
    *ALWAYS,
    "reason",
    "why",
    "error",
    "approved_by",
    "forced",
    "fixes",
    "without",
    "backup",
    "keys",
    "rotated",
    "switched",
)


def history(targets: Sequence[Target], environment: Environment, count: int) -> Outcome:
    """Print the newest `count` runs. Raises Refused when no host can be asked."""
    if count < 1:
        raise Refused("--count is how many runs to show, 1 or more.", kind="config")
    journals, absent = ask(targets, environment, count * LINES)
    if not journals:
        raise Refused(
            f"No host of {environment.name} could be asked: `inv deploy.status`.",
            kind="unreachable",
            evidence="\n".join(f"{counted(n)}: {absent[n[0]]}" for n in alike.kinds(absent)),
        )
    runs = merge(journals)[-count:][::-1]
    for names in alike.kinds(absent):
        console.warn(f"{counted(names)} could not be asked: {absent[names[0]]}")
    if runs:
        rows = [
            (second(run["at"]), what(run), run["who"], ended(run), because(run)) for run in runs
        ]
        console.table(rows, ("when", "what", "who", "outcome", "reason"))
    else:
        console.say(f"Nothing has been done to {environment.name} yet.")
    return Outcome({"environment": environment.name, "runs": runs, "absent": absent})


def ask(
    targets: Sequence[Target], environment: Environment, lines: int
) -> tuple[dict[str, list[Entry]], dict[str, str]]:
    """Return the newest lines of each host's journal, and why some hosts gave none."""

    def one(member: Member) -> list[Entry]:
        return journal(member, environment.limits.step, lines)

    with Fleet(targets, environment) as fleet:
        errors = fleet.connect()
        if len(errors) == len(targets):
            raise refusal(errors, environment.name)
        absent = {name: str(error) for name, error in errors.items()}
        try:
            return fleet.each(one, [m for m in fleet.members if m.name not in absent]), absent
        except HostErrors as error:
            absent.update({name: each.message for name, each in error.errors.items()})
            return error.values, absent


def journal(member: Member, within: float, count: int) -> list[Entry]:
    """Return the newest `count` lines of a host's journal; within: seconds until it counts as
    hanging. Raises HostError."""
    entries: list[Entry] = []

    def heard(text: str) -> None:
        entries.append(json.loads(text))

    member.session.call("history", within, heard=heard, count=count)
    return entries


def merge(journals: Mapping[str, Sequence[Entry]]) -> list[Entry]:
    """Return one entry a run, the oldest first, with `outcome` by host.

    Each journal's own order is kept. Clocks, which may differ, only tell where a run goes that the
    journals before it know nothing of.
    """
    order: list[Entry] = []
    for name, entries in journals.items():
        own = {str(entry.get("run")) for entry in entries}
        at = 0
        for entry in entries:
            run = str(entry.get("run"))
            known = next((each for each in order if each["run"] == run), None)
            if known is None:
                while at < len(order) and _before(order[at], entry, own):
                    at += 1
                known = {"outcome": {}, **dict.fromkeys(KEPT, "")}
                order.insert(at, known)
            known.update({key: entry[key] for key in KEPT if entry.get(key)})
            known.update(run=run, outcome={**known["outcome"], name: entry["event"]})
            at = order.index(known) + 1
    return [{k: v for k, v in each.items() if v or k in ALWAYS} for each in order]


def _before(there: Entry, entry: Entry, own: set[str]) -> bool:
    return there["run"] not in own and there["at"] <= str(entry.get("at", ""))


def what(run: Entry) -> str:
    """Name what was done: a deploy or rollback with its release, or a new environment file."""
    if run["kind"] == "environment":
        rotated = f" (rotated: {', '.join(run['rotated'])})" if run.get("rotated") else ""
        return f"environment, {len(run.get('keys', ()))} keys{rotated}"
    return f"{run['kind'] or 'run'} {run['release']}"


def ended(run: Entry) -> str:
    """Return how a run ended, host by host where the hosts say different things."""
    by: dict[str, list[str]] = {}
    for name, event in run["outcome"].items():
        by.setdefault("not settled" if event == "switched" else event, []).append(name)
    if len(by) == 1:
        return next(iter(by))
    return "; ".join(f"{event} on {counted(names)}" for event, names in by.items())


def because(run: Entry) -> str:
    """Return the gates that were passed by force, what it mends, and the operator's reason; for a
    run that did not close also what ended it."""
    said = [f"FORCED past {', '.join(run['forced'])}" if run.get("forced") else ""]
    said += [f"fixes {', '.join(run['fixes'])}" if run.get("fixes") else ""]
    said += [run.get("reason", "")]
    if set(run["outcome"].values()) & {"reverted", "aborted", "stuck"}:
        said += [run.get("why", ""), run.get("error", "")]
    return "; ".join(dict.fromkeys(text for text in said if text))
