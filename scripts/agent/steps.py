"""The steps an operator can order, by name; what each accepts is checked here."""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import Any, Callable, Dict, List, Optional

from command import Commands
from disk import remove
from facts import facts, report
from host import Host
from service import Service, ask
from settle import Settler
from staging import missing, prune, stage
from wire import Failure, named

Value = Dict[str, Any]


class Steps:
    """One run's steps on one host. After the one that sets `ended`, no other is taken."""

    def __init__(self, host: Host, spec: Value, commands: Commands) -> None:
        self.host, self.spec, self.commands = host, spec, commands
        self.service = Service(host, spec["adapter"])
        self.settler = Settler(self.service)
        self.settled: Optional[Value] = None
        self.ended = False
        self.keep: Optional[int] = None
        self.staged = self.started = (
            ""  # what has to be undone when the run is given up before its switch
        )
        self.table: Dict[str, Callable[..., Any]] = {
            "beat": lambda: None,
            "facts": self.facts,
            "stage": self.stage,
            "hook": self.hook,
            "check": self.check,
            "start": self.start,
            "arm": self.arm,
            "switch": self.switch,
            "verify": self.verify,
            "drain": self.drain,
            "confirm": self.confirm,
            "close": self.close,
        }

    def do(self, step: Value, upload: Optional[str]) -> Any:
        """Carry out one step. Raises Failure, also for a step or an argument that isn't known."""
        words = {key: value for key, value in step.items() if key not in ("n", "do", "blob")}
        act = self.table.get(str(step.get("do")))
        if act is None:
            raise Failure("protocol", "no step is called %r" % (step.get("do"),))
        if step.get("blob"):
            words["upload"] = upload
        try:
            return act(**words)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise Failure("protocol", "%s: %s" % (step["do"], error)) from None
            raise

    def facts(self, upload: str = "") -> Value:
        answer = {**facts(self.service), "lock": None, "settled": self.settled}
        if upload:
            with open(upload, "rb") as ids:
                answer["missing"] = missing(self.service, ids.read())
        return answer

    def stage(self, manifest: Value, limits: Value, upload: str = "") -> Value:
        named(manifest["release"]), named(manifest["app"])
        for process in manifest["processes"]:
            named(process)
        manifest = {**manifest, "adapter": self.service.keeper.kind}
        self.staged = manifest["release"]
        begun = time.monotonic()
        done = stage(self.service, manifest, upload, self.commands, limits)
        self.host.link(self.staged)
        return {"seconds": time.monotonic() - begun, "venv": done["venv"]}

    def hook(
        self, name: str, release: str, command: str, limit: float, stoppable: bool = True
    ) -> Value:
        begun = time.monotonic()
        launch = self.service.command(named(release), command)
        try:
            output = self.commands.run(launch, limit, "the %s hook" % name, "hook", stoppable)
        except Failure as error:
            error.evidence = self.service.hide(release, error.evidence)
            raise
        return {
            "seconds": time.monotonic() - begun,
            "output": self.service.hide(release, output)[-4000:],
        }

    def check(self, release: str) -> Value:
        """Is the release on this host, whole? Asked before a rollback does anything."""
        damaged = self.service.damage(named(release))
        if damaged:
            raise Failure("damaged", "%s is damaged on this host: %s" % (release, damaged))
        return {"running": release in self.service.running()}

    def start(self, release: str) -> Value:
        begun = time.monotonic()
        self.started = named(release)
        if release in self.settler.leaving:
            self.settler.leaving.remove(release)
        already = self.service.start(release, self.commands.lost)
        if already:
            self.started = ""
        return {"seconds": time.monotonic() - begun, "already": already}

    def _promise(self, way: str, release: str, facts: Value) -> None:
        if way not in ("back", "forward") or self.host.manifest(named(release)) is None:
            raise Failure("protocol", "%r to %r can't be promised" % (way, release))
        old = self.host.current()
        old = "" if old == release else old  # what is live already leaves nothing
        for name in (release, old):
            if name:
                self.host.link(name)
        known = self.host.manifest(release) or {}
        base = {"run": self.spec["run"], "kind": self.spec["kind"], "who": self.spec["who"]}
        more = {"version": known["version"], "commit": known["commit"], "schema": known["schema"]}
        self.settler.promise(
            **{**base, **more, **facts, "release": release, "from": old, "way": way}
        )

    def arm(self, release: str, facts: Value) -> Value:
        """From here on a lost operator means: go on to `release`."""
        self._promise("forward", release, facts)
        return {}

    def switch(self, release: str, way: str, facts: Value) -> Value:
        if self.host.current() == release and way != "back":
            return {"seconds": 0.0, "from": ""}  # a rollback that this host had already
        if self.host.current() == release:
            raise Failure("switch", "%s is the current release already" % release)
        if way == "back" or not self.host.pending():
            self._promise(way, release, facts)
        pending = self._pending()
        seconds = self.settler.switch(release)
        self.host.record("switched", **{key: pending.get(key) for key in pending if key != "way"})
        return {"seconds": seconds, "from": pending["from"]}

    def verify(self, front: str, requests: List[Value], limit: float) -> Value:
        """Ask through this host's own front; every answer has to be as wanted."""
        begun = time.monotonic()
        for request in requests:
            path, wanted = request["path"], request["status"]
            try:
                status, body = ask(front, path, request["host"], limit)
            except OSError as error:
                raise Failure(
                    "verify", "the front %s did not answer %s: %s" % (front, path, error)
                ) from None
            if status != wanted and not (status == 429 and request.get("throttled")):
                raise Failure(
                    "verify",
                    "%s answered %d through the front, not %d" % (path, status, wanted),
                    body[:500],
                )
            if request.get("text") and request["text"] not in body and status != 429:
                raise Failure("verify", "%s does not show %r" % (path, request["text"]), body[:500])
        return {"seconds": time.monotonic() - begun, "requests": len(requests)}

    def drain(self) -> Value:
        """`overlap: drain`: the release before stops now instead of when the watch has ended."""
        old = self._pending()["from"]
        if old:
            self.service.mark(old)
            self.service.drain(old, self.settler.switched_at)
        return {}

    def confirm(self) -> Value:
        """Durably turn this host's default from back to forward."""
        pending = self._pending()
        self.settler.promise(**{**pending, "way": "forward"})
        return {}

    def close(self, keep: int, hook: str = "", limit: float = 0.0) -> Value:
        """The release has succeeded; a hook that fails now is told and changes nothing."""
        pending = self._pending()
        done = self.settler.forward(pending, "confirmed")
        self.keep = keep
        self.ended = True
        if hook:
            try:
                self.hook("after_close", pending["release"], hook, limit)
            except Failure as error:
                done["warning"] = "%s\n%s" % (error.message, error.evidence)
        return done

    def settle(self, reason: str, way: str = "") -> Value:
        """Nobody leads this run any more: do what is pending, `way` over what was promised.

        Returns what the operator is told should one still listen: the outcome, and a report of the
        release, made before it may be removed.
        """
        pending = self.host.pending()
        release = (pending or {}).get("release") or self.staged or self.started
        shown = report(self.service, release)
        if pending and way:
            self.settler.promise(**{**pending, "way": way})
        done = self.settler.settle(reason) if pending else self._abort(reason)
        return {"outcome": "none", "current": self.host.current(), "report": shown, **(done or {})}

    def _abort(self, reason: str) -> Value:
        """Give up before the switch: users never saw it. What a migration did stays done."""
        for name in {self.staged, self.started} - {"", self.host.current()}:
            if self.host.manifest(name):
                for process in self.service.said(name)["processes"]:
                    self.service.keeper.stop(name, process, self.service.said(name)["drain"])
        if self.staged:
            remove(self.host.release(self.staged))
            with contextlib.suppress(Failure):
                self.host.git("update-ref", "-d", "refs/releases/" + self.staged)
        if self.staged or self.started:
            base = {"run": self.spec["run"], "kind": self.spec["kind"], "who": self.spec["who"]}
            self.host.record("aborted", release=self.staged or self.started, why=reason, **base)
            return {"outcome": "aborted"}
        return {}

    def afterwards(self) -> None:
        """Still under the lock, when the operator has been answered."""
        self.host.drop_links()
        if self.keep is not None:
            prune(self.service, self.keep)
        for name in os.listdir(self.host.path("run")):
            if name.startswith("upload-"):
                os.unlink(self.host.path("run", name))

    def _pending(self) -> Value:
        pending = self.host.pending()
        if pending is None:
            raise Failure("protocol", "nothing is pending on this host")
        return pending
