"""The hosts' environment files: their keys shown, a new file pushed. Values are never shown."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from . import console, envfile
from .declare import Outcome
from .errors import NotClosed, Refused
from .fleet import Fleet, HostErrors, Member, held, refusal
from .hostlist import compact, counted
from .journal import who
from .session import Busy
from .settings import Environment
from .target import Target


def keys(targets: Sequence[Target], environment: Environment) -> Outcome:
    """Print the names in each host's file, and the required ones that are missing.

    Raises Refused when a host can't be asked.
    """
    with Fleet(targets, environment) as fleet:
        facts = _facts(fleet, environment)
    have = {name: fact["environment"] for name, fact in facts.items()}
    every = sorted({key for names in have.values() for key in names} | set(environment.required))
    rows = [(key, _where(key, have), "required" * (key in environment.required)) for key in every]
    if rows:
        console.table(rows, ("key", "on", ""))
    else:
        console.say(f"{environment.name} has no environment file yet.")
    return Outcome({"environment": environment.name, "hosts": have}, next=_way(environment))


def push(
    targets: Sequence[Target], environment: Environment, path: Path, rotated: Sequence[str] = ()
) -> Outcome:
    """Make the file at `path` every host's environment file, for the next release.

    rotated: keys whose new values the older releases get too, at a rollback. Raises Refused when
    nothing was changed, NotClosed when some hosts have the new file and others the old one.
    """
    found = envfile.read(path)
    unknown = sorted(set(rotated) - set(found.values))
    if unknown:
        raise Refused(f"--rotated names what {path} lacks: {', '.join(unknown)}.", kind="config")
    for note in found.notes:
        console.warn(note)
    with Fleet(targets, environment) as fleet:
        before = _facts(fleet, environment)
        for name, fact in before.items():
            if fact["lock"] is not None:
                raise held(name, Busy(fact["lock"]), environment.name)
        _send(fleet, environment, found, sorted(set(rotated)))
    _tell(environment, {n: f["environment"] for n, f in before.items()}, found, rotated)
    detail = {
        "environment": environment.name,
        "hosts": [target.name for target in targets],
        "keys": sorted(found.values),
        "rotated": sorted(set(rotated)),
    }
    return Outcome(detail, next=f"inv deploy --env={environment.name}")


def _facts(fleet: Fleet, environment: Environment) -> dict[str, Any]:
    errors = fleet.connect()
    if errors:
        raise refusal(errors, environment.name)
    try:
        return fleet.call("facts", environment.limits.step)
    except HostErrors as error:
        raise Refused(
            f"{error.names} could not be asked ({error}); nothing was changed.",
            kind=error.kind,
            evidence=error.evidence,
        ) from None


def _send(
    fleet: Fleet, environment: Environment, found: envfile.EnvFile, rotated: list[str]
) -> None:
    text = found.canonical().encode()
    utc = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    said: dict[str, Any] = {
        "run": f"environment-{utc}-{secrets.token_hex(3)}",
        "who": who(),
        "rotated": rotated,
    }

    def one(member: Member) -> Any:
        return member.session.call("push", environment.limits.step, blob=[text], **said)

    try:
        fleet.each(one)
    except HostErrors as error:
        which = f"{error.names} did not take it ({error})"
        if error.values:
            raise NotClosed(
                f"{which}; {counted(list(error.values))} did. Push again when all of them answer:"
                f" `inv deploy.status --env={environment.name}`.",
                kind=error.kind,
            ) from None
        raise Refused(f"{which}; nothing was changed.", kind=error.kind) from None


def _tell(
    environment: Environment,
    before: Mapping[str, Sequence[str]],
    found: envfile.EnvFile,
    rotated: Sequence[str],
) -> None:
    had = {key for names in before.values() for key in names}
    console.say(f"{len(found.values)} keys are on {counted(list(before))}.")
    for what, some in (("new", set(found.values) - had), ("gone", had - set(found.values))):
        if some:
            console.say(f"  {what}: {', '.join(sorted(some))}")
    lacking = sorted(set(environment.required) - set(found.values))
    if lacking:
        console.warn(f"a deploy will be refused, for these are required: {', '.join(lacking)}")
    console.say("The next release takes them; what runs now goes on as it is.")
    if rotated:
        console.say(f"A rollback takes {', '.join(sorted(set(rotated)))} from here too.")


def _where(key: str, have: Mapping[str, Sequence[str]]) -> str:
    names = [name for name, held in have.items() if key in held]
    return "every host" if len(names) == len(have) else compact(names) or "missing"


def _way(environment: Environment) -> str:
    return f"inv deploy.env --env={environment.name} --push=FILE"
