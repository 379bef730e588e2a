"""The journal under what it has to stand: many writers, killed ones, a disk that takes no more.

Real processes and a real file; no write is a stand-in.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from tasks.lib import journal

WRITERS = 200


def child(act: Callable[[], object]) -> int:
    """Begin a process of its own that does `act` and ends; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
        os._exit(0)
    except BaseException:
        os._exit(1)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def gate() -> Iterator[tuple[Callable[[], object], Callable[[], object]]]:
    """Give what a writer waits by, and what lets all of them go at once."""
    inner, outer = os.pipe()

    def wait() -> None:
        os.close(outer)
        os.read(inner, 1)  # until nobody has the other end any more

    def go() -> None:
        os.close(outer)

    yield wait, go
    os.close(inner)


def test_two_hundred_processes_at_once_lose_no_line(
    tmp_path: Path, gate: tuple[Callable[[], object], Callable[[], object]]
) -> None:
    path, (wait, go) = tmp_path / "journal.jsonl", gate

    def write(number: int) -> None:
        wait()
        journal.append({"n": number, "text": "x" * (number * 97)}, path)

    pids = [child(lambda number=number: write(number)) for number in range(WRITERS)]  # type: ignore
    go()
    assert {ended(pid) for pid in pids} == {0}
    found = journal.content(path)
    assert sorted(entry["n"] for entry in found.entries) == list(range(WRITERS))
    assert all(entry["text"] == "x" * (entry["n"] * 97) for entry in found.entries)
    assert found.garbled == 0 and path.read_bytes().count(b"\n") == WRITERS


def test_kill_at_any_moment_costs_at_most_the_line_being_written(tmp_path: Path) -> None:
    path, chance = tmp_path / "journal.jsonl", random.Random(6)
    known: list[int] = []
    for turn in range(20):
        inner, outer = os.pipe()

        def write() -> None:
            for number in range(1000):
                journal.append({"n": turn * 1000 + number, "text": "x" * 200_000}, path)
                os.write(outer, b"%d\n" % (turn * 1000 + number))

        pid = child(write)
        os.close(outer)
        time.sleep(chance.uniform(0.002, 0.03))
        os.kill(pid, signal.SIGKILL)
        assert ended(pid) == -signal.SIGKILL
        with os.fdopen(inner, "rb") as told:
            known += map(int, told.read().split())
        journal.append({"n": -turn - 1}, path)
        known.append(-turn - 1)
    numbers = [entry["n"] for entry in journal.read(path)]
    assert set(known) <= set(numbers) and len(set(numbers)) == len(numbers)
    assert journal.content(path).garbled <= 20


def test_a_line_cut_anywhere_is_closed_by_the_next_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append({"phase": "lint", "detail": {"hosts": ["a", "b"], "said": 'x "y" {z}'}}, path)
    whole = path.read_bytes()
    for cut in range(1, len(whole), 5):
        path.write_bytes(whole + whole[:cut])
        journal.append({"phase": "test"}, path)
        found = [entry["phase"] for entry in journal.read(path)]
        assert found == ["lint", "test"] if cut < len(whole) - 1 else ["lint", "lint", "test"]


def test_where_no_more_fits_it_says_so_and_the_next_line_stands_on_its_own(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append({"phase": "lint"}, path)
    room = path.stat().st_size + 60

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises(OSError):
            journal.append({"phase": "test", "text": "x" * 5000}, path)

    assert ended(child(write)) == 0
    assert path.stat().st_size == room  # a write that took less than it was given, and then failed
    journal.append({"phase": "deploy"}, path)
    found = journal.content(path)
    assert [entry["phase"] for entry in found.entries] == ["lint", "deploy"]
    assert found.garbled == 1


def test_a_write_that_takes_less_than_it_was_given_goes_on() -> None:
    inner, outer = os.pipe()
    wanted, got = os.urandom(4 << 20), bytearray()

    def take() -> None:
        while piece := os.read(inner, 5000):
            got.extend(piece)

    reader = threading.Thread(target=take)
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)  # ends a write to a pipe in its middle
    try:
        reader.start()
        journal._write(outer, wanted)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        os.close(outer)
        reader.join()
        os.close(inner)
    assert bytes(got) == wanted
