"""Processes beside the web one, such as workers and schedulers: they follow `current`.

Two of one name never run at once on a host, whatever is killed in between. Three things see to it:
others are stopped before one starts; each holds its name's lock for as long as it, or anything of
it, has the file open; and it begins only while its release is current. It can be found, and
stopped, before it looks at that: who renames `current` and then stops the others misses none.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any, Dict, Optional

from command import open_lock
from host import Host
from service import Service
from wire import Failure

SETTLED = 1.0  # seconds that one has to live before it counts as started
PATIENCE = 5.0  # seconds to wait for the end of one that was stopped before
QUICK, LONGEST = 30.0, 60.0  # who lived shorter than the first waits, up to the second, in seconds


def enter(service: Service, release: str, process: str) -> None:
    """In the process itself, before it becomes the release's: be the only one of its name.

    Also waits where it ended soon after its last start, longer each time. Raises Failure, OSError.
    """
    host, keeper = service.host, service.keeper
    keeper.note(release, process, os.getpid())
    handle = _lock(host, process)
    if host.current() != release:
        raise Failure("start", "%s is not current, so its %s does not start" % (release, process))
    now, last = time.monotonic(), _last(host, process)
    soon = last.get("release") == release and 0 <= now - last["at"] < QUICK + last["pause"]
    pause = min(LONGEST, 2 * last["pause"] + 1) if soon else 0.0
    said = {"pid": os.getpid(), "release": release, "at": now, "pause": pause}
    with contextlib.suppress(OSError):  # a full disk
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(said).encode(), 0)
    os.set_inheritable(handle, True)
    time.sleep(pause)


def _place(process: str) -> str:
    return "beside-" + process


def _last(host: Host, process: str) -> Dict[str, Any]:
    """Who had the name last, when (in seconds since the boot), and how long it had to wait."""
    said = host.read_json("run", _place(process))
    keys = ("pid", "at", "pause")
    fits = isinstance(said, dict) and all(isinstance(said.get(key), (int, float)) for key in keys)
    return said if fits else {"pid": 0, "at": 0.0, "pause": 0.0}


def _lock(host: Host, process: str) -> int:
    handle = open_lock(host.path("run", _place(process)), PATIENCE)
    if handle is None:
        said = (process, _last(host, process)["pid"])
        raise Failure("start", "another %s still runs (process %d, or what it left)" % said)
    return handle


class Companions:
    """Has them follow `current`: in a thread, since nobody who uses the web process waits for that.

    Whoever wants another release to be followed is heard at once: what is under way then stops what
    it stops, and starts nothing more.
    """

    def __init__(self, service: Service) -> None:
        self.service, self.host = service, service.host
        self.turn = threading.Lock()
        self.wanted: Optional[str] = None
        self.followed: Optional[str] = None
        self.thread: Optional[threading.Thread] = None
        self.wrong: Optional[Failure] = None
        self.pids: Dict[str, Optional[int]] = {}

    def begin(self, release: str) -> None:
        """Have them follow a release that has become current; `check` tells how it went."""
        self.wanted, self.wrong = release, None
        self.thread = threading.Thread(target=self._aside, args=(release,), daemon=True)
        self.thread.start()

    def follow(self, release: str) -> None:
        """The same, and wait until they run. Raises Failure, OSError."""
        self.wanted = release
        self._take_turn(release)

    def check(self, lost: threading.Event) -> None:
        """Wait until they run, and have done so for a moment.

        Raises Failure when one does not, or when the operator is `lost` meanwhile.
        """
        while self.thread is not None and self.thread.is_alive():
            self.thread.join(0.02)
            if lost.is_set():
                raise Failure("lease", "the operator was gone while processes changed places")
        if self.wrong is not None:
            raise self.wrong
        for process, pid in self.pids.items():
            self._settled(str(self.followed), process, pid)

    def _settled(self, release: str, process: str, pid: Optional[int]) -> None:
        since, until = 0.0, time.monotonic() + 4 * PATIENCE
        while pid is not None and self.service.keeper.pid(release, process) == pid:
            now = time.monotonic()
            if not since and _last(self.host, process)["pid"] == pid:
                since = now  # it has the name
            if (since and now > since + SETTLED) or now > until:
                return
            time.sleep(self.service.keeper.poll)
        text = "%s: its process %s ended right after its start" % (release, process)
        raise Failure("verify", text, "\n".join(self.service.tail(release, process)))

    def _aside(self, release: str) -> None:
        try:
            self._take_turn(release)
        except (Failure, OSError) as error:
            self.wrong = Failure.of(error)

    def _take_turn(self, release: str) -> None:
        with self.turn:
            if self.followed == release:
                return
            self.followed, self.pids = None, {}
            self._stop_others(release)
            if self.wanted == release:
                self._start(release)
                self.followed = release

    def _stop_others(self, release: str) -> None:
        """All at once, each with its own release's limit."""
        stopping = []
        for name, processes in self.service.running(beside=True).items():
            for process in processes:
                if name != release:
                    words = (name, process, self.service.said(name)["drain"])
                    stopping.append(threading.Thread(target=self.service.keeper.stop, args=words))
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()

    def _start(self, release: str) -> None:
        said = self.service.said(release) if release else {"processes": {}}
        for process in said["processes"]:
            if process == "web" or self.service.keeper.up(release, process):
                continue
            if self.service.keeper.alive(release, process):  # it was told to end
                self.service.keeper.stop(release, process, said["drain"])
            agent = self.host.path("run", "agent.py")
            argv = [sys.executable, "-I", agent, "serve", self.host.root, release, process]
            self.service.keeper.start(release, process, (argv, self.host.root, dict(os.environ)))
            self.pids[process] = self.service.keeper.pid(release, process)
