"""The distribution's packages that a server needs, by apt."""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import Dict, List, Sequence, Set

from item import PATH, Item, call
from wire import Failure

BASE = (
    "git",
    "python3",
    "python3-venv",
    "libpam-systemd",
    "dbus-user-session",
    "logrotate",  # or anybody could fill the disk by requests
)
PATIENCE = 120  # seconds that apt's lock is waited for: a fresh server updates itself at first


def distribution() -> Dict[str, str]:
    """What os-release(5) says of the system."""
    found: Dict[str, str] = {}
    with contextlib.suppress(OSError):
        with open("/etc/os-release", encoding="utf-8", errors="replace") as source:
            for line in source:
                key, _, value = line.strip().partition("=")
                found[key] = value.strip("\"'")
    return found


def supported(said: Dict[str, str]) -> bool:
    """Whether it is Debian, Ubuntu, or made of them."""
    kinds = {said.get("ID", ""), *said.get("ID_LIKE", "").split()}
    return bool(kinds & {"debian", "ubuntu"})


def installed(names: Sequence[str]) -> Set[str]:
    """Those of `names` that dpkg has installed."""
    said = call("dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n", *names)[1]
    rows = (line.split() for line in said.splitlines())
    return {row[1] for row in rows if len(row) == 2 and row[0] == "installed"}


class Packages(Item):
    """`extra` packages beside those that every server needs."""

    name = "packages"

    def __init__(self, extra: Sequence[str]) -> None:
        self.extra = list(extra)

    def wanted(self) -> List[str]:
        names = [*BASE, *self.extra]
        if not shutil.which("nginx", path=PATH):  # an nginx that somebody chose stays
            light = distribution().get("ID") == "debian"
            names.append("nginx-light" if light else "nginx")
        return sorted(set(names))

    def missing(self) -> List[str]:
        wanted = self.wanted()
        have = installed(wanted)
        return [name for name in wanted if name not in have]

    def drift(self) -> List[str]:
        said = distribution()
        if not supported(said):
            name = said.get("PRETTY_NAME") or said.get("ID") or "unknown"
            raise Failure("distribution", "its system is %s, neither Debian nor Ubuntu" % name)
        return ["install %s" % name for name in self.missing()]

    def mend(self) -> None:
        names = self.missing()
        told = _apt("update")[1]  # one index that can't be had need not matter
        code, said = _apt("install", "--no-install-recommends", *names)
        if code:
            kind = "apt-lock" if _locked(said) else "apt"
            raise Failure(kind, "apt-get could not install %s" % " ".join(names), told + said)


def _apt(*words: str) -> "tuple[int, str]":
    """apt-get, asking nobody anything and restarting nothing; its lock is waited for."""
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=%d" % PATIENCE]
    options += ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    until = time.monotonic() + PATIENCE
    while True:
        done = call(
            "apt-get",
            *options,
            *words,
            DEBIAN_FRONTEND="noninteractive",
            NEEDRESTART_SUSPEND="1",
        )
        # The option is about dpkg's lock; the lists' is refused at once.
        if not done[0] or not _locked(done[1]) or time.monotonic() > until:
            return done
        time.sleep(1)


def _locked(said: str) -> bool:
    return "Could not get lock" in said or "Unable to lock" in said
