"""What a deploy and a rollback share: a run on every host, a plan walked step by step, and an end
that is known."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any, Callable, Mapping, Protocol, Sequence

from . import ahead, asking, console, ending, live, public
from .errors import Interrupted, NotClosed, Refused, Trouble
from .fleet import Fleet, HostErrors, Member, held, refusal
from .journal import who
from .moment import iso
from .plan import Plan, Step
from .session import Busy, Value
from .settings import Environment, Settings
from .target import Target
from .watch import Verdict, Verdicts, deciding

MARGIN = 5.0  # seconds over a host's own limit after which it counts as hanging


class Observer(Protocol):
    """Is told of each step as it begins and ends; `seconds` is how long it took."""

    def begin(self, step: str, does: str) -> None: ...

    def end(self, step: str, seconds: float) -> None: ...


class Printed:
    """A line per step that ended."""

    def begin(self, step: str, does: str) -> None: ...

    def end(self, step: str, seconds: float) -> None:
        console.say(f"  {step:<16}{seconds:7.2f} s")


observe: Callable[[], Observer] = Printed


class Rollout:
    """One run on all hosts.

    Subclasses give `kind`, `prepare` (facts to plan) and a `do_<step>` for each step.
    """

    kind = ""
    way_on_failure = "back"

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        targets: Sequence[Target],
        root: Path,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings, self.environment = settings, environment
        self.targets, self.root = targets, root
        utc = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.run = f"{self.kind}-{utc}-{secrets.token_hex(3)}"
        # What the journals say beside: reason, who approved, when it was begun and verified.
        self.said = {"begun": iso(time.time()), **(facts or {})}
        self.seconds: dict[str, float] = {}
        self.plan: Plan | None = None
        self.step = Step("lock", "all", "lock every host and read its facts")
        self.verdict: Verdict | None = None  # that of the watch at the end
        self.watches: dict[str, Verdicts] = {}  # by step
        self.switched_in = 0.0
        self.before: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self.observer = observe()
        self.begun: Callable[[], None] = lambda: None  # told when the run has a plan

    # The whole of it.

    def planned(self) -> Plan:
        """Make the plan from questions that take no lock and write nothing."""
        with Fleet(self.targets, self.environment) as self.fleet:
            self._connect()
            try:
                facts = self._facts()
            except HostErrors as error:
                raise self._refused("could not be asked", error) from None
            return self.prepare(facts)

    def carry_out(self) -> dict[str, Any]:
        """Lock, plan and walk the plan.

        Returns the detail for journal and document. Raises Refused where nothing was
        changed, NotClosed with what was undone, Interrupted.
        """
        spec: dict[str, Any] = {
            "run": self.run,
            "kind": self.kind,
            "who": who(),
            "app": self.settings.app,
        }
        spec.update(adapter=self.environment.adapter, lease=float(self.environment.limits.lease))
        with Fleet(self.targets, self.environment, {"run": self.run, "spec": spec}) as self.fleet:
            self._connect()
            step = self.step
            try:
                self._timed(step, self._lock)
                self.begun()
                if public.urls(self.environment, self.targets):
                    # While the hosts work: it is needed when they have switched, not before.
                    ahead.load("requests")
                assert self.plan is not None
                for step in self.plan.steps:
                    self._timed(step, getattr(self, f"do_{step.act}"))
            except KeyboardInterrupt:
                raise self._failed(step, Interrupted(f"Interrupted in step {step.name}.")) from None
            except (Trouble, HostErrors) as error:
                raise self._failed(step, error) from None
            except BaseException as error:
                # A bug of ours is no reason to leave the hosts as they are.
                self.fleet.leave(f"{type(error).__name__} in step {step.name}", self.way_on_failure)
                raise
        return self.detail("closed")

    def prepare(self, facts: dict[str, Value]) -> Plan:
        """Decide on what the hosts said.

        Raises Refused.
        """
        raise NotImplementedError

    def ids(self) -> bytes | None:
        """Return the object ids (20 bytes each) to ask the hosts about, None for none."""
        return None

    def detail(self, outcome: str) -> dict[str, Any]:
        """Return what is told of the run: names, seconds per step, the watch, each host's
        outcome."""
        plan = self.plan
        return {
            "run": self.run,
            "environment": self.environment.name,
            "release": plan.release if plan else "",
            "version": plan.version if plan else "",
            "commit": plan.commit if plan else "",
            "facts": plan.facts if plan else "",
            "from": next(iter(self.before.values()), ""),
            "hosts": {name: {"outcome": outcome} for name in self.names},
            "steps": {name: round(spent, 3) for name, spent in self.seconds.items()},
            "switch_seconds": round(self.switched_in, 4),
            "watch": self.verdict.document() if self.verdict else None,
            "watches": {
                step: {
                    source: {about or "all": each.document() for about, each in found.items()}
                    for source, found in verdicts.items()
                }
                for step, verdicts in self.watches.items()
            },
            "reverted": False,
            **self.said,
        }

    @property
    def names(self) -> list[str]:
        return [target.name for target in self.targets]

    # Steps that both have.

    def _connect(self) -> None:
        errors = self.fleet.connect()
        if errors:
            raise refusal(errors, self.environment.name)

    def _lock(self) -> None:
        try:
            self.fleet.begin()
            facts = self._facts()
        except HostErrors as error:
            for name, each in error.errors.items():
                if isinstance(each, Busy):
                    raise held(name, each, self.environment.name) from None
            raise self._refused("could not be prepared", error) from None
        for name, fact in facts.items():
            if fact.get("settled"):
                done = fact["settled"]
                serves = done["current"] or "nothing"
                console.warn(
                    f"{name}: an interrupted run was settled first: {done['outcome']},"
                    f" {serves} is live"
                )
        self.plan = self.prepare(facts)
        if said := asking.staged(self.plan):
            console.say(f"  {said}")

    def _facts(self) -> dict[str, Value]:
        ids, limit = self.ids(), self.environment.limits.step + MARGIN
        blob = None if ids is None else [ids]
        facts: dict[str, Value] = self.fleet.call("facts", limit, blob=blob)
        self.before = {name: fact["current"] for name, fact in facts.items()}
        self.missing = {name: fact.pop("missing", "") for name, fact in facts.items()}
        return facts

    def _refused(self, what: str, error: HostErrors) -> Refused:
        said = next(iter(error.errors.values())).message
        return Refused(
            f"{error.names} {what} ({said}); nothing was changed: `inv deploy.status --env="
            f"{self.environment.name}`.",
            kind=error.kind,
            evidence=error.evidence,
            hosts=error.document(),
        )

    def members(self) -> list[Member]:
        """Return the hosts of the step that is under way: a stage's, or all."""
        hosts = self.step.hosts
        return [member for member in self.fleet.members if not hosts or member.name in hosts]

    def do_switch(self) -> None:
        """Rename `current` on every host of the stage."""
        assert self.plan is not None
        begun, way = time.monotonic(), self.way_on_failure or "forward"
        words: dict[str, Any] = {"release": self.plan.release, "way": way, "facts": self.said}
        try:
            self.call("switch", 0.0, self.members(), **words)
        finally:
            self.switched_in += time.monotonic() - begun
            self.said["switched"] = iso(time.time())

    def do_verify(self) -> None:
        """Ask through each host's own front; when no host is left to switch, as users ask, too."""
        assert self.plan is not None
        hosts, groups = self.step.hosts, self.plan.stages
        last = not hosts or hosts == groups[-1]
        live.verify(self.fleet, self.environment, self.plan.release, self.members(), users=last)
        if last:
            self.said["verified"] = iso(time.time())

    def do_watch(self) -> None:
        """Watch the public addresses, or between stages each host that has switched by itself; a
        release that isn't good enough, or a lost host, ends it."""
        assert self.plan is not None
        about = (self.fleet, self.environment, self.settings.app, self.plan.release)
        if self.step.hosts:
            found = live.watch_fronts(*about, self.members(), self.step.watched)
        else:
            found = live.watch_users(*about)
            self.verdict = deciding(found)[1]
        self.watches[self.step.name] = found
        live.insist(self.fleet, found, self.environment)

    def call(
        self, do: str, within: float = 0.0, members: list[Member] | None = None, /, **words: Any
    ) -> Any:
        """A step on each host; `within` is the host's own limit for it, in seconds."""
        within = (within or self.environment.limits.step) + MARGIN
        return self.fleet.call(do, within, members, **words)

    def _timed(self, step: Step, act: Callable[[], None]) -> None:
        self.step = step
        self.observer.begin(step.name, step.does)
        begun = time.monotonic()
        try:
            act()
        finally:
            self.seconds[step.name] = time.monotonic() - begun
        self.observer.end(step.name, self.seconds[step.name])

    # Ends that are not the good one.

    def _failed(self, step: Step, error: Trouble | HostErrors) -> Trouble:
        """Have every host settle, and say what failed, where, and what state things are in."""
        why = f"{step.name}: {error}"
        ended = self.fleet.leave(why, self.way_on_failure, self.environment.limits.step)
        if isinstance(error, Refused):
            return error
        detail = {**self.detail("troubled"), "hosts": ending.hosts(ended)}
        detail["reverted"] = ending.reverted(ended)
        if isinstance(error, Interrupted):
            kind: type[NotClosed] = Interrupted
            message = f"Interrupted at {step.name}."
        else:
            where = f" on {error.names}" if isinstance(error, HostErrors) else ""
            message = f"{self.title()} failed at {step.name}{where}: {str(error).rstrip('.')}."
            kind = NotClosed
        return kind(
            f"{message} {ending.states(ended)}",
            kind=error.kind,
            evidence="\n".join(
                part for part in (error.evidence, ending.report(ended, error.evidence)) if part
            ),
            detail=detail,
            hosts=error.document() if isinstance(error, HostErrors) else None,
        )

    def title(self) -> str:
        """Name the run in a sentence."""
        version = self.plan.version if self.plan else "?"
        return f"The {self.kind} of {version} to {self.environment.name}"
