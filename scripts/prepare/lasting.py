"""What makes a user's services last: logs that are kept, limits that hold, and lingering."""

from __future__ import annotations

import os
import time
from typing import List

from account import known
from disk import replace
from item import Item, call, must
from wire import Failure

JOURNAL = "/var/log/journal"
DELEGATED = ("cpu", "memory", "pids")  # what MemoryMax, CPUQuota and TasksMax are made of
DROPIN = "/etc/systemd/system/user@.service.d/50-delegate.conf"
PATIENCE = 30.0  # seconds for systemd to do what it was asked for


class Journal(Item):
    """Logs on disk: else a user sees none of its services' (journald.conf(5), SplitMode)."""

    name = "journal"

    def drift(self) -> List[str]:
        return [] if os.path.isdir(JOURNAL) else ["keep logs in %s" % JOURNAL]

    def mend(self) -> None:
        os.makedirs(JOURNAL, exist_ok=True)
        must("journal", "systemd-tmpfiles", "--create", "--prefix", JOURNAL)
        must("journal", "journalctl", "--flush")


class Delegation(Item):
    """The controllers that a user's own systemd needs for its units' limits."""

    name = "limits"

    def missing(self) -> List[str]:
        said = call("systemctl", "show", "-p", "DelegateControllers", "user@0.service")[1]
        have = said.strip().partition("=")[2].split()
        return [name for name in DELEGATED if name not in have]

    def drift(self) -> List[str]:
        return ["let users' units limit their %s" % name for name in self.missing()]

    def mend(self) -> None:
        os.makedirs(os.path.dirname(DROPIN), exist_ok=True)
        replace(DROPIN, "[Service]\nDelegate=%s\n" % " ".join(DELEGATED), 0o644)
        must("systemd", "systemctl", "daemon-reload")


class Lingering(Item):
    """The user's own systemd, from boot on and without a session."""

    name = "lingering"

    def __init__(self, user: str) -> None:
        self.user = user

    def drift(self) -> List[str]:
        there = known(self.user)
        if there is None or not os.path.exists("/var/lib/systemd/linger/" + self.user):
            return ["let services of %s run without a session" % self.user]
        if not os.path.exists("/run/user/%d/systemd/private" % there.pw_uid):
            return ["start systemd for %s" % self.user]
        return []

    def mend(self) -> None:
        # Installed a moment ago, they would wait for the next boot.
        must("linger", "systemctl", "start", "dbus.socket", "systemd-logind.service")
        must("linger", "loginctl", "enable-linger", self.user)
        there = known(self.user)
        assert there is not None
        unit = "user@%d.service" % there.pw_uid
        until = time.monotonic() + PATIENCE
        while self.drift():
            said = call("systemctl", "start", unit)[1]
            if time.monotonic() > until:  # it may run and have lost its socket: that is its user's
                words = (unit, unit)
                raise Failure("linger", "%s can't be used; `systemctl restart %s`" % words, said)
            time.sleep(0.1)
