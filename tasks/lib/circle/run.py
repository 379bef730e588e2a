"""`inv circle.run`: read, plan, ask for what is lacking, run, and say where it stopped."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Sequence

from .. import console, project
from ..declare import Outcome
from ..errors import Interrupted, NotClosed, Refused
from . import going, laying, telling
from .going import Gone, Ran
from .looked import LEFT, RUN, Asked, World, chain, refuse_unknown, unmade, unset
from .settings import CIRCLE
from .steps import Step, parse

if TYPE_CHECKING:
    from ..settings import Settings

BRINGS = "preaggregate"  # the step after which there is telemetry to be asked
REFUSED = 2  # the exit code of what changed nothing


def read(settings: Settings, root: Path, asked: Asked) -> World:
    """Return the world of a run. Raises Refused."""
    name = asked.path or CIRCLE
    texts = settings.circle.paths.get(name)
    if texts is None:
        known = ", ".join(settings.circle.paths)
        raise Refused(f"There is no path {name!r}; there are: {known}.", kind="config")
    written = tuple(parse(text) for text in texts)
    refuse_unknown(settings, written, asked.env, name)
    usual = settings.default_environment
    path = laying.laid(written, asked.env, usual, partial(chain, settings))
    if unmade(settings, root, path):
        path = laying.made_first(path)
    steps = laying.cut(path, asked.first, asked.last, name)
    steps = laying.filled(steps, laying.given(asked.more, steps))
    world = World(settings, root, asked, path, steps)
    _refuse_unnamed(world)
    return world


def _refuse_unnamed(world: World) -> None:
    """Refuse `--yes` without the environment's name, as the phases do."""
    if not world.asked.yes or world.asked.env:
        return
    for name in (step.env for step in world.steps if step.kind.yes):
        if name and world.settings.environment(name).confirm:
            raise Refused(f"--yes needs --env={name}, so that nothing is done by a default.")


def plan(world: World) -> Outcome:
    """Show what would be run and what would not, and why; change nothing."""
    rows = _planned(world)
    _tell(world)
    telling.planned([(ran.step.label, ran.state, ran.why) for ran in rows])
    if why := next((why for step in world.steps if (why := world.unfit(step))), ""):
        console.warn(f"{why}: commit first, or the run stops there")
    if why := unset(world.settings, world.steps):
        console.warn(f"{why}; {_setting_up(world)}")
    lacking = [step for step in world.steps if world.lacks(step)]
    following = _completing(world, lacking) if lacking else again(world, 0)
    document = _detail(world, rows)
    return Outcome(document, next=following, document=document)


def _setting_up(world: World) -> str:
    """Return what to do where the hosts are the example's: a path can be tried all the same."""
    path = f" --path={world.asked.path}" if world.asked.path else ""
    return (
        "put your own in invoke.yaml, or try it on this machine: "
        f"`inv circle.run{path} --env=sandbox`."
    )


def _planned(world: World) -> tuple[Ran, ...]:
    found: list[Ran] = []
    for step in world.steps:
        coming = any(ran.step.task == BRINGS and ran.state == RUN for ran in found)
        judged = world.judge(step, coming)
        lacks = world.lacks(step)
        why = f"asks for {' and '.join(lacks)}" if lacks else judged.why
        state = going.AGAIN if judged.state not in (RUN, LEFT) else judged.state
        found.append(Ran(step, state, why))
    return tuple(found)


def carry_out(world: World) -> Outcome:
    """Run the steps. Raises Refused (nothing was run), NotClosed and Interrupted."""
    if why := unset(world.settings, world.steps):
        raise Refused(f"{why}; {_setting_up(world)}", kind="config")
    ask = _question if sys.stdin.isatty() else None
    world.steps = completed(world, ask)
    _refuse_silent(world, ask is not None)
    _refuse_idle(world)
    _tell(world)
    gone = going.go(world)
    telling.table([(ran.step.label, ran.state, ran.seconds, ran.why) for ran in gone.steps])
    console.say(f"{gone.seconds:.1f} s in all")
    if gone.stopped is not None:
        raise _stopped(world, gone, gone.stopped)
    if not any(ran.state in (going.DONE, going.AGAIN) for ran in gone.steps):
        raise NotClosed(
            f"Nothing of {world.name} closed: `{_command(world)} --plan` says why.",
            detail=_detail(world, gone.steps),
        )
    for url in world.served():
        console.say(f"{world.to} answers at {url}")
    return Outcome(_detail(world, gone.steps), next="inv circle.status")


def _refuse_idle(world: World) -> None:
    """Refuse where nothing can be done, or nothing that would count."""
    whys = []
    for step in world.steps:
        judged = world.judge(step)
        if judged.state != LEFT:
            if unfit := world.unfit(step):
                why = f"{unfit.capitalize()}: commit, then `{_command(world)}`."
                raise Refused(why, kind="dirty")
            return
        whys.append(judged.why)
    told = "; ".join(dict.fromkeys(whys))
    raise Refused(f"Nothing of {world.name} can be done here: {told}.", kind="idle")


def completed(world: World, ask: Callable[[str], str] | None) -> tuple[Step, ...]:
    """Return the steps with what they need and weren't given, asked for before anything is run.

    ask: puts a question and returns the answer; None where nobody is there. A step that only
    informs is left out where the answer is empty. Raises Refused.
    """
    lacks = {step: world.lacks(step) for step in world.steps}
    lacking = [step for step, needs in lacks.items() if needs]
    if lacking and ask is None:
        said = "; ".join(f"{step.task} needs {' and '.join(lacks[step])}" for step in lacking)
        raise Refused(f"{said}: `{_completing(world, lacking)}`.", kind="config")
    found: list[Step] = []
    for step in world.steps:
        answers = _answers(step, lacks[step], ask) if ask else []
        if len(answers) == len(lacks[step]):
            found.append(step._replace(words=(*answers, *step.words)))
        elif step.informs:
            console.say(f"{step.label} is left out.")
        else:
            raise Refused(f"{step.task} is not run without {' and '.join(lacks[step])}.")
    return tuple(found)


def _completing(world: World, lacking: Sequence[Step]) -> str:
    """Return the command of this run with what the steps lack, to be filled in."""
    given = laying.given(world.asked.more, world.steps) if world.asked.more else {}
    for step in lacking:
        given[step.task] = (*given.get(step.task, ()), *map(_example, world.lacks(step)))
    words = [word for task in given for word in (task, *given[task])]
    return f"{_command(world)} -- {shlex.join(words)}"


def _answers(step: Step, needs: Sequence[str], ask: Callable[[str], str]) -> list[str]:
    """Return what a step lacks as its words, up to the first empty answer."""
    found: list[str] = []
    for need in needs:
        said = ask(f"{step.label}, {need}: ").strip()
        if not said:
            break
        found.append(f"{need}={said}" if need.startswith("-") else said)
    return found


def _example(need: str) -> str:
    value = "NAME" if need == "--reviewed-by" else "WHY"
    return f"{need}={value}" if need.startswith("-") else need


def _question(text: str) -> str:
    print(text, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _refuse_silent(world: World, there: bool) -> None:
    """Refuse beforehand what a step would refuse later: to ask where nobody is."""
    if world.asked.yes or there:
        return
    for step in world.steps:
        if step.kind.yes and step.env and world.settings.environment(step.env).confirm:
            raise Refused(
                f"{step.task.capitalize()} has to be confirmed in {step.env}, and nobody is there:"
                f" add `--env={step.env} --yes`."
            )


def _tell(world: World) -> None:
    commit = project.commit(world.root)[:7] or "no commit yet"
    telling.begin(f"Path {world.name} for {commit}, {world.to}:", [s.label for s in world.steps])


def _stopped(world: World, gone: Gone, at: int) -> NotClosed:
    ran = gone.steps[at]
    following, detail = again(world, at), _detail(world, gone.steps)
    where = f"{ran.step.label} (step {at + 1} of {len(gone.steps)})"
    if ran.step.kind.once and ran.code not in (None, REFUSED):
        return _unsure(world, ran, at, where, detail)
    if ran.state == going.ENDED:
        return Interrupted(
            f"Interrupted at {where}; go on with `{following}`.", detail=detail, next=following
        )
    if ran.code is None:
        said = f"The run stopped before {where}: {ran.why}; commit, then `{following}`."
    else:
        said = f"The run stopped at {where}, {ran.why}; when that is mended: `{following}`."
    return NotClosed(said, kind="stopped", detail=detail, next=following)


def _unsure(world: World, ran: Ran, at: int, where: str, detail: dict[str, Any]) -> NotClosed:
    """Return what is said of a step that must not be done twice, and may have been done although it
    didn't close: as a rollback whose trouble goes on, or whose watch was interrupted."""
    ended = ran.state == going.ENDED
    said = f"Interrupted at {where}" if ended else f"The run stopped at {where}, {ran.why}"
    look = f"inv {ran.step.kind.seen}" + (f" --env={ran.step.env}" if ran.step.env else "")
    behind = f"go on with `{_begin(world, at + 1)}`" if world.steps[at + 1 :] else "nothing is left"
    said += f"; it may have been done all the same: see with `{look}`. Where it was, {behind}; "
    said += f"else `{again(world, at)}`."
    error = Interrupted if ended else NotClosed
    return error(said, kind="stopped", detail=detail, next=look)


def again(world: World, at: int) -> str:
    """Return the command that goes on where a run stopped: at its step `at`."""
    return _begin(world, laying.resumed(world.steps, at))


def _begin(world: World, begin: int) -> str:
    """Return the command of this run that begins with its step `begin`."""
    first = laying.begun(world.path, world.steps[begin]) if begin else world.asked.first
    given = laying.given(world.asked.more, world.steps) if world.asked.more else {}
    left = {step.task for step in world.steps[begin:]}
    words = [word for task in given if task in left for word in (task, *given[task])]
    return shlex.join([*shlex.split(_command(world, first)), *(["--", *words] if words else [])])


def _command(world: World, first: str | None = None) -> str:
    """Return the command line of this run, with another step to begin with."""
    asked = world.asked
    said = {"path": asked.path, "env": asked.env, "to": asked.last}
    said["from"] = asked.first if first is None else first
    words = [f"--{name}={value}" for name, value in said.items() if value]
    config = [f"--config={asked.config}"] if asked.config else []
    return shlex.join(["inv", *config, "circle.run", *words, *(["--yes"] if asked.yes else [])])


def _detail(world: World, steps: tuple[Ran, ...]) -> dict[str, Any]:
    return {
        "path": world.name,
        "environment": world.to,
        "commit": project.commit(world.root),
        "steps": [ran.document() for ran in steps],
    }
