"""What a host does by itself: going back, going on, and coming up again, from pending.json alone.

Whatever happens here is journalled and nothing is raised that could be helped: a host that stumbles
while it settles would stumble over the same for every operator to come.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any, Dict, List, Optional

from beside import Companions
from command import open_lock
from disk import remove, replace
from service import Service
from standby import standby
from wire import Failure


class Settler:
    """Owns run/pending.json: {run, kind, release, from, way: "back" | "forward", who, ...}.

    It is written before any switch.
    """

    def __init__(self, service: Service) -> None:
        self.service, self.host = service, service.host
        self.companions = Companions(service)
        self.leaving: List[str] = []  # releases to stop once the lock is free
        self.switched_at = 0.0

    def promise(self, **facts: Any) -> None:
        """Make durable what has to be done should the operator be lost from here on."""
        replace(self.host.path("run", "pending.json"), json.dumps(facts))

    def forget(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(self.host.path("run", "pending.json"))

    def leave(self, release: str) -> None:
        if release and release not in self.leaving and self.host.manifest(release):
            self.service.mark(release)
            self.leaving.append(release)

    def switch(self, release: str) -> float:
        """Point `current` at a release; seconds that the rename took.

        The companions follow, and are not waited for.
        """
        begun = time.monotonic()
        self.host.point(release)
        self.switched_at = time.monotonic()
        self.companions.begin(release)
        return self.switched_at - begun

    def back(self, pending: Dict[str, Any], reason: str) -> Dict[str, Any]:
        """Return to the release before, started where it isn't running, when it is healthy.

        Where it isn't, stay and say so.
        """
        old = pending["from"]
        wrong = self._start(old) if old else ""
        if wrong:
            return self._stuck(pending, reason, wrong)
        return self._done("reverted", pending, reason, self._go(old), old, pending["release"])

    def forward(self, pending: Dict[str, Any], reason: str) -> Dict[str, Any]:
        """Finish what was confirmed, or a rollback that was armed: the release is live and closed.

        The one before leaves. A deploy that may not go back but was not confirmed either has not
        closed: it is kept, and no rollback chooses it later.
        """
        new = pending["release"]
        event = "closed" if pending.get("confirmed") else "kept"
        wrong = self._start(new)
        if wrong and self.host.current() != new:
            return self._stuck(pending, reason, wrong)
        return self._done(event, pending, reason, self._go(new), new, pending["from"])

    def _start(self, release: str) -> str:
        """ "" when it runs and is healthy, else what is wrong."""
        try:
            self.service.start(release)
            return ""
        except (Failure, OSError) as error:
            return Failure.of(error).message

    def _go(self, release: str) -> str:
        """Have `current` point at it, "" for nothing; what is wrong with its companions, or ""."""
        try:
            if self.host.current() != release:
                self.switch(release)
            self.companions.follow(release)
            return ""
        except (Failure, OSError) as error:
            if self.host.current() != release:
                raise  # the rename itself: there is nothing left to try
            return Failure.of(error).message

    def _stuck(self, pending: Dict[str, Any], reason: str, wrong: str) -> Dict[str, Any]:
        with contextlib.suppress(Failure, OSError):  # what stays may have lost some on the way
            self.companions.follow(self.host.current())
        self.host.record("stuck", why=reason, error=wrong, **_facts(pending))
        self.forget()
        return {"outcome": "stuck", "current": self.host.current(), "error": wrong}

    def _done(
        self, event: str, pending: Dict[str, Any], reason: str, wrong: str, live: str, old: str
    ) -> Dict[str, Any]:
        more = {"error": wrong} if wrong else {}
        self.host.record(event, why=reason, **_facts(pending), **more)
        if old != standby(self.host):  # which is the one before, once this one has closed
            self.leave(old)
        self.forget()
        return {"outcome": event, "current": live, **more}

    def settle(self, reason: str, way: str = "") -> Optional[Dict[str, Any]]:
        """Do what pending.json says (`way` over what it says), clear away what no run finished.

        Under the lock only.
        """
        pending = self.host.pending()
        done = None
        if pending:
            forward = (way or pending["way"]) == "forward"
            done = (self.forward if forward else self.back)(pending, reason)
        elif os.path.exists(self.host.path("run", "pending.json")):
            self.host.record("unreadable", why="run/pending.json made no sense and was removed")
            self.forget()
        self.tidy()
        return done

    def tidy(self) -> None:
        """Half-staged releases go; instances that are not to run are marked to stop."""
        current = self.host.current()
        for name in self.host.releases():
            if self.host.manifest(name) is None and name != current:
                remove(self.host.release(name))
        self.leave_others()
        with contextlib.suppress(OSError):
            self.host.drop_links()

    def leave_others(self) -> None:
        """Mark to stop whatever neither serves nor stands by."""
        kept = (self.host.current(), standby(self.host))
        for name in self.service.running():
            if name not in kept:
                self.leave(name)

    def finish(self, keep: bool = False) -> None:
        """Stop what is leaving, and start the standby where it doesn't run.

        Runs after the lock is free, so that the next operator need not wait for either: who wants
        to start or stop the same release waits for its claim. `keep`: as for `Service.start`.
        """
        starting = threading.Thread(target=self._stand_by, args=(keep,))
        starting.start()
        while self.leaving:
            with contextlib.suppress(OSError):  # pruned by the next run already
                self.service.drain(self.leaving.pop(), self.switched_at)
        starting.join()

    def _stand_by(self, keep: bool) -> None:
        release = standby(self.host)
        try:
            if not release or self.service.start(release, keep=keep):
                return
            lock = open_lock(self.host.path("lock"), 0.0)
            if lock is None:
                return  # whoever has it marks what is not to run when its run is over
            left = release not in (self.host.current(), standby(self.host))
            if left:  # another run has closed meanwhile
                self.service.mark(release)
            os.close(lock)
            if left:
                self.service.drain(release, 0.0)
        except (Failure, OSError) as error:  # a rollback starts it, then
            print("%s does not stand by: %s" % (release, error), file=sys.stderr)


def _facts(pending: Dict[str, Any]) -> Dict[str, Any]:
    own = ("way", "confirmed", "v", "at", "event", "why", "error")
    return {key: value for key, value in pending.items() if key not in own}
