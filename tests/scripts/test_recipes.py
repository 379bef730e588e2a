"""A command's outcome is read from its document; a command is never left behind."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts import recipes
from scripts.recipes import inv

TASKS = """
import os, signal, subprocess, sys, time
from invoke import task

def begun():
    open("begun", "w").write(str(os.getpid()))

@task
def good(c):
    print("chatter", file=sys.stderr)
    print('{"outcome": "closed", "detail": {"keep": "%s"}}' % c.config.get("keep", ""))

@task
def bad(c):
    for number in range(50):
        print("line", number, file=sys.stderr)
    raise SystemExit(2)

@task
def garbled(c):
    print("[1]")

@task
def slow(c):
    begun()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        open("interrupted", "w").close()
        raise SystemExit(130)

@task
def deaf(c):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    subprocess.Popen(["sleep", "60"])
    begun()
    time.sleep(60)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


def test_what_a_command_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVOKE_KEEP", "from the operator's shell")
    told = inv(project, "good")
    assert (told.code, told.detail, told.last) == (0, {"keep": ""}, "chatter")
    assert 0 < told.seconds < recipes.LIMIT


def test_a_command_that_fails(project: Path) -> None:
    told = inv(project, "bad")
    assert (told.code, told.document, told.detail) == (2, {}, {})
    assert told.last.splitlines()[-1] == "line 49"
    assert len(told.last.splitlines()) == recipes.SHOWN


def test_what_is_no_document_is_none(project: Path) -> None:
    assert inv(project, "garbled").document == {}
    assert recipes.Told(0, {"detail": 5}).detail == {}


def test_a_command_that_hangs_is_interrupted(project: Path) -> None:
    told = inv(project, "slow", limit=2.0)
    assert told.code == 130 and "not done after 2 seconds" in told.last
    assert (project / "interrupted").exists()


class Ended(BaseException):
    pass


@pytest.fixture
def alarm(project: Path) -> Iterator[None]:
    """Raise Ended here again and again from shortly after the command has begun."""

    def ring(*_: object) -> None:
        if (project / "begun").exists():
            raise Ended

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", ["slow", "deaf"])
@pytest.mark.usefixtures("alarm")
def test_who_is_interrupted_leaves_no_command_behind(project: Path, name: str) -> None:
    with pytest.raises(Ended):
        inv(project, name)
    signal.setitimer(signal.ITIMER_REAL, 0)
    group = int((project / "begun").read_text())
    end = time.monotonic() + 20
    while (left := _alive(group)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left


def _alive(group: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and os.getpgid(process.pid) == group:
                found.append(process.pid)
        except (psutil.NoSuchProcess, ProcessLookupError):
            pass
    return found
