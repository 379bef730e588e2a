"""What must hold on the developer's machine, as probes of the phase `host`. Cheap to import: every
`inv --list` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from .world import World

SHOWN = 6  # of what differs, beyond which the rest is counted


def python(world: World) -> str:
    """Probe: there is a Python that will do."""
    return world.base_wrong


def clone(world: World) -> str:
    """Probe: this is a clone with a commit in it."""
    return "" if world.clone else "there is no commit here, so that nothing counts for one"


def lock(world: World) -> str:
    """Probe: there is something to install."""
    return "" if world.locks else "none of host.requirements and service.requirements is there"


def usable(world: World) -> str:
    """Probe: .venv can be used, or may be made."""
    return "" if world.recreate else world.state.wrong


def made(world: World) -> str:
    """Probe: .venv is there and can be used."""
    return world.state.wrong if world.state.exists else "there is none"


def recent(world: World) -> str:
    """Probe: the Python of .venv is one that will do."""
    version = world.state.version
    if not version:
        return "there is none that runs in .venv"
    return "" if version >= (3, 11) else f"it is of Python {'.'.join(map(str, version))}"


def pip(world: World) -> str:
    """Probe: pip has the version that is locked."""
    return "; ".join(each for each in world.differing if each.startswith("pip "))


def installed(world: World) -> str:
    """Probe: each package has the version that is locked."""
    if not world.state.exists or world.state.wrong:
        return "there is no .venv that can be used"
    if world.differing:
        more = len(world.differing) - SHOWN
        return "; ".join(world.differing[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
    # What is not pinned can't be compared: it was installed as it stands now, or it was not.
    changed = ", ".join(each for each in world.plan.install if not _pinned(world.root / each))
    return f"not installed as it is now: {changed}" if changed else ""


def readable(world: World) -> str:
    """Probe: .env can be read, or may be made."""
    return world.env.wrong


def env(world: World) -> str:
    """Probe: .env is there, where there is something for it."""
    if world.env.wrong or world.env.exists:
        return world.env.wrong
    return "there is none" if world.env.example is not None or _lacking(world) else ""


def private(world: World) -> str:
    """Probe: nobody else can read .env."""
    return f"its mode is {world.env.mode:o}: others may read it" if world.env.mode & 0o077 else ""


def clear(world: World) -> str:
    """Probe: .env says each key once, and nothing but keys."""
    said = []
    if world.env.twice:
        said.append(f"the last one counts of {', '.join(world.env.twice)}")
    if world.env.unread:
        said.append(f"not KEY=VALUE: line {', '.join(map(str, world.env.unread))}")
    if void := [key for key, value in world.env.values.items() if "\0" in value]:
        said.append(f"no environment can hold the NUL in {', '.join(void)}")
    return "; ".join(said)


def complete(world: World) -> str:
    """Probe: .env has every key of its example."""
    return f"it lacks {', '.join(world.env.new)}" if world.env.exists and world.env.new else ""


def required(world: World) -> str:
    """Probe: what the service can't do without has a value."""
    return "; ".join(_lacking(world))


def valued(world: World) -> str:
    """Probe: everything else that .env.example names has a value of its own."""
    from . import values

    example = world.env.example or {}
    # A default in the example may be taken as it is; what has none there is for each to fill in.
    asked = tuple(
        key
        for key, value in example.items()
        if key not in world.required
        and (key in world.values or not value or values.placeholder(value))
    )
    return "; ".join(values.lacking(asked, world.values, example))


def formed(world: World) -> str:
    """Probe: what has a known form has it."""
    from . import values

    return "; ".join(values.malformed(world.values))


def startable(world: World) -> str:
    """Probe: the stack can be started, where that is asked for."""
    return world.stack_missing if world.stack else ""


def up(world: World) -> str:
    """Probe: the stack is up, where that was looked at."""
    return world.stack_wrong


def _lacking(world: World) -> tuple[str, ...]:
    from . import values

    return values.lacking(world.required, world.values, world.env.example or {})


def _pinned(lock: Path) -> bool:
    return "--hash=" in lock.read_text(encoding="utf-8")
