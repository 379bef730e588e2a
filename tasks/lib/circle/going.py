"""A run of the steps: each an `inv` of its own on this terminal, until one doesn't close."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from .. import tools
from . import telling
from .looked import LEFT, RUN, Judged, World
from .steps import Step

WAITING, DONE, TROUBLED, REFUSED, INFORMED, ENDED, AGAIN = (
    "waiting",
    "closed",
    "troubled",
    "refused",
    "informed",
    "interrupted",
    "not repeated",
)
INTERRUPTED = 130


class Ran(NamedTuple):
    """What became of a step. seconds: None where it was not run. code: its exit code, if it was."""

    step: Step
    state: str = WAITING
    why: str = ""
    seconds: float | None = None
    code: int | None = None

    def document(self) -> dict[str, Any]:
        """Return it as --json has it."""
        told = {"step": self.step.label, "command": shlex.join(command(self.step))}
        seconds = None if self.seconds is None else round(self.seconds, 3)
        return {**told, "state": self.state, "why": self.why, "seconds": seconds}


class Gone(NamedTuple):
    """A whole run. stopped: which step ended it, None where all closed."""

    steps: tuple[Ran, ...]
    seconds: float
    stopped: int | None = None


def command(step: Step, yes: bool = False) -> list[str]:
    """Return the words of a step as a person would write them."""
    more = ["--yes"] if yes and step.kind.yes else []
    return ["inv", step.task, *step.kind.always, *step.words, *more]


def go(world: World) -> Gone:
    """Run the steps in their order, up to the first that doesn't close."""
    since = time.monotonic()
    found: list[Ran] = []
    for step in world.steps:
        number = len(found) + 1
        ran = _step(world, step, number, time.monotonic() - since)
        found.append(ran)
        if ran.state in (TROUBLED, REFUSED, ENDED):
            rest = (Ran(each) for each in world.steps[number:])
            return Gone((*found, *rest), time.monotonic() - since, number - 1)
    return Gone(tuple(found), time.monotonic() - since)


def _step(world: World, step: Step, number: int, spent: float) -> Ran:
    try:
        if why := world.unfit(step):
            return Ran(step, REFUSED, why)
        judged = world.judge(step)
    except KeyboardInterrupt:
        return Ran(step, ENDED)
    count = len(world.steps)
    if judged.state != RUN:
        state = LEFT if judged.state == LEFT else AGAIN
        telling.passed(number, count, f"{step.label}, {state}: {judged.why}")
        return Ran(step, state, judged.why)
    telling.heading(number, count, step.label, spent)
    begun = time.monotonic()
    try:
        code = tools.attached(_argv(world, step), world.root).code
    except KeyboardInterrupt:
        code = INTERRUPTED
    return _ended(step, code, time.monotonic() - begun, judged)


def _argv(world: World, step: Step) -> list[str]:
    file = world.asked.config  # as it was named from where we are, which the step is not
    config = [f"--config={Path(file).resolve()}"] if file else []
    return [sys.executable, "-m", "invoke", *config, *command(step, world.asked.yes)[1:]]


def _ended(step: Step, code: int, seconds: float, judged: Judged) -> Ran:
    if code == 0:
        return Ran(step, DONE, "", seconds, code)
    if code == INTERRUPTED:
        return Ran(step, ENDED, "", seconds, code)
    said = f"exit code {code}" if code > 0 else f"ended by signal {-code}"
    if code in judged.spared:
        return Ran(step, INFORMED, f"{said}; {judged.why}", seconds, code)
    return Ran(step, REFUSED if code == 2 else TROUBLED, said, seconds, code)
