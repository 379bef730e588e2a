"""What a host does by itself: going back, going on, and coming up again, from run/pending.json alone."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Dict, List, Optional

from disk import remove, replace
from service import Service
from wire import Failure


class Settler:
    """Owns run/pending.json: {run, kind, release, from, way: "back" | "forward", who, ...}, written before any switch."""

    def __init__(self, service: Service) -> None:
        self.service, self.host = service, service.host
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
        """Point `current` at a release and let the companions follow; seconds that the rename took."""
        begun = time.monotonic()
        self.host.point(release)
        self.switched_at = time.monotonic()
        self.service.companions(release)
        return self.switched_at - begun

    def back(self, pending: Dict[str, Any], reason: str) -> Dict[str, Any]:
        """Return to the release before, when it is healthy (it is started where it isn't running); else stay and say so."""
        old, new = pending["from"], pending["release"]
        if old:
            try:
                self.service.start(old)
            except Failure as error:
                self.host.record("stuck", why=reason, error=error.message, **_facts(pending))
                self.forget()
                return {"outcome": "stuck", "current": self.host.current(), "error": error.message}
        if self.host.current() != old:
            self.switch(old)
        self.leave(new)
        self.host.record("reverted", why=reason, **_facts(pending))
        self.forget()
        return {"outcome": "reverted", "current": old}

    def forward(self, pending: Dict[str, Any], reason: str) -> Dict[str, Any]:
        """Finish what was confirmed, or a rollback that was armed: the release is live and closed, the one before leaves."""
        new = pending["release"]
        try:
            self.service.start(new)
        except Failure as error:
            if self.host.current() != new:
                self.host.record("stuck", why=reason, error=error.message, **_facts(pending))
                self.forget()
                return {"outcome": "stuck", "current": self.host.current(), "error": error.message}
        if self.host.current() != new:
            self.switch(new)
        self.leave(pending["from"])
        self.host.record("closed", why=reason, **_facts(pending))
        self.forget()
        return {"outcome": "closed", "current": new}

    def settle(self, reason: str) -> Optional[Dict[str, Any]]:
        """Do what pending.json says, and clear away what no run finished. Only ever called under the lock."""
        pending = self.host.pending()
        done = None
        if pending:
            done = (self.forward if pending["way"] == "forward" else self.back)(pending, reason)
        self.tidy()
        return done

    def tidy(self) -> None:
        """Half-staged releases go; instances that nothing points at are marked to stop."""
        current = self.host.current()
        for name in self.host.releases():
            if self.host.manifest(name) is None and name != current:
                remove(self.host.release(name))
        for name in self.service.running():
            if name != current:
                self.leave(name)
        with contextlib.suppress(OSError):
            self.host.drop_links()

    def finish(self) -> None:
        """Stop what is leaving; runs after the lock is free, so that the next operator need not wait for a drain."""
        while self.leaving:
            self.service.drain(self.leaving.pop(), self.switched_at)


def _facts(pending: Dict[str, Any]) -> Dict[str, Any]:
    return {key: value for key, value in pending.items() if key != "way"}
