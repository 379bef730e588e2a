"""What a run of the circle rests on, read when it begins and again when a step's turn comes."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Sequence

from .. import evidence, inspect, project, public, target
from ..errors import Refused, Trouble
from ..moment import known
from ..telemetry.flow import LOCAL
from . import telling
from .laying import SANDBOX
from .settings import CIRCLE
from .standing import Stand, standing
from .steps import Step

if TYPE_CHECKING:
    from ..settings import Environment, Settings

RUN, CLOSED, LEFT = "run", "closed", "left out"

# What asks the telemetry of an environment, and so can do nothing where there is none.
ASKING = ("visualize", "alert", "visualize.check", "visualize.report", "alert.test", "alert.review")

VERSION = ("--version", "-v")  # by which a deploy takes another commit


class Asked(NamedTuple):
    """What the command line says. first, last: --from and --to. more: what follows `--`. config:
    the file that `inv --config` names, for each step as well."""

    env: str = ""
    path: str = ""
    first: str = ""
    last: str = ""
    yes: bool = False
    more: tuple[str, ...] = ()
    config: str = ""


class Judged(NamedTuple):
    """What is done with a step: RUN, CLOSED (for this commit) or LEFT (out), and why. spared: exit
    codes that don't stop the path."""

    state: str
    why: str = ""
    spared: tuple[int, ...] = ()


class World:
    """The configuration, what was asked for, and the steps. path: all of it; steps: those between
    --from and --to."""

    def __init__(
        self,
        settings: Settings,
        root: Path,
        asked: Asked,
        path: tuple[Step, ...],
        steps: tuple[Step, ...],
    ) -> None:
        self.settings, self.root, self.asked = settings, root, asked
        self.path, self.steps = path, steps

    @cached_property
    def deploys(self) -> tuple[str, ...]:
        """The environments that the path deploys to, in their order."""
        return tuple(step.env for step in self.path if step.task == "deploy")

    @property
    def name(self) -> str:
        """The path's name."""
        return self.asked.path or CIRCLE

    @property
    def to(self) -> str:
        """The environment that it is all about."""
        named = self.deploys or tuple(step.env for step in self.path if step.env)
        return self.asked.env or (named or (self.settings.default_environment,))[-1]

    def judge(self, step: Step, coming: bool = False) -> Judged:
        """Return what is to be done with a step now.

        coming: the telemetry that it asks is about to be brought up by a step before it.
        """
        spared = (1, 2) if step.informs else ()
        if why := self._unasked(step):
            return Judged(LEFT, why)
        if why := self._closed(step):
            return Judged(CLOSED, why)
        if why := "" if coming else self._lacking(step):
            if step.task != "monitor":
                return Judged(LEFT, why)
            # It tells health, release and logs all the same, and says itself what can't be known.
            return Judged(RUN, why, (*spared, 2))
        return Judged(RUN, "it only informs" if step.informs else "", spared)

    def lacks(self, step: Step) -> tuple[str, ...]:
        """Return what a step needs and isn't given, in the words of its task: of a release, where
        no GitHub can be asked for it, who has looked at the changes."""
        if step.task != "release" or not self.settings.release.review:
            return step.lacks()
        if step.option("--reviewed-by") or step.option("--force") or self.judge(step).state != RUN:
            return step.lacks()
        from .. import github

        on_github = github.repository(self.root, self.settings.remote)
        return step.lacks() if on_github else (*step.lacks(), "--reviewed-by")

    def _unasked(self, step: Step) -> str:
        """Return why a version needs no name; "" where it does, or it is no question here."""
        if step.task != "release" or not self.deploys:
            return ""
        wants = [name for name in self.deploys if _named(self.settings.environment(name))]
        return "" if wants else f"{self.deploys[-1]} asks for none"

    def _lacking(self, step: Step) -> str:
        """Return what of telemetry isn't to be had here, where nobody asks for it either."""
        if step.task not in ("preaggregate", "monitor", *ASKING):
            return ""
        name = step.env or self.to
        if name == LOCAL or asks(self.settings.environment(name)):
            return ""
        said = self._stack(step) if step.task == "preaggregate" else self._data(name)
        return f"{said}; {name} asks for none" if said else ""

    def _stack(self, step: Step) -> str:
        """Return what keeps the stack from being started, "" where it needn't be or can be."""
        if "--no-stack" in step.words:
            return ""
        from ..developer import stack
        from ..telemetry import composed

        # What Docker itself says of it fills lines; `inv preaggregate` has all of it.
        return stack.missing(composed.here(self.root, self.settings.stack)).partition(": ")[0]

    def _data(self, name: str) -> str:
        """Return why Prometheus has nothing of an environment, "" where it has."""
        from ..telemetry.flows import reach
        from ..telemetry.prometheus import Prometheus, matching

        places = reach(self.settings, self.settings.environment(name), self.root)
        with Prometheus(places.prometheus) as asked:
            if asked.answers():
                return f"no Prometheus at {places.prometheus}"
            if asked.query(f"count({matching({'environment': name})})"):
                return ""
        return f"Prometheus has no data of {name}"

    def _closed(self, step: Step) -> str:
        """Return by what a step is known to have closed for this commit, "" where it isn't."""
        commit = project.commit(self.root)
        if not (step.kind.proves and commit):
            return ""
        if step.task == "deploy":
            # Of another version than this commit's the deploy itself knows where it stands.
            other = any(word.partition("=")[0] in VERSION for word in step.words)
            return "" if other else self._live(step.env, commit)
        found = standing(self.root, commit, self.settings.release)[step.task]
        if not found.closed or (step.task == "preaggregate" and self._elsewhere(step, found)):
            return ""
        by = f" by {found.who}" if found.who else ""
        return f"closed{telling.ago(known(found.at))}{by}"

    def _elsewhere(self, step: Step, found: Stand) -> bool:
        """Tell whether it is about another stack than this machine's, or that is gone since."""
        return bool(step.env) or found.environment not in ("", LOCAL) or bool(self._down())

    def _down(self) -> str:
        """Return why the stack can't be what closed once."""
        from ..telemetry.prometheus import Prometheus

        with Prometheus(self.settings.stack.prometheus) as asked:
            return asked.answers()

    def _live(self, env: str, commit: str) -> str:
        """Return since when a commit has closed on each host of an environment; where the path ends
        there, it has to be what is live, too."""
        environment = self.settings.environment(env)
        try:
            targets = target.targets(self.settings, environment, self.root)
            said, absent = inspect.facts(targets, environment)
        except Trouble:
            return ""
        moments = []
        for fact in said.values():
            closed = [e for e in fact["closed"] if e["commit"] == commit and not e["left"]]
            if env == self.deploys[-1]:
                closed = [e for e in closed if e["release"] == fact["current"]]
            moments += [str(closed[-1]["at"])] if closed else []
        if absent or not said or len(moments) < len(said):
            return ""
        return f"closed{telling.ago(known(max(moments)))} on each host"

    def served(self) -> list[str]:
        """Return where what the steps have deployed last is served."""
        if not any(step.task == "deploy" and step.env == self.to for step in self.steps):
            return []
        environment = self.settings.environment(self.to)
        return public.urls(environment, target.targets(self.settings, environment, self.root))

    def unfit(self, step: Step) -> str:
        """Return why nothing can be said of the commit now; "" where something can."""
        if not step.kind.proves:
            return ""
        seen = evidence.state(self.root)
        if not seen.commit:
            return "there is no commit yet"
        return f"the working tree differs from {seen.commit[:7]}" if seen.changed else ""


def asks(environment: Environment) -> bool:
    """Tell whether an environment asks for telemetry: the sandbox only where that is configured."""
    own = environment.observability
    return (
        environment.name != SANDBOX
        or bool(environment.hosts)
        or bool(own.watch or own.prometheus or own.host)
    )


def _named(environment: Environment) -> bool:
    """Tell whether an environment takes nothing but versions that have been released."""
    return "release" in environment.gates


def unmade(settings: Settings, root: Path, steps: Sequence[Step]) -> bool:
    """Tell whether `host` has to come first: .venv lacks something of what is locked."""
    if not {"lint", "host"} <= {step.label for step in steps}:
        return False
    from ..developer import closure, venv

    try:
        return closure.read(settings, root, False, False, False).plan != venv.Plan()
    except Refused:
        return False  # it says so itself when its turn comes


def chain(settings: Settings, name: str) -> tuple[str, ...]:
    """Return the environments that a version closes in on its way to one, that one the last.

    Raises Refused.
    """
    found: list[str] = []
    while name and name not in found:
        found.insert(0, name)
        name = settings.environment(name).after
    return tuple(found)


def unset(settings: Settings, steps: Sequence[Step]) -> str:
    """Return why nothing can be changed where the steps would: the first environment that has
    the example's hosts. "" where each has its own."""
    from .asked import example

    for name in (step.env for step in steps if step.task in ("deploy", "rollback")):
        environment = settings.environment(name or settings.default_environment)
        if example(environment):
            return f"{environment.name} is not set up: its hosts are the example's"
    return ""


def refuse_unknown(settings: Settings, steps: tuple[Step, ...], env: str, path: str) -> None:
    """Raise Refused where a step is for an environment that isn't configured."""
    if env:
        if env != LOCAL or any(step.kind.yes for step in steps):
            settings.environment(env)
        return
    for step in steps:
        if step.env and step.env != LOCAL and step.env not in settings.environments:
            raise Refused(
                f"The path {path} is for {step.env}, and invoke.yaml has no such environment: name"
                f" another, `inv circle.run --path={path} --env={settings.default_environment}`.",
                kind="config",
            )
