"""`inv deploy.logs`: what the service says, its secrets hidden, and no trace of having followed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Make
from tests.support.around import kill_host, processes, until
from tests.support.project import Project

SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """Two hosts; two releases, each of which says its secret as it starts."""
    made = lasting(hosts=2, service={"processes": {"worker": "sh -c 'echo at work; sleep 600'"}})
    for number in (1, 2):
        made.env(number, SECRET=SECRET)
    made.commit("first", "say-secret")
    made.document("deploy")
    made.commit("second", "say-secret")
    made.document("deploy")
    return made


def log(project: Project, number: int = 1, release: str = "current") -> Path:
    base = project.host(number)
    return (
        base / "current" if release == "current" else base / "releases" / release
    ) / "run/web.log"


def test_every_host_shows_its_lines_in_turn(project: Project) -> None:
    done = project.inv("deploy.logs")
    assert done.returncode == 0 and done.stderr == ""
    assert SECRET in log(project).read_text(), "the service does say it"
    said = [line.split(" | ") for line in done.stdout.splitlines()]
    assert [name for name, _ in said] == sorted(name for name, _ in said)
    assert {name for name, _ in said} == {"host1", "host2"}
    assert {text for _, text in said} == {"the password is ***"}


def test_one_host_needs_no_name_before_its_lines(project: Project) -> None:
    done = project.inv("deploy.logs", "--host=host2", "--lines=1")
    assert done.stdout == "the password is ***\n"


def test_other_processes_and_releases(project: Project) -> None:
    done = project.inv("deploy.logs", "--host=host1", "--process=worker")
    assert done.stdout == "at work\n"
    (older,) = project.releases() - {project.current()}
    with log(project, 1, older).open("a") as lines:
        lines.write("only in the older one\n")
    done = project.inv("deploy.logs", "--host=host1", f"--release={older}", "--lines=1")
    assert done.stdout == "only in the older one\n"


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ("--host=host9", 2, "sandbox has no host host9, but host1, host2."),
        ("--lines=-1", 2, "0 or more"),
        ("--process=none", 1, "has no process none, but web, worker"),
        ("--release=other", 1, "other is not complete on this host"),
        ("--release=../x", 1, "can't be a name here"),
        ("--process=$(id)", 1, "can't be a name here"),
        ("--env=nowhere", 2, "nowhere"),
    ],
)
def test_what_is_not_there_is_said(project: Project, option: str, code: int, said: str) -> None:
    done = project.inv("deploy.logs", option)
    assert done.returncode == code and said in done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr


def test_before_the_first_deploy_there_is_no_log(make: Make) -> None:
    project = make()
    done = project.inv("deploy.logs")
    assert done.returncode == 1 and "host1: nothing is live on this host" in done.stderr


def test_control_characters_are_shown_not_obeyed(project: Project) -> None:
    with log(project).open("a") as lines:
        lines.write("\x1b[2Jred\r\n")
    done = project.inv("deploy.logs", "--host=host1", "--lines=1")
    assert "\x1b" not in done.stdout and "\\x1b[2Jred" in done.stdout


def follow(project: Project, *words: str) -> tuple[subprocess.Popen[str], Path]:
    """Start following host1 and host2; returns it and the file that it writes to."""
    path = project.root / f"followed-{len(list(project.root.glob('followed-*')))}"
    with path.open("w") as out:
        return project.popen("deploy.logs", "--follow", "--lines=1", *words, stdout=out), path


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL, signal.SIGHUP])
def test_following_ends_and_leaves_nothing(project: Project, sign: signal.Signals) -> None:
    tailed = str(log(project, 2).resolve()).partition("/releases")[0]
    child, path = follow(project)
    try:
        until(lambda: "host2 | " in path.read_text(), "the first lines")
        with log(project, 2).open("a") as lines:
            lines.write(f"as it comes {sign} {SECRET[:9]}")
            lines.flush()
            lines.write(f"{SECRET[9:]} end\n")
        until(lambda: f"host2 | as it comes {sign} *** end" in path.read_text(), "the new line")
        assert any("tail" in process.cmdline()[0] for process in processes(tailed))
        os.kill(child.pid, sign)
        code = child.wait(30)
    finally:
        child.kill()
        child.wait()
    if sign == signal.SIGINT:
        assert code == 130
        assert "No log is followed any more" in path.read_text()
        assert "Traceback" not in path.read_text()
    until(lambda: not processes(f"{tailed}/releases/"), "every tail ended")
    assert SECRET not in path.read_text()


def test_following_goes_on_while_nothing_is_said(project: Project) -> None:
    """For longer than a silent connection is believed in, by a host that is told to be quiet."""
    child, path = follow(project, "--host=host1")
    try:
        until(lambda: path.read_text() != "", "the first line")
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(18)
        with log(project).open("a") as lines:
            lines.write("after a while\n")
        until(lambda: "after a while" in path.read_text(), "the new line")
    finally:
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130


def test_a_reader_who_has_seen_enough(project: Project) -> None:
    with log(project).open("a") as lines:
        lines.write("a line\n" * 20_000)
    command = f"{sys.executable} -m invoke deploy.logs --host=host1 --lines=20000 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=project.root,
        env=project.variables(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_a_host_that_is_gone_is_named_beside_the_others(make: Make) -> None:
    project = make(hosts=2)
    project.commit("talks", "say-secret")
    project.document("deploy")
    kill_host(project, 2)
    done = project.inv("deploy.logs")
    assert done.returncode == 1 and "could not be shown on host2" in done.stderr
    assert done.stdout == "host1 | the password is unset\n"
    done = project.inv("deploy.logs", "--host=host2")
    assert done.returncode == 2 and "can't be reached" in done.stderr
