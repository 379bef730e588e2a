"""A rollback: to a release that closed on every host before, healthy before anything is
switched."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any, Mapping, Sequence

from . import alike, catchup, console
from .choice import candidates, choose, migrations
from .errors import NotClosed, Refused, Trouble
from .fleet import HostErrors, Member
from .hostlist import counted
from .plan import Plan, fingerprint, rollback_steps
from .rollout import Rollout
from .session import HostError, Value
from .settings import Environment, Settings
from .target import Target


class Rollback(Rollout):
    """One rollback; `to`: a release, version or commit instead of the one before."""

    kind = "rollback"
    # Hosts go on to the target once it was armed, never back to what is being left.
    way_on_failure = ""

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        targets: Sequence[Target],
        root: Path,
        to: str = "",
        keep_schema: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(settings, environment, targets, root, facts)
        self.to, self.keep_schema = to, keep_schema
        self.absent: dict[str, str] = {}
        self.ready: set[str] = set()
        self.lacking: list[str] = []

    def _connect(self) -> None:
        """Go on with the hosts that answer; the rest are named."""
        errors = self.fleet.connect()
        if len(errors) == len(self.targets):
            super()._connect()
        self.absent = {name: str(error) for name, error in errors.items()}
        self.fleet.members = [m for m in self.fleet.members if m.name not in self.absent]
        for message in alike.sentences(self.absent):
            console.warn(message)

    def prepare(self, facts: dict[str, Value]) -> Plan:
        target = choose(facts, self.to)
        if target is None:
            raise self._no_target(facts)
        since = migrations(facts, target["release"])
        backups = [f"{e['version']}: {e['backup']}" for e in since if e.get("backup")]
        if since:
            versions = ", ".join(entry["version"] for entry in since)
            said = f"before_start ran since {target['release']} ({versions})"
            console.warn(f"{said}; backups: {', '.join(backups) or 'none'}")
            if not self.environment.hooks.before_rollback and not self.keep_schema:
                raise Refused(
                    f"{said}, and no before_rollback hook takes it back; backups:"
                    f" {', '.join(backups) or 'none'}. If the older release can use the schema as"
                    f" it is: `inv rollback --env={self.environment.name} --keep-schema`.",
                    kind="schema",
                )
        self.lacking = [n for n, f in facts.items() if target["release"] not in f["complete"]]
        migrated = bool(since) and not self.keep_schema
        return Plan(
            phase=self.kind,
            environment=self.environment.name,
            release=target["release"],
            version=target["version"],
            commit=target["commit"],
            tree="",
            hosts=dict(self.before),
            steps=rollback_steps(self.environment, migrated, self.lacking),
            watch=self.environment.watch,
            facts=fingerprint(facts, target["release"], self.environment),
        )

    def _no_target(self, facts: Mapping[str, Value]) -> Refused:
        known = [f"{e['release']}{' (left since)' if e['left'] else ''}" for e in candidates(facts)]
        current = sorted({fact["current"] or "nothing" for fact in facts.values()})
        live = ", ".join(current)
        what = (
            f"no other closed release is named {self.to}" if self.to else "no release closed before"
        )
        env = self.environment.name
        return Refused(
            f"There is nothing to roll {env} back to: {what} ({live} is live)."
            f" Put an older version up again with `inv deploy --env={env} --version=TAG`.",
            kind="no-target",
            evidence="Releases that closed on every host: "
            + (", ".join(known) or "none")
            + _tags(self.root),
        )

    def again(self, release: str) -> str:
        """Return the command that does what was planned, and is not refused where that wasn't."""
        said = {"env": self.environment.name, "to": release}
        said |= {key: str(self.said.get(key, "")) for key in ("reason", "approved_by")}
        words = [f"--{key.replace('_', '-')}={value}" for key, value in said.items() if value]
        return shlex.join(["inv", "rollback", *words, *["--keep-schema"] * self.keep_schema])

    def detail(self, outcome: str) -> dict[str, Any]:
        told = super().detail(outcome)
        told["to"] = told["release"]
        told["start_seconds"] = round(self.seconds.get("start", 0.0), 3)
        told["total_seconds"] = round(
            sum(s for name, s in self.seconds.items() if name != "watch"), 3
        )
        told["hosts"].update(
            {n: {"outcome": "absent", "error": why} for n, why in self.absent.items()}
        )
        return told

    def carry_out(self) -> dict[str, Any]:
        detail = super().carry_out()
        if self.absent:
            raise NotClosed(
                f"{counted(list(self.absent))} could not be rolled back; the other hosts serve"
                f" {detail['to']}. Run `inv rollback --env={self.environment.name}"
                f" --to={detail['to']}` when they answer.",
                kind="unreachable",
                detail=detail,
            )
        return detail

    def _reduce(self, error: HostErrors) -> None:
        """Go on without the hosts that failed, as long as one is left: they settle by themselves,
        at once where they hear of it, and are named at the end."""
        failed = [member for member in self.fleet.members if member.name in error.errors]
        if len(failed) == len(self.fleet.members):
            raise error
        console.warn(f"{error.names}: {error}")
        self.absent.update(error.said)
        self.fleet.members = [m for m in self.fleet.members if m not in failed]
        limit = self.environment.limits.step
        self.fleet.each(lambda member: member.session.leave(str(error), "", limit), failed)

    def do_check(self) -> None:
        """The target is whole; where it runs already, as a standby does, it is healthy, too.

        Hosts that lack it, or have damaged what is not live there, get it from this clone.
        """
        assert self.plan is not None
        release, lacking = self.plan.release, set(self.lacking)
        try:
            said = self._check([m for m in self.fleet.members if m.name not in lacking])
        except HostErrors as error:
            said, broken = error.values, error.errors
            mends = {n for n in broken if broken[n].kind == "damaged" and self.before[n] != release}
            if not said or len(mends) < len(broken):
                raise self._unusable(error) from None
            lacking |= mends
        if lacking:
            whole, others = self._parted(lacking)
            console.say(f"  {counted([m.name for m in others])} lacks {release}: staged from git")
            about = (self.fleet, self.environment, self.root, self.settings.remote)
            try:
                catchup.bring(*about, whole, others, release)
                said |= self._check(others)
            except HostErrors as error:
                raise self._unusable(error) from None
        self.ready = {name for name, value in said.items() if value["ready"]}

    def _check(self, members: list[Member]) -> dict[str, Value]:
        assert self.plan is not None
        said: dict[str, Value] = self.call(
            "check", self._patience(), members, release=self.plan.release
        )
        return said

    def _parted(self, lacking: set[str]) -> tuple[list[Member], list[Member]]:
        """Return the hosts that have the target whole, and those that lack it."""
        whole = [member for member in self.fleet.members if member.name not in lacking]
        return whole, [member for member in self.fleet.members if member.name in lacking]

    def _unusable(self, error: HostErrors) -> Trouble:
        damaged: dict[str, HostError] = error.errors
        names = counted(list(damaged))
        return Refused(
            f"The rollback was refused before anything was switched ({names}: {error}). Choose"
            f" another: `inv rollback --env={self.environment.name} --to=RELEASE`.",
            kind=error.kind,
        )

    def do_before_rollback(self) -> None:
        assert self.plan is not None
        hook, limit = self.environment.hooks.before_rollback, self.environment.limits.hook
        words: dict[str, Any] = {
            "name": "before_rollback",
            "release": self.plan.hosts[self.fleet.members[0].name],
        }
        words |= {"command": hook, "limit": limit, "stoppable": False}
        self.call("hook", limit, self.fleet.members[:1], **words)
        self.ready = set()  # the hook may have changed what the target's health rests on

    def do_start(self) -> None:
        assert self.plan is not None
        waiting = [member for member in self.fleet.members if member.name not in self.ready]
        self.call("start", self._patience(), waiting, release=self.plan.release)

    def _patience(self) -> float:
        """Seconds for a start that may have to wait for the end of another, or of a stop."""
        limits = self.environment.limits
        return 2 * limits.start + limits.drain

    def do_arm(self) -> None:
        """One host alone need not know before the others: its switch arms it, too."""
        assert self.plan is not None
        if len(self.fleet.members) == 1:
            return
        try:
            self.call("arm", release=self.plan.release, facts=self.said)
        except HostErrors as error:
            self._reduce(error)

    def do_switch(self) -> None:
        try:
            super().do_switch()
        except HostErrors as error:
            self._reduce(error)

    def do_close(self) -> None:
        try:
            self.call("close", keep=self.environment.keep, facts=self.said)
        except HostErrors as error:
            console.warn(f"{error.names}: {error}; the host closes by itself")

    def do_watch(self) -> None:
        """A watch that fails is told; going back to what was left would help nobody."""
        try:
            super().do_watch()
        except NotClosed as error:
            self._still_troubled(error)

    def do_verify(self) -> None:
        try:
            super().do_verify()
        except HostErrors as error:
            answered = {each.kind for each in error.errors.values()} == {"verify"}
            if answered and len(error.errors) == len(self.fleet.members):
                self._still_troubled(NotClosed(f"{error}.", evidence=error.evidence))
            self._reduce(error)
        except NotClosed as error:
            self._still_troubled(error)

    def _still_troubled(self, error: NotClosed) -> None:
        self.do_close()
        assert self.plan is not None
        name = self.environment.name
        without = f" without {counted(list(self.absent))}" if self.absent else ""
        back = f"{name} is back on {self.plan.release}{without}, and "
        if error.kind == "nodata":
            said = f"whether the trouble is over is not known ({error}) Look: `inv monitor"
        else:
            said = f"the trouble goes on ({error}) It is not in the code: look at the"
            said += " infrastructure, `inv monitor"
        kind = "nodata" if error.kind == "nodata" else "infrastructure"
        raise Settled(f"{back}{said} --env={name}`.", kind=kind, evidence=error.evidence)

    def _failed(self, step: Any, error: Any) -> Trouble:
        if isinstance(error, Settled):
            error.detail = self.detail("closed")
            return error
        return super()._failed(step, error)


class Settled(NotClosed):
    """The rollback itself has closed on the hosts; what is still wrong is elsewhere."""


def _tags(root: Path) -> str:
    from .git import Git

    try:
        tags = Git(root)("tag", "--sort=-version:refname").decode("utf-8", "replace").split()[:10]
    except Refused:
        return ""
    return f"\nTags of this clone: {', '.join(tags) or 'none'}"
