"""A host's journal: appended to, on disk, healed where it was torn."""

from __future__ import annotations

import json
import os
import resource
import threading
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.session import HostError
from tests.support.kept import closed
from tests.support.rig import LONG, Rig

GARBAGE = [b"{", b"null", b"[1]", b'{"event": 5}', b"\xff\xfe", b"[" * 5000, b'{"event": "closed"}']
GARBAGE += [b'{"event": "closed", "release": ["x"]}', b'{"event": "closed", "release": "../x"}']


def test_a_torn_last_line_is_healed(host: Any) -> None:
    host.record("first")
    with open(host.path("journal.jsonl"), "ab") as journal:
        journal.write(b'{"v": 1, "event": "sec')
    host.record("third")
    assert [entry["event"] for entry in host.journal()] == ["first", "third"]


@pytest.mark.parametrize("line", GARBAGE)
def test_garbage_in_the_journal_is_skipped(host: Any, line: bytes) -> None:
    closed(host, "one")
    with open(host.path("journal.jsonl"), "ab") as journal:
        journal.write(line + b"\n")
    closed(host, "two", kind="rollback", **{"from": ["one"]})
    assert [entry["release"] for entry in host.closed()] == ["one", "two"]


def test_what_the_operator_knows_in_the_end_is_in_the_last_line(rig: Rig) -> None:
    """When a release was verified: of a deploy the host is told as it confirms, also should nobody
    come back to close it; of a rollback as it closes."""
    rig.deploy("one")
    session = rig.begin(lease=1.0)
    rig.stage(session, "two")
    session.call("start", LONG, release="two")
    rig.switch(session, "two")
    with pytest.raises(HostError, match="a fact can't be called"):
        session.call("confirm", LONG, facts={"who": "another"})
    session.call("confirm", LONG, facts={"verified": "then", "watched": 2.5})
    session.close()
    rig.unlocked()
    *_, switched, closed = map(json.loads, (rig.root / "journal.jsonl").read_text().splitlines())
    assert (closed["event"], closed["verified"], closed["watched"]) == ("closed", "then", 2.5)
    assert "verified" not in switched and closed["who"] == "t"
    back = rig.begin(kind="rollback")
    back.call("start", LONG, release="one")
    rig.switch(back, "one", "forward")
    back.call("close", LONG, keep=5, facts={"verified": "later"})
    back.close()
    rig.unlocked()
    last = json.loads((rig.root / "journal.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["kind"], last["verified"]) == ("closed", "rollback", "later")


def test_lines_written_at_once_are_all_there(host: Any) -> None:
    def write(name: int) -> None:
        for turn in range(40):
            host.record("event", name=name, turn=turn)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    found = [(entry["name"], entry["turn"]) for entry in host.journal()]
    assert len(found) == 160 and len(set(found)) == 160


def test_two_hundred_processes_at_once_lose_no_line(host: Any) -> None:
    pids = []
    for number in range(200):
        if not (pid := os.fork()):
            host.record("event", number=number, text="x" * number * 97)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    assert sorted(entry["number"] for entry in host.journal()) == list(range(200))


def test_a_line_of_a_newer_version_is_not_misread(host: Any) -> None:
    closed(host, "one")
    line = {"v": 2, "event": "closed", "release": "two", "kind": "deploy", "run": "r2"}
    with open(host.path("journal.jsonl"), "a", encoding="utf-8") as journal:
        journal.write(json.dumps(line) + "\n")
    assert [entry["release"] for entry in host.closed()] == ["one"]
    assert [entry["release"] for entry in host.journal()] == ["one"]


def test_a_disk_that_takes_a_part_of_a_line_costs_only_that_line(
    host: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    host.record("first")
    room = os.path.getsize(host.path("journal.jsonl")) + 30
    if not (pid := os.fork()):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        host.record("second", text="x" * 5000)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert "the journal could not be written" in capfd.readouterr().err
    host.record("third")
    assert [entry["event"] for entry in host.journal()] == ["first", "third"]
    assert os.path.getsize(host.path("journal.jsonl")) > room


def test_a_journal_that_is_a_link_is_not_followed(host: Any, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("kept")
    os.symlink(tmp_path / "victim", host.path("journal.jsonl"))
    host.record("event")
    assert (tmp_path / "victim").read_text() == "kept"
