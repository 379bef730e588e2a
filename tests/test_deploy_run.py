"""`inv deploy.run -- COMMAND`: on every host, as the live release would run it, by no shell."""

from __future__ import annotations

import os
import signal

import pytest

from tests.conftest import Make
from tests.support.around import kill_host, processes, until
from tests.support.project import Project

SECRET = "correct horse battery staple"


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    """Two hosts that serve a release with a secret."""
    made = lasting(hosts=2)
    for number in (1, 2):
        made.env(number, SECRET=SECRET, GREETING="hello")
    made.document("deploy")
    return made


def lines(project: Project, *command: str, code: int = 0) -> list[str]:
    done = project.inv("deploy.run", "--", *command)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_it_runs_in_the_live_release_on_every_host(project: Project) -> None:
    where = "echo $ENVIRONMENT $HOST_NAME"
    asked = f"pwd; echo $RELEASE_ID; echo ${{#GREETING}}; echo $COMMIT; {where}"
    said = lines(project, "sh", "-c", asked)
    for number in (1, 2):
        place = project.host(number) / "releases" / project.current(number)
        told = [line.partition(" | ")[2] for line in said if line.startswith(f"host{number} | ")]
        commit, here = project.git("rev-parse", "HEAD"), f"sandbox host{number}"
        assert told == [str(place), place.name, "5", commit, here]


def test_words_arrive_as_they_were_given(project: Project) -> None:
    words = ["a  b", "$HOME", "*", "", "'", "; exit 1", "--", "-e", "ä"]
    told = lines(project, "python", "-c", "import sys; print(sys.argv[1:])", *words)
    assert sorted(told) == [f"host{number} | {words!r}" for number in (1, 2)]


def test_options_come_before_the_dashes(project: Project) -> None:
    done = project.inv("deploy.run", "--env=sandbox", "--", "echo", "--env=other")
    assert done.returncode == 0 and "host1 | --env=other" in done.stdout


def test_secrets_are_hidden_wherever_lines_end(project: Project) -> None:
    code = "import os, sys; sys.stdout.write('x' * 8185 + os.environ['SECRET'] + 'y' * 9000)"
    told = lines(project, "python", "-c", code)
    assert all(line.endswith("x***" + "y" * 9000) for line in told) and len(told) == 2
    code = (
        "import os, sys; [sys.stdout.write(c) or sys.stdout.flush() for c in os.environ['SECRET']]"
    )
    assert sorted(lines(project, "python", "-c", code)) == ["host1 | ***", "host2 | ***"]
    assert not any(SECRET in line for line in lines(project, "env"))


def test_where_it_fails_is_named(project: Project) -> None:
    command = ["sh", "-c", "case $PWD in */host2/*) echo bad >&2; exit 3;; esac"]
    done = project.inv("deploy.run", "--", *command)
    assert done.returncode == 1
    assert "The command failed on host2." in done.stderr and "host2: ended with 3" in done.stderr
    assert done.stdout == "host2 | bad\n"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (["no-such-command"], 1, "host1, host2: no-such-command can't be run: No such file"),
        (["/etc/passwd"], 1, "can't be run: Permission denied"),
        (["python", "-c", "import os; os.kill(os.getpid(), 9)"], 1, "host1, host2: ended with -9"),
        ([], 2, "Say what to run"),
        (["echo", "x" * 70_000], 2, "too long"),
    ],
    ids=["unknown", "not a program", "killed", "none", "too long"],
)
def test_what_cannot_be_run(project: Project, command: list[str], code: int, said: str) -> None:
    done = project.inv("deploy.run", "--", *command)
    assert done.returncode == code and said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_command(project: Project) -> None:
    done = project.inv("deploy.run")
    assert done.returncode == 2 and "`inv deploy.run -- COMMAND`" in done.stderr


def test_a_lot_of_output_comes_whole(project: Project) -> None:
    told = lines(project, "python", "-c", "for n in range(60_000): print(n)")
    for number in (1, 2):
        own = [line for line in told if line.startswith(f"host{number} | ")]
        assert own == [f"host{number} | {n}" for n in range(60_000)]


@pytest.mark.parametrize("stubborn", [False, True], ids=["ends", "ignores TERM"])
def test_interrupted_it_ends_on_every_host(project: Project, stubborn: bool) -> None:
    mark = f"waits-{os.getpid()}-{stubborn}"
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if stubborn else ""
    code = f"{ignore}import time; print('{mark}', flush=True); time.sleep(600)"
    path = project.root / "said"
    with path.open("w") as out:
        child = project.popen("deploy.run", "--", "python", "-c", code, stdout=out)
    try:
        until(lambda: path.read_text().count(mark) == 2, "both have begun")
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 130
    finally:
        child.kill()
        child.wait()
    assert "ended on every host" in path.read_text() and "Traceback" not in path.read_text()
    until(lambda: not processes(mark), "no process of it is left")


def test_the_other_hosts_go_on_without_one(make: Make) -> None:
    project = make(hosts=2)
    project.document("deploy")
    kill_host(project, 2)
    done = project.inv("deploy.run", "--", "echo", "here")
    assert done.returncode == 1 and "failed on host2" in done.stderr
    assert done.stdout == "host1 | here\n"
    entries = (project.root / ".circle" / "journal.jsonl").read_text()
    assert '"phase": "deploy.run"' in entries and "echo" not in entries
    kill_host(project, 1)
    assert project.inv("deploy.run", "--", "echo", "here").returncode == 2


def test_nothing_is_live(make: Make) -> None:
    done = make().inv("deploy.run", "--", "true")
    assert done.returncode == 1 and "nothing is live on this host" in done.stderr
