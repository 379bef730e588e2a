"""What `inv lint` does: format and then check, or only check."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from .. import console, tools
from ..declare import Outcome
from . import black, flake8, hooks, mypy, report, shipped, yamlfiles
from .report import Found, Report, Result, Tool
from .world import World


def check(world: World) -> Outcome:
    """Look, all at once, and change nothing."""
    _tell_part(world)
    formatter = [_black(world)] if world.lint.black and _has_python(world) else []
    return _told(world, Report(_together(world, [*formatter, *_readers(world)])))


def mend(world: World) -> Outcome:
    """Format; then check, what only reads all at once; then run the hooks, and where one of those
    rewrote files, all of it once more."""
    _tell_part(world)
    found = Report(_formatted(world)).over(_together(world, _readers(world)))
    if world.hooks():
        for _ in range(2):
            ran = _hooks(world, found)
            found = found.over([ran])
            if not ran.found.changed:
                break
            console.say("\nA hook rewrote files: Black and Flake8 once more.")
            found = found.over([*_formatted(world), *_together(world, _style(world))])
    return _told(world, found)


def _tell_part(world: World) -> None:
    if world.tree.chosen is not None:
        names = world.tree.some()
        differ = "1 file differs" if len(names) == 1 else f"{len(names)} files differ"
        console.say(f"{differ} from {world.tree.against}; only that is looked at.")


def _has_python(world: World) -> bool:
    """Tell whether there is something for Black and Flake8: a part may have none."""
    return world.tree.chosen is None or bool(world.tree.some(*black.SUFFIXES))


def _black(world: World) -> Tool:
    return black.tool(world.tree, _program(world, black.NAME), world.check)


def _program(world: World, name: str) -> Path:
    found = world.programs[name]
    assert found is not None, "a prerequisite"
    return found


def _formatted(world: World) -> tuple[Result, ...]:
    if not (world.lint.black and _has_python(world)):
        return ()
    tool = _black(world)
    return (report.result(tool, tools.run(tool.argv, world.root)),)


def _style(world: World) -> list[Tool]:
    if not _has_python(world):
        return []
    return [flake8.tool(world.tree, _program(world, flake8.NAME))]


def _readers(world: World) -> list[Tool]:
    """Return the tools that write nothing and are there."""
    found = _style(world)
    program = world.programs[mypy.NAME]
    if world.types() and program and _has_python(world):
        found.append(mypy.tool(world.tree, program))
    for each in world.wanted:
        if path := world.programs[each.program]:
            found.append(each.tool(path))
    return found


def _together(world: World, readers: Sequence[Tool]) -> tuple[Result, ...]:
    """Run them side by side; each one's words are shown when all before it have ended."""
    results = []
    for tool, ran in zip(readers, tools.together([tool.argv for tool in readers], world.root)):
        if shipped.is_missing(ran) and (older := shipped.without_plugin(tool)):
            ran = tools.run(older.argv, world.root, show=False)
        if why := shipped.left(ran):
            results.append(Result(tool.name, Found(), left=why))
            continue
        results.append(report.result(tool, ran))
        _say(results[-1])
    return tuple(results)


def _say(result: Result) -> None:
    if text := result.found.text.strip("\n"):
        console.say(text)


def _hooks(world: World, found: Report) -> Result:
    ran = [each.name for each in found.results if not each.left]
    repeated = hooks.repeating(world.root, ran)
    if set(hooks.ids(world.root)) <= set(repeated):
        return Result(hooks.NAME, Found(), left="each of its hooks has just run")
    if repeated:
        console.say(f"Hooks that have just run as they are: {', '.join(repeated)}.")
    tool = hooks.tool(world.tree, _program(world, hooks.NAME))
    return report.result(tool, tools.run(tool.argv, world.root, env=hooks.variables(repeated)))


def _told(world: World, found: Report) -> Outcome:
    parsed, seconds = world.parsed
    if parsed:
        read = yamlfiles.result(parsed, seconds)
        _say(read)
        found = found.over([read])
    found = found.over(_left(world))
    report.show(found)
    partial = {"partial": f"what differs from {world.tree.against}"} if world.tree.against else {}
    return Outcome(detail={**found.detail(), **partial}, world=found)


def _left(world: World) -> list[Result]:
    """Return what there would have been something for, and why it was not looked at."""
    left = []
    if world.types() and not world.programs[mypy.NAME]:
        left.append((mypy.NAME, "it is set up and not installed"))
    if (world.root / hooks.CONFIG).is_file() and world.lint.hooks and not world.hooks():
        why = "hooks may write" if world.check else "hooks need a git repository"
        left.append((hooks.NAME, why))
    for each in world.wanted:
        if not world.programs[each.program]:
            left.append((each.name, f"{each.program} is not installed ({each.about})"))
    return [Result(name, Found(), left=why) for name, why in left]
