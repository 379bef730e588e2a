"""The phase `host` for the developer's own machine: read, decide, act, read again."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, NoReturn

from .. import console, project, tools
from ..declare import Outcome
from ..errors import Interrupted, NotClosed, Refused
from ..telemetry import composed
from . import compose, locked, shells, stack, variables, venv
from .world import World

if TYPE_CHECKING:
    from ..settings import Settings

# What pip says when it fails, and the kind of failure that the runbook's rows are about.
_KINDS = (
    ("conflict", r"conflicting dependencies|ResolutionImpossible"),
    ("hash", r"DO NOT MATCH THE HASHES|do not match the hashes"),
    ("build", r"Python\.h|Failed (to build|building)|subprocess-exited-with-error|error: command"),
    ("disk", r"No space left on device"),
    ("network", r"Connection|Temporary failure|Max retries|timed out|No matching distribution"),
)


def read(settings: Settings, root: Path, recreate: bool, start: bool, look: bool) -> World:
    """Return the developer's machine as it is.

    recreate: .venv is to be made anew. start: the stack is to be started. look: also look whether
    it is up, which takes a moment. Raises Refused for what keeps it from being seen.
    """
    environment = settings.environment("sandbox")  # the one that is always there
    place = composed.here(root, settings.stack)
    python = os.environ.get("PYTHON", "")
    names = (*settings.host.requirements, environment.requirements)
    locks = tuple(dict.fromkeys(each for each in names if each and (root / each).is_file()))
    try:
        wanted = venv.digests(root, locks)
    except venv.Failed as error:
        raise Refused(str(error), kind="install") from None
    state = venv.read(root, python)
    seen = state.exists and not state.wrong
    differing = locked.differing(root, locks, state) if seen else ()
    env = variables.read(root)
    base = python or venv.base()
    plan = venv.decide(state, wanted, recreate, again=bool(differing))
    return World(
        root=root,
        place=place,
        base=base,
        base_wrong=_wrong(base, bool(plan.make)) if plan.make or python else "",
        clone=bool(project.commit(root)),
        locks=locks,
        state=state,
        plan=plan,
        recreate=recreate,
        differing=differing,
        env=env,
        values={**env.values, **{k: os.environ[k] for k in _asked(env) if k in os.environ}},
        required=environment.required,
        stack=start,
        stack_missing=stack.missing(_with_env(place, env)) if start else "",
        stack_wrong=_stack(place) if look else "",
    )


def prepare(world: World, agreed: Callable[[str], bool] | None) -> Outcome:
    """Make it so: .venv, .env, and the stack where it is asked for.

    agreed: asks a question and returns whether the answer was yes; None where nobody is there.
    """
    _venv(world)
    env = _env(world, agreed)
    if world.stack:
        found = stack.start(world.place)
        console.table([(each.name, "up") for each in found], ("service", "state"))
    done = world.plan != venv.Plan() or env in ("made", "extended") or world.stack
    now = world._replace(**_now(world)) if done else world
    _tell(now)
    return Outcome(detail=_detail(now, env), world=now)


def _now(world: World) -> dict[str, Any]:
    """Return what of the world has changed by what was done, looked at again."""
    state, env = venv.read(world.root), variables.read(world.root)
    differing = locked.differing(world.root, world.locks, state) if not state.wrong else ()
    wanted = venv.digests(world.root, world.locks)
    real = {key: world.values[key] for key in world.values if world.values[key]}
    return {
        "state": state,
        "plan": venv.decide(state, wanted, False, bool(differing)),
        "recreate": False,
        "differing": differing,
        "env": env,
        "values": {**env.values, **real},
        "stack_wrong": stack.troubled(world.place) if world.stack else "",
    }


def _venv(world: World) -> None:
    """Have .venv made and filled by a process that doesn't live in it, and go on in the new one."""
    plan, root = world.plan, world.root
    if plan == venv.Plan():
        return
    inside = venv.same(Path(sys.prefix), root / ".venv")
    argv = [world.base, "-I", venv.__file__, "--root", str(root)]
    argv += [f"--lock={each}" for each in world.locks]
    argv += ["--recreate", "--python", world.base] if plan.make else []
    argv += ["--again"] if world.differing else []
    if inside and os.name == "nt":
        raise Refused(
            "Windows doesn't let .venv be changed while inv runs from it; run instead: "
            + " ".join(f'"{word}"' if " " in word else word for word in argv),
            kind="venv",
        )
    try:
        ran = tools.run(argv, root)
    except KeyboardInterrupt:
        kept = "as it was" if plan.make and world.state.exists else "not complete"
        raise Interrupted(f"Interrupted; .venv is {kept}: run `inv host` again.") from None
    if ran.code:
        said = [line for line in ran.output.splitlines() if line.strip()]
        raise NotClosed(
            (said or ["Making .venv failed."])[-1].replace("then try again", "then run `inv host`"),
            kind=kind(ran.output),
        )
    if inside:
        _go_on(root)


def kind(output: str) -> str:
    """Return the kind of an installation's failure, by what pip says."""
    return next((name for name, said in _KINDS if re.search(said, output)), "install")


def _go_on(root: Path) -> NoReturn:
    """Begin again in the .venv that has just been made, in place of this process: what of the old
    one isn't loaded yet is gone. There is nothing to do about it there, so this happens once."""
    if not venv.has(root, "invoke"):
        raise NotClosed(
            ".venv is as its locks have it, and they have no invoke: name the recipes' "
            "requirements.txt under `host: requirements:` in invoke.yaml, then run scripts/setup.",
            kind="install",
        )
    python = str(venv.interpreter(root / ".venv"))
    words = [word for word in sys.argv[1:] if word != "--recreate"]
    sys.stdout.flush(), sys.stderr.flush()
    os.execv(python, [python, "-m", "invoke", *words])


def _env(world: World, agreed: Callable[[str], bool] | None) -> str:
    """Make .env, or offer what is new; return what was done."""
    env = world.env
    if env.example is None:
        return "none" if not env.exists else "kept"
    if not env.exists:
        made = variables.create(world.root)
        console.say(f".env is made from .env.example, for you alone{_made_up(made)}.")
        return "made"
    if not env.new:
        return "kept"
    names = ", ".join(env.new)
    if agreed is None or not agreed(f".env.example has what .env lacks: {names}. Add it?"):
        return "kept"
    made = variables.append(world.root, env.new)
    console.say(f"Added at the end of .env: {names}{_made_up(made)}.")
    return "extended"


def _made_up(keys: tuple[str, ...]) -> str:
    return f", with a random value for {' and '.join(keys)}" if keys else ""


def _tell(world: World) -> None:
    console.say(
        f".venv: Python {venv.dotted(world.state.version)} and what {', '.join(world.locks)} says."
    )
    place = Path(".venv") if Path.cwd() == world.root else world.root / ".venv"
    shell = shells.current(shells.above(), os.environ.get("SHELL", ""))
    if venv.same(Path(os.environ.get("VIRTUAL_ENV") or "/"), world.root / ".venv"):
        console.say(f"It is activated here; elsewhere: {shells.activation(shell, place)}")
    else:
        console.say(f"Activate it: {shells.activation(shell, place)}")


def _detail(world: World, env: str) -> Mapping[str, Any]:
    return {
        "python": venv.dotted(world.state.version),
        "locks": list(world.locks),
        "env": env,
        "stack": world.stack,
    }


def _asked(env: variables.Found) -> set[str]:
    return set(env.values) | set(env.example or {})


def _wrong(base: str, makes: bool) -> str:
    version = venv.version_of(base)
    if not version:
        return f"{base} doesn't run"
    if version < venv.OLDEST:
        return f"{base} is Python {venv.dotted(version)}"
    return f"{base} has no venv module" if makes and not venv.can_make(base) else ""


def _with_env(place: compose.Here, env: variables.Found) -> compose.Here:
    """Return the stack as it is once .env is made: what is asked for in there is there then."""
    if env.exists or env.example is None:
        return place
    made = {key: "any" for key in variables.GENERATED if key in env.example}
    return place.told({key: said for key, said in made.items() if key not in os.environ})


def _stack(place: compose.Here) -> str:
    """Return what of the stack isn't up; a project without one has nothing that could be."""
    if not compose.file(place.root):
        return ""
    return stack.missing(place) or stack.troubled(place)
