"""The steps an operator can order, by name; what each accepts is checked here."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import Any, Callable, Dict, List, Optional

from command import Commands
from disk import flush_all, remove
from facts import facts, report
from host import Host
from probe import insist, sample
from service import Service
from settle import Settler
from shapes import LIMITS, MANIFEST, WAY, shaped, told
from staging import make_way, missing, prune, stage
from wire import Failure, count, named, seconds, text

Value = Dict[str, Any]


class Steps:
    """One run's steps on one host. After the one that sets `ended`, no other is taken."""

    def __init__(self, host: Host, spec: Value, commands: Commands) -> None:
        self.host, self.spec, self.commands = host, spec, commands
        self.service = Service(host, spec["adapter"])
        self.settler = Settler(self.service)
        self.settled: Optional[Value] = None
        self.ended = False
        self.flushing: "Optional[subprocess.Popen[bytes]]" = None
        self.keep: Optional[int] = None
        # What has to be undone when the run is given up before its switch.
        self.staged = self.started = ""
        self.table: Dict[str, Callable[..., Any]] = {
            "beat": lambda: None,
            "facts": self.facts,
            "stage": self.stage,
            "hook": self.hook,
            "check": self.check,
            "manifest": self.manifest,
            "start": self.start,
            "arm": self.arm,
            "switch": self.switch,
            "verify": self.verify,
            "probe": sample,
            "drain": self.drain,
            "confirm": self.confirm,
            "close": self.close,
        }

    def do(self, step: Value, upload: Optional[str]) -> Any:
        """Carry out one step; secrets are hidden in what it says.

        Raises Failure, also for a step or an argument that isn't known.
        """
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
        except Failure as error:
            about = self.staged or self.started or self.host.current()
            error.message = self.service.hide(about, error.message)
            error.evidence = self.service.hide(about, error.evidence)
            raise

    def facts(self, upload: str = "") -> Value:
        answer = {**facts(self.service), "lock": None, "settled": self.settled}
        if upload:
            with open(upload, "rb") as ids:
                answer["missing"] = missing(self.service, ids.read())
        return answer

    def stage(self, manifest: Value, limits: Value, upload: str = "", again: bool = False) -> Value:
        """Make a release complete.

        `again`: one that was deployed before, which this host lacks or has damaged.
        """
        shaped(limits, "limits", LIMITS)
        manifest = {**shaped(manifest, "manifest", MANIFEST), "adapter": self.service.keeper.kind}
        release, begun = manifest["release"], time.monotonic()
        if again is True:
            make_way(self.service, release)
        elif os.path.lexists(self.host.release(release)):  # and stays, come what may
            raise Failure("stage", "%s is on this host already" % release)
        self.host.repository()
        self.staged = "" if again else release
        done = stage(self.service, manifest, upload, self.commands, limits)
        if again:
            base = {"run": self.spec["run"], "kind": self.spec["kind"], "who": self.spec["who"]}
            more = {"version": manifest["version"], "commit": manifest["commit"]}
            self.host.record("caught-up", release=release, **base, **more)
        self.host.link(release)
        self.flushing = flush_all(self.host.root)
        return {"seconds": time.monotonic() - begun, "venv": done["venv"]}

    def manifest(self, release: str) -> Value:
        """What was said of a release when it was staged."""
        return self.service.said(named(release))

    def hook(
        self, name: str, release: str, command: str, limit: float, stoppable: bool = True
    ) -> Value:
        begun = time.monotonic()
        what = "the %s hook" % named(name)
        launch = self.service.command(named(release), text(command))
        output = self.commands.run(launch, seconds(limit), what, "hook", stoppable is not False)
        return {
            "seconds": time.monotonic() - begun,
            "output": self.service.hide(release, output)[-4000:],
        }

    def check(self, release: str) -> Value:
        """Is the release on this host, whole? Asked before a rollback does anything.

        `ready`: it runs and is healthy, so that there is nothing to start.
        """
        damaged = self.service.damage(named(release))
        if damaged:
            raise Failure("damaged", "%s is damaged on this host: %s" % (release, damaged))
        self._stays(release)
        with self.service.claim(release):
            return {"ready": self.service.ready(release)}

    def _stays(self, release: str) -> None:
        if release in self.settler.leaving:
            self.settler.leaving.remove(release)

    def start(self, release: str) -> Value:
        begun = time.monotonic()
        self.started = named(release)
        self._stays(release)
        already = self.service.start(release, self.commands.lost)
        if already:
            self.started = ""
        return {"seconds": time.monotonic() - begun, "already": already}

    def _promise(self, way: str, release: str, facts: Value, armed: bool = False) -> None:
        WAY(way)
        if self.host.manifest(named(release)) is None:
            raise Failure("damaged", "%s is not complete on this host" % release)
        facts, old = told(facts), self.host.current()
        old = "" if old == release else old  # what is live already leaves nothing
        for name in (release, old):
            if name:
                self.host.link(name)
        known = self.host.manifest(release) or {}
        if self.flushing is not None:  # a power cut must not find what is live half on disk
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.flushing.wait(10.0)
        base = {"run": self.spec["run"], "kind": self.spec["kind"], "who": self.spec["who"]}
        more = {"version": known["version"], "commit": known["commit"], "schema": known["schema"]}
        self.settler.promise(
            **{**base, **more, **facts, "release": release, "from": old, "way": way},
            confirmed=armed,
        )

    def arm(self, release: str, facts: Value) -> Value:
        """From here on a lost operator means: go on to `release`."""
        self._promise("forward", release, facts, armed=True)
        return {}

    def switch(self, release: str, way: str, facts: Value) -> Value:
        if self.host.current() == release and way != "back":
            return {"seconds": 0.0, "from": ""}  # a rollback that this host had already
        if self.host.current() == named(release):
            raise Failure("switch", "%s is the current release already" % release)
        if way == "back" or not self.host.pending():
            self._promise(way, release, facts, armed=self.spec["kind"] == "rollback")
        pending = self._pending()
        if pending["release"] != release:
            raise Failure("protocol", "%s is armed, not %s" % (pending["release"], release))
        seconds = self.settler.switch(release)
        self.host.record("switched", **{key: pending.get(key) for key in pending if key != "way"})
        return {"seconds": seconds, "from": pending["from"]}

    def verify(self, front: str, requests: List[Value], limit: float) -> Value:
        """Ask through this host's own front; every answer has to be as wanted.

        And what runs beside has to have started.
        """
        begun = time.monotonic()
        insist(front, requests, limit, self.host.root)
        self.settler.companions.check(self.commands.lost)
        return {"seconds": time.monotonic() - begun, "requests": len(requests)}

    def drain(self) -> Value:
        """`overlap: drain`: the release before stops now instead of when the watch has ended."""
        old = self._pending()["from"]
        if old:
            self.service.mark(old)
            self.service.drain(old, self.settler.switched_at)
        return {}

    def confirm(self, facts: Optional[Value] = None) -> Value:
        """Durably turn this host's default from back to forward.

        `facts`: what the operator knows by now, such as when the release was verified.
        """
        pending = {**self._pending(), **told(facts or {})}
        self.settler.promise(**{**pending, "way": "forward", "confirmed": True})
        return {}

    def close(
        self, keep: int, hook: str = "", limit: float = 0.0, facts: Optional[Value] = None
    ) -> Value:
        """The release has succeeded; a hook that fails now is told and changes nothing."""
        pending = {**self._pending(), **told(facts or {})}
        count(keep), text(hook), seconds(limit)
        done = self.settler.forward({**pending, "confirmed": True}, "confirmed")
        self.keep = keep
        self.ended = True
        if hook:
            try:
                self.hook("after_close", pending["release"], hook, limit)
            except Failure as error:
                said = "%s\n%s" % (error.message, error.evidence)
                done["warning"] = self.service.hide(pending["release"], said)
        return done

    def settle(self, reason: str, way: str = "") -> Value:
        """Nobody leads this run any more: do what is pending, `way` over what was promised.

        Returns what the operator is told should one still listen: the outcome, and a report of the
        release, made before it may be removed.
        """
        pending = self.host.pending()
        release = (pending or {}).get("release") or self.staged or self.started
        shown: Optional[Value] = None
        with contextlib.suppress(Failure, OSError):  # telling is not worth failing for
            shown = report(self.service, release)
        if pending and way:
            with contextlib.suppress(OSError):  # a full disk: then it is done from memory alone
                self.settler.promise(**{**pending, "way": way})
        done = self.settler.settle(reason, way) if pending else self._abort(reason)
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
        self.settler.leave_others()
        if self.keep is not None:
            prune(self.service, self.keep)
        for name in os.listdir(self.host.path("run")):
            if name.startswith("upload-"):
                os.unlink(self.host.path("run", name))
        self.service.trim_logs()

    def _pending(self) -> Value:
        pending = self.host.pending()
        if pending is None:
            raise Failure("protocol", "nothing is pending on this host")
        return pending
