"""A declared phase to run, and what the tests of `tasks.lib.phase` ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, NoReturn

from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

from tasks.lib import journal, phase
from tasks.lib.phase import Check, Next, Outcome, Phase, Row


@dataclass
class World:
    """What the checks of these tests look at."""

    key: str = ""
    lint: str = ""
    healthy: str = ""
    quick: str = ""
    environment: Any = ""


@dataclass
class Named:
    name: str


DECLARED = Phase(
    number=6,
    name="deploy",
    closure="Production closure",
    purpose="Move the release to where its users are.",
    prerequisites=(
        Check("an SSH key", lambda world: world.key, "ssh-add"),
        Check("tested", lambda world: world.lint, "Look into the tests.", required=False),
    ),
    procedure=("Switch.",),
    validation=(
        Check("healthy", lambda world: world.healthy, "inv deploy.logs"),
        Check("quick", lambda world: world.quick, "inv deploy.status", required=False),
    ),
    troubleshooting=(
        Row("The health check fails", "Look at the variables.", kinds=("health",)),
        Row("Command not found", "Install it.", codes=(127,)),
        Row("Disk is full", "Make room.", output=r"no space left"),
    ),
    next=Next(closed="inv monitor --env={env}", troubled="inv rollback --env={env}"),
)


def run(
    root: Path, procedure: Callable[[], Outcome] = Outcome, world: Any = None, **options: Any
) -> int:
    """Run the phase in a project of its own and return the exit code."""
    world = World() if world is None else world
    try:
        phase.run(
            DECLARED, Context(Config(project_location=root)), procedure, world=world, **options
        )
    except Exit as error:
        assert not error.message, "what is said is said once, by the phase"
        return int(error.code)
    return 0


def entries(root: Path) -> list[dict[str, Any]]:
    return journal.read(journal.where(root))


def raising(error: BaseException) -> Callable[[], Outcome]:
    def procedure() -> NoReturn:
        raise error

    return procedure
