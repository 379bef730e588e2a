"""`inv test` as it is typed: words after `--`, one document, Ctrl-C, a debugger on the terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bench import Bench

INV = [sys.executable, "-m", "invoke"]
TWO = "def test_one():\n    pass\n\n\ndef test_two():\n    answer = 40\n    assert answer == 42\n"
WAITS = """import pathlib, time

import pytest


@pytest.fixture
def made():
    yield
    pathlib.Path("put away").touch()


def test_it(made):
    pathlib.Path("begun").touch()
    time.sleep(60)
"""


pytestmark = pytest.mark.usefixtures("apart")


@pytest.fixture
def project(tmp_path: Path) -> Bench:
    bench = Bench.made(tmp_path / "a project")
    bench.linked()
    return bench


def inv(project: Bench, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*INV, *words],
        cwd=project.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_follows_two_dashes_is_pytests_word_by_word(project: Bench) -> None:
    project.commit({"tests/test_two.py": TWO})
    done = inv(project, "test", "--json", "--", "-k", "price or one", "-vv")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["detail"]["tests"] == 2 and told["detail"]["partial"] == "-k 'price or one'"
    assert "tests/test_two.py::test_one PASSED" in done.stderr, "pytest speaks where we do"
    assert told["phase"] == "test" and told["next"] == "inv preaggregate"
    done = inv(project, "test", "-k", "two", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["outcome"] == "troubled"
    assert told["error"]["kind"] == "failed" and "40 == 42" in told["error"]["evidence"]


def test_a_choice_that_cannot_be_is_told_in_a_sentence(project: Bench) -> None:
    assert inv(project, "test", "--suite").returncode == 1, "Invoke's own"
    (project.path / "invoke.yaml").write_text("test: {coverage: 120}\n")
    done = inv(project, "test")
    expected = "invoke.yaml: test.coverage should be 0 to 100 percent, not 120.0.\n"
    assert (done.returncode, done.stderr) == (2, expected)
    (project.path / "invoke.yaml").write_text("")
    os.environ["PYTEST_ADDOPTS"] = "-k 'open"
    try:
        done = inv(project, "test")
    finally:
        del os.environ["PYTEST_ADDOPTS"]
    assert done.returncode == 2 and done.stderr.startswith("PYTEST_ADDOPTS can't be read")


def test_ctrl_c_leaves_fixtures_their_time_and_says_how_far_it_came(project: Bench) -> None:
    project.commit({"tests/test_waits.py": WAITS})
    process = subprocess.Popen(
        [*INV, "test"],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (project.path / "begun").exists():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and (project.path / "put away").exists()
    assert "Interrupted; until then 1 passed and 0 failed, and nothing of it counts" in said
    assert project.last()["outcome"] == "troubled" and "Traceback" not in said


def test_the_terminal_is_the_readers(project: Bench) -> None:
    """Colours, and a debugger that can be spoken with."""
    project.commit({"tests/test_two.py": TWO})
    terminal, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    argv = [*INV, "test", "-k", "two", "--", "--pdb"]
    process = subprocess.Popen(
        argv, cwd=project.path, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    _until(terminal, "(Pdb) ")
    os.write(terminal, b"p answer * 2\n")
    assert "80" in _until(terminal, "(Pdb) ")
    os.write(terminal, b"continue\n")
    said = _until(terminal, "Next: inv test --failed")
    os.close(terminal)
    assert process.wait(30) == 1 and "\x1b[31m" in said


def _until(terminal: int, text: str) -> str:
    """Return what is said on a terminal until `text` comes."""
    said = ""
    while text not in said:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, said
        said += os.read(terminal, 4096).decode(errors="replace")
    return said
