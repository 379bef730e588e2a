"""Pure: what comes next in the circle, as a command that can be pasted."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

from .places import Place
from .standing import CLOSED, LEFT, NONE, PHASES, Stand

SANDBOX = "sandbox"
BEFORE = PHASES[: PHASES.index("deploy")]
AFTER = ("monitor", "visualize", "alert")  # what follows a deploy; a rollback only where it must be
SPARED = ("preaggregate", "release", "visualize", "alert")  # by the sandbox, as by its `circle.run`


class About(NamedTuple):
    """What is looked at. version: the name it goes by. head: whether it is checked out.

    chain: the environments that it has to close in, in their order.
    """

    version: str
    head: bool
    chain: tuple[str, ...]


def chain(after: Mapping[str, str], usable: Sequence[str], default: str) -> tuple[str, ...]:
    """Return the environments that a commit goes through, in their order.

    after: which environment each wants a version to have closed in before, "" for none. usable:
    those that have hosts. The sandbox is one of them only where nothing else is, or wants it.
    """
    wanted = [name for name in usable if name != SANDBOX] or [default]
    found: list[str] = []

    def add(name: str) -> None:
        if name and name not in found and name not in adding:
            adding.append(name)
            add(after.get(name, ""))
            found.append(name)

    adding: list[str] = []
    for name in wanted:
        add(name)
    return tuple(found)


def following(about: About, found: Mapping[str, Stand], places: Mapping[str, Place]) -> str:
    """Return the command to run next, "" where the circle has closed."""
    unsettled = next((each.name for each in places.values() if each.troubles), "")
    if unsettled:
        return f"inv deploy.status --env={unsettled}"
    spared = SPARED if about.chain == (SANDBOX,) else ()
    for phase in BEFORE:
        if not found[phase].closed and phase not in spared:
            return _here(about, f"inv {phase}")
    for name in about.chain:
        if found["deploy"].environments.get(name, Stand()).state != CLOSED:
            return _deploy(about, found, places, name)
    last = about.chain[-1]
    for phase in AFTER:
        if found[phase].environments.get(last, Stand()).state != CLOSED and phase not in spared:
            return f"inv {phase} --env={last}"
    return ""


def _here(about: About, command: str) -> str:
    """Return a command about the code, which has to be checked out for it."""
    return command if about.head else f"git checkout {about.version} && {command}"


def _deploy(
    about: About, found: Mapping[str, Stand], places: Mapping[str, Place], name: str
) -> str:
    if found["deploy"].environments.get(name, Stand()).state == LEFT:
        return f"inv deploy.history --env={name}"  # why it was left; the next change mends it
    if name == SANDBOX and name in places and not places[name].live and places[name].why:
        return f"inv host --env={SANDBOX}"
    return f"inv deploy --env={name} --version={about.version}"


def wrong(
    found: Mapping[str, Stand], places: Mapping[str, Place], incidents: Sequence[str]
) -> list[str]:
    """Return what is not as it should be, a clause each: then `inv circle.status` exits with 1.

    What is not closed yet is no trouble, and a host that doesn't answer says nothing. incidents:
    the names of those that are open.
    """
    said = []
    for phase in PHASES:
        stand = found[phase]
        for name, each in (stand.environments or {"": stand}).items():
            where = f" on {name}" if name else ""
            if each.state == LEFT:
                said.append(f"{name or 'it'} was rolled back from this commit")
            elif each.state not in (CLOSED, NONE):
                said.append(f"{phase} did not close{where}")
    said += [f"{each.name}: {text}" for each in places.values() for text in each.troubles]
    return said + [f"incident {name} is open" for name in incidents]
