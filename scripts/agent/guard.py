"""The run's other half: it starts the run, and settles in its place should it be killed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
import traceback
from typing import Any, Callable

from command import Commands, open_lock, tell_holder
from host import Host
from run import Run
from service import Service
from settle import Settler
from wire import Failure


def guard(host: Host, run: str, lease: float) -> None:
    """Start the run, and settle in its place should it be killed.

    Returns at once when somebody else holds the lock. The guard holds it, too, until the run says
    that it gives it up: so there is no moment in which pending.json stands and nobody has the lock,
    even where a command of the run has left a process that keeps the lock for ever.
    """
    host.prepare()
    lock = open_lock(host.path("lock"))
    if lock is None:
        return
    if _held_before(lock, run):  # systemd starts a run again whose guard was killed, too
        return settle_held(host, lock, "the run was killed")
    # At once: until then the lock's file tells of the run before, which is over.
    begun = {"run": run, "since": time.time(), "who": None, "doing": "starting"}
    tell_holder(lock, {**begun, "pids": [os.getpid()]})
    commands = Commands(lock, threading.Event())
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        code = 1
        try:
            Run(host, run, lease, commands, lambda: _given_up(its)).main()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(its)
    if os.read(ours, 1):  # nothing comes when the run was killed
        os.close(lock)
        if os.waitpid(child, 0)[1] == 0:
            return
        return settle_alone(host, "the run was killed while it stopped the release before")
    os.waitpid(child, 0)
    commands.end_orphan()
    settle_held(host, lock, "the run was killed")


def _given_up(pipe: int) -> None:
    with contextlib.suppress(OSError):  # the guard was killed
        os.write(pipe, b".")


def _held_before(lock: int, run: str) -> bool:
    with contextlib.suppress(ValueError, AttributeError):
        return bool(json.loads(os.pread(lock, 4096, 0) or b"{}").get("run") == run)
    return False


def _say_settling(lock: int) -> None:
    """Who looks at the lock learns that it is free soon; nobody left a process behind."""
    said: Any = {}
    with contextlib.suppress(ValueError):
        said = json.loads(os.pread(lock, 4096, 0) or b"{}")
    said = {**(said if isinstance(said, dict) else {}), "doing": "settling", "pids": [os.getpid()]}
    tell_holder(lock, said)


def settle_alone(host: Host, reason: str, start: bool = False) -> None:
    """Wait for the lock, then do what is pending; `start`: also start what `current` points at."""
    lock = os.open(host.path("lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    fcntl.flock(lock, fcntl.LOCK_EX)
    settle_held(host, lock, reason, start)


def settle_held(host: Host, lock: int, reason: str, start: bool = False) -> None:
    """The same with the lock in hand, which is given up before old instances are drained."""
    _say_settling(lock)
    known = host.pending() or {"release": host.current()}
    adapter: Any = (host.manifest(known["release"]) or {}).get("adapter", "auto")
    settler = Settler(Service(host, adapter))
    settler.settle(reason)
    current = host.current()
    if start and current:
        # Each by itself: systemd goes on trying, and what both need may come up later.
        _attempt(current, lambda: settler.service.start(current, keep=True))
        _attempt(current, lambda: settler.companions.follow(current))
    os.close(lock)
    settler.finish(keep=start)


def _attempt(release: str, act: Callable[[], Any]) -> None:
    try:
        act()
    except (Failure, OSError) as error:
        print("%s did not come up: %s" % (release, error))
