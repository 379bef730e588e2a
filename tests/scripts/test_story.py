"""The story holds, says so in figures, and leaves nothing behind however it ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from scripts import story
from tasks.lib import console
from scripts.claims import Facts
from scripts.load import Request, summary
from scripts.recipes import Told

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Return where a story puts what it makes; nothing may be left there, and nothing run."""
    directory = tmp_path / "a place"
    directory.mkdir()
    yield directory
    left = [(process, process.cmdline(), process.parents()) for process in running(directory)]
    for process, *_ in left:
        process.kill()
    assert left == []
    assert list(directory.iterdir()) == []


def running(directory: Path) -> list[psutil.Process]:
    """Return the processes that work in a directory or were marked as a sandbox's in it."""
    found = []
    for process in psutil.process_iter():
        try:
            about = [process.cwd(), process.environ().get("CIRCLE_SANDBOX", "")]
        except psutil.Error:
            continue
        if any(text.startswith(str(directory)) for text in about):
            found.append(process)
    return found


@contextmanager
def telling(place: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.story", *options],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(place), "INVOKE_SANDBOX_HOSTS": "7"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


@contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError:
            pass  # somebody else has it: that is as good
        yield


def after_line(process: subprocess.Popen[str], start: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(start):
            return
    raise AssertionError(f"it ended without saying {start}")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_story_holds_with_its_port_taken_and_stays_up_until_told(place: Path) -> None:
    with taken(8000), telling(place, "--json", "--keep") as process:
        stdout, stderr = process.communicate()
    front = re.search(r"The sandbox stays up: (\S+)", stderr)
    command = re.search(r"To end it: (.*)", stderr)
    assert front and command
    with urllib.request.urlopen(f"{front[1]}/api/version") as answer:
        version = json.load(answer)["version"]
    kept = running(place)
    subprocess.run(["/bin/sh", "-c", command[1]], check=True, stdout=subprocess.DEVNULL)
    assert process.returncode == 0, stderr
    assert version == "v1" and kept
    told = json.loads(stdout.splitlines()[-1])
    assert (told["deploys"], told["refused"], told["reverted"]) == (4, 1, 1)
    assert (told["lost"], told["torn"], told["held"]) == (0, 0, True)
    assert told["requests"] >= 2000
    assert told["errors"] > 0
    for figure in ("deploy_seconds", "rollback_seconds", "switch_seconds"):
        assert told[figure] > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("line", "number"),
    [
        pytest.param("project", signal.SIGINT, id="while-the-host-starts"),
        pytest.param("host", signal.SIGTERM, id="in-the-first-deploy"),
        pytest.param("v1", signal.SIGINT, id="under-load"),
    ],
)
def test_interrupted_it_stops_what_it_started(
    place: Path, line: str, number: signal.Signals
) -> None:
    with telling(place, "--json") as process:
        after_line(process, line)
        process.send_signal(number)
        stdout, stderr = process.communicate()
    assert process.returncode == 128 + number
    assert stdout == ""
    assert "Interrupted: stopping what was started" in stderr
    assert "Traceback" not in stderr


COMMITS = {version: version[1] * 40 for version in ("v1", "v2", "v3", "v4")}
FAILED = Facts(
    COMMITS, {"v1": Told(1, {}, 1.0, "chatter\nwhat went wrong\n")}, {"v1": ""}, summary([])
)


def test_what_did_not_hold_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert story.conclude(FAILED, as_json=False) == 1
    said = capsys.readouterr()
    assert re.search(r"NO +v1 went live", said.out)
    assert "not measured" in said.out
    assert "inv exited with 1; live afterwards: nothing\n  chatter\n  what went wrong" in said.err
    assert "Did not hold: v2" not in said.err, "it was never tried"


def test_what_was_lost_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lost = Request(1.5, "http://x/", "lost", 502, 0.1, "", False, "502 Bad Gateway")
    story.conclude(replace(FAILED, load=summary([lost])), as_json=False)
    assert "lost at 1.500 s: http://x/: 502 Bad Gateway" in capsys.readouterr().err


def test_json_is_the_only_thing_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert story.conclude(FAILED, as_json=True) == 1
    finally:
        console.set_json(False)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert json.loads(said.out)["held"] is False
    assert "v1 went live" in said.err


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "a clone"
    (root / "scripts").mkdir(parents=True)
    shutil.copy2(ROOT / "scripts/try", root / "scripts/try")
    stubs = {"scripts/setup": "echo setup >&2", ".venv/bin/python": 'pwd; printf "<%s>" "$@"'}
    for name, text in stubs.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"#!/bin/sh\n{text}\n")
        (root / name).chmod(0o755)
    return root


def test_try_sets_up_and_tells(clone: Path) -> None:
    done = subprocess.run(
        [str(clone / "scripts/try"), "--json", "a b"], cwd="/", capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "setup\n")
    assert done.stdout == f"{clone}\n<-m><scripts.story><--json><a b>"


def test_try_without_git_says_so(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "sh"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        [str(clone / "scripts/try")],
        env={"PATH": str(tmp_path / "bin")},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("git is missing")
