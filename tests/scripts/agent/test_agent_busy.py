"""Who comes while another holds the lock: one that is about to end is waited for."""

from __future__ import annotations

import fcntl
import json
import threading
import time

import pytest

from tasks.lib.session import Busy
from tests.support.rig import Rig


def other(doing: str) -> str:
    return json.dumps({"run": "another", "who": "ann@desk", "since": 1.0, "doing": doing})


def held(rig: Rig, *said: tuple[str, float]) -> threading.Thread:
    """Hold the host's lock from now on: what it says of itself, and for how many seconds."""
    ready = threading.Event()
    (rig.root).mkdir(exist_ok=True)

    def hold() -> None:
        with open(rig.root / "lock", "w+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for doing, seconds in said:
                lock.seek(0)
                lock.write(other(doing))
                lock.truncate()
                lock.flush()
                ready.set()
                time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(10)
    return thread


def test_a_run_is_met_only_from_when_it_is_seen(rig: Rig) -> None:
    """On a busy host a lock tells for a moment of a run that is over: nobody to be told of."""
    holder = held(rig, ("closing", 1.6), ("stage", 0.3))
    session = rig.begin("mine")
    holder.join()
    assert session.call("beat", 20) is None


def test_a_run_that_works_is_told(rig: Rig) -> None:
    holder = held(rig, ("closing", 0.2), ("stage", 4.0))
    with pytest.raises(Busy) as busy:
        rig.begin("mine")
    assert busy.value.holder["doing"] == "stage"
    holder.join()
