"""A deploy: a new release prepared beside the live one on every host, then switched to
everywhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Mapping, Sequence

from msgspec import structs

from . import console, public, upload
from .errors import NotClosed, Refused, Trouble
from .fleet import HostErrors, Member
from .gates.host import host_gates
from .parcel import Parcel
from .plan import Plan, Step, deploy_steps, fingerprint, release_id
from .rollout import MARGIN, Rollout
from .session import Value
from .settings import Environment, Settings
from .source import Source
from .strategy import stages
from .target import Target


class Deploy(Rollout):
    """Use inside `with parcel`: the files of the release are packed when the hosts have said what
    they lack."""

    kind = "deploy"

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        targets: Sequence[Target],
        root: Path,
        source: Source,
        parcel: Parcel,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(settings, environment, targets, root, facts)
        self.source, self.parcel = source, parcel
        self.release = ""
        # After such a change the release before can't use what this one makes of the data.
        if environment.schema == "breaking":
            self.way_on_failure = ""

    def ids(self) -> bytes:
        return upload.identifiers(self.parcel)

    def prepare(self, facts: dict[str, Value]) -> Plan:
        reasons = host_gates(self.environment, facts)
        if reasons:
            raise Refused(
                f"{self.environment.name} can't take a release now: {'; '.join(reasons)}.",
                kind="gate",
            )
        taken = {name for fact in facts.values() for name in fact["complete"]}
        self.release = release_id(self.source, time.time(), taken)
        return Plan(
            phase=self.kind,
            environment=self.environment.name,
            release=self.release,
            version=self.source.version,
            commit=self.source.commit,
            tree=self.parcel.tree,
            hosts=dict(self.before),
            steps=deploy_steps(self.environment, self.names),
            watch=self.environment.watch,
            strategy=self.environment.strategy,
            stages=stages(self.environment.strategy, self.names),
            facts=fingerprint(facts, self.source, self.parcel.tree, self.environment),
        )

    def manifest(self) -> Value:
        """Return what the hosts keep beside the release, to start, check and describe it by."""
        env = self.environment
        return {
            "release": self.release,
            "app": self.settings.app,
            "environment": env.name,
            "version": self.source.version,
            "commit": self.source.commit,
            "tree": self.parcel.tree,
            "directory": env.directory,
            "requirements": env.requirements,
            "python": env.python,
            "processes": {"web": env.run, **env.processes},
            "health": env.health,
            "version_path": env.version_path,
            "host_header": public.host(env),
            "start": env.limits.start,
            "drain": env.limits.drain,
            "shared_paths": list(env.shared_paths),
            "schema": env.schema,
            "resources": structs.asdict(env.resources),
            "standby": env.standby,
        }

    def do_stage(self) -> None:
        """Upload what each host lacks and make the release complete there."""
        about = (self.environment, self.parcel, self.missing, self.manifest())
        upload.stage(self.fleet, self.fleet.members, *about)

    def do_once(self) -> None:
        """On the first host: backup, then before_start.

        A migration is ended by its own limit only.
        """
        hooks = self.environment.hooks
        if hooks.backup:
            done = self._hook("backup", hooks.backup, stoppable=True)
            self.said["backup"] = (done["output"].strip().splitlines() or ["made"])[-1][:300]
        if hooks.before_start:
            self._hook("before_start", hooks.before_start, stoppable=False)
            self.said["migrated"] = True

    def do_after_switch(self) -> None:
        self._hook("after_switch", self.environment.hooks.after_switch, stoppable=True)

    def _hook(self, name: str, command: str, stoppable: bool) -> Value:
        limit = self.environment.limits.hook
        words: dict[str, Any] = {
            "name": name,
            "release": self.release,
            "command": command,
            "stoppable": stoppable,
        }
        words["limit"] = limit
        first = self.fleet.members[:1]
        done: dict[str, Value] = self.call("hook", limit, first, **words)
        return done[first[0].name]

    def do_start(self) -> None:
        """Start the new release beside the live one, and have it answer as itself."""
        self.call("start", self.environment.limits.start, self.members(), release=self.release)

    def do_drain(self) -> None:
        # As long for whoever still waits to be accepted, and then for the process itself.
        self.call("drain", 2 * self.environment.limits.drain, self.members())

    def _failed(self, step: Step, error: Trouble | HostErrors) -> Trouble:
        """Where the release that failed stays live after all, a rollback is what is next."""
        trouble = super()._failed(step, error)
        hosts = trouble.detail.get("hosts", {}).values()
        stays = [each for each in hosts if each["outcome"] in ("kept", "stuck")]
        if any(each.get("current") == self.release for each in stays):
            trouble.next = f"inv rollback --env={self.environment.name}"
        return trouble

    def do_confirm(self) -> None:
        """Every host forward by default; who can't be asked within its lease brings the others
        back."""
        watched = [spent for name, spent in self.seconds.items() if name.startswith("watch")]
        self.said["watched"] = round(sum(watched), 3)
        self.call("confirm", self.environment.limits.lease, facts=self.said)
        self.way_on_failure = ""

    def do_close(self) -> None:
        """The deploy has succeeded: what fails here is told, and the host finishes by itself."""
        limits, hook = self.environment.limits, self.environment.hooks.after_close
        first = self.fleet.members[0]

        def close(member: Member) -> Any:
            words: dict[str, Any] = (
                {"hook": hook, "limit": limits.hook} if hook and member is first else {}
            )
            limit = limits.step + (limits.hook if words else 0.0)
            return member.session.call("close", limit + MARGIN, keep=self.environment.keep, **words)

        try:
            values = self.fleet.each(close)
        except HostErrors as error:
            said = "the release is live there and the host closes by itself"
            console.warn(f"{error.names}: {error}; {said}")
            return
        for name, value in values.items():
            if value.get("warning"):
                console.warn(f"{name}: {value['warning']}")
            if value["outcome"] != "closed":
                raise NotClosed(f"{name} did not close: {value.get('error')}.", kind="host")
