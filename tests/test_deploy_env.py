"""`inv deploy.env`: names are shown, values travel, and nobody sees one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import psutil
import pytest

from tasks.lib import environment as about
from tasks.lib import envfile, target
from tasks.lib.errors import NotClosed, Refused
from tasks.lib.fleet import Fleet
from tasks.lib.settings import Environment, Sandbox, Settings
from tasks.lib.target import Target
from tests.conftest import Make
from tests.support.around import kill_host, told
from tests.support.project import Project

SECRET = "correct-horse-battery-staple"
FILE = f"""# production
export SECRET={SECRET}
HASH=a#b # a comment
QUOTED='it\\'s "quoted"'
DOLLAR=pa$$word-$HOME
LINES="one
two\\nthree"
UNICODE=Grüße-日本-🔑
EMPTY=
TWICE=first-value
TWICE=second-value
"""
VALUES = {
    "SECRET": SECRET,
    "HASH": "a#b",
    "QUOTED": 'it\'s "quoted"',
    "DOLLAR": "pa$$word-$HOME",
    "LINES": "one\ntwo\nthree",
    "UNICODE": "Grüße-日本-🔑",
    "EMPTY": "",
    "TWICE": "second-value",
}


def write(project: Project, text: str) -> str:
    """Put a file to push beside the project, as Windows would write it; returns its path."""
    path = project.root.parent / "secret.env"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return str(path)


def push(project: Project, text: str, *options: str) -> CompletedProcess[str]:
    return project.inv("deploy.env", f"--push={write(project, text)}", *options)


def environ(project: Project, number: int = 1) -> dict[str, str]:
    """The environment of the process that serves."""
    known = json.loads((project.host(number) / "current" / "run" / "web.json").read_text())
    return psutil.Process(known["pid"]).environ()


@contextmanager
def lock(project: Project, number: int) -> Iterator[None]:
    """Hold a host as a run does."""
    holder = {"run": "deploy-1", "kind": "deploy", "who": "ada@desk", "doing": "stage"}
    path = project.host(number) / "lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write(json.dumps({**holder, "since": time.time()}))
        held.flush()
        yield


def hosts(project: Project) -> tuple[tuple[Target, ...], Environment]:
    """What the recipes would be given, for calling them here."""
    settings = Settings(app="demo", sandbox=Sandbox(hosts=project.hosts))
    environment = settings.environment("sandbox")
    return target.targets(settings, environment, project.root), environment


def stored(project: Project, number: int = 1) -> Path:
    return project.host(number) / "shared" / ".env"


def test_the_service_gets_exactly_what_was_pushed(make: Make) -> None:
    project = make(hosts=2)
    done = push(project, FILE)
    assert done.returncode == 0
    assert "8 keys are on host1, host2." in done.stdout and "The next release" in done.stdout
    assert "given more than once, the last one counts: TWICE" in done.stderr
    for number in (1, 2):
        assert stat.S_IMODE(stored(project, number).stat().st_mode) == 0o600
        assert os.listdir(stored(project, number).parent) == [".env"]
    project.document("deploy")
    assert {key: environ(project, 2)[key] for key in VALUES} == VALUES
    code = "import hashlib, json, os; e = os.environ; print(hashlib.sha256(json.dumps("
    code += f"[e[k] for k in {list(VALUES)}]).encode()).hexdigest())"
    ran = project.inv("deploy.run", "--", "python", "-c", code)
    expected = hashlib.sha256(json.dumps(list(VALUES.values())).encode()).hexdigest()
    assert ran.stdout.count(expected) == 2


def test_names_are_listed_and_missing_ones_told(make: Make) -> None:
    project = make(hosts=2, service={"required": ["SECRET", "ABSENT"]})
    done = project.inv("deploy.env")
    assert done.returncode == 0
    assert [line.split() for line in done.stdout.splitlines()[1:3]] == [
        ["ABSENT", "missing", "required"],
        ["SECRET", "missing", "required"],
    ]
    done = push(project, "SECRET=x y z w\nOTHER=1\n")
    assert "a deploy will be refused, for these are required: ABSENT" in done.stderr
    assert "new: OTHER, SECRET" in done.stdout
    project.env(2, SECRET="1")
    done = project.inv("deploy.env")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["OTHER", "host1"] in rows and ["SECRET", "every", "host", "required"] in rows
    assert done.stdout.splitlines()[-1].startswith("Next: inv deploy.env --env=sandbox --push")
    told = project.document("deploy.env")
    assert told["detail"]["hosts"] == {"host1": ["OTHER", "SECRET"], "host2": ["SECRET"]}
    done = push(project, "NEXT=1\n")
    assert "new: NEXT" in done.stdout and "gone: OTHER, SECRET" in done.stdout


def test_without_a_file_it_says_so(make: Make) -> None:
    assert make().inv("deploy.env").stdout.startswith("sandbox has no environment file yet.\n")


def test_what_runs_goes_on_until_the_next_deploy(make: Make) -> None:
    project = make()
    push(project, "SECRET=old-value\n")
    first = project.document("deploy")["detail"]["release"]
    running = (project.host() / "current" / "run" / "web.json").read_text()
    push(project, "SECRET=new-value\n")
    assert project.current() == first
    assert (project.host() / "current" / "run" / "web.json").read_text() == running
    assert (project.host() / "current" / ".env").read_text() == 'SECRET="old-value"\n'
    assert environ(project)["SECRET"] == "old-value"
    second = project.document("deploy")["detail"]["release"]
    assert second != first, "the same version with another environment is another release"
    assert environ(project)["SECRET"] == "new-value"


def test_a_rollback_takes_what_was_rotated_and_nothing_else(make: Make) -> None:
    project = make()
    old = "PASSWORD=old-password\nFLAVOUR=old-flavour\n"
    push(project, old)
    project.document("deploy")
    new = old.replace("old", "new") + "MORE=of-it\n"
    done = push(project, new, "--rotated=PASSWORD, PASSWORD")
    assert done.returncode == 0 and "A rollback takes PASSWORD from here too." in done.stdout
    project.commit("second")
    project.document("deploy")
    assert environ(project)["FLAVOUR"] == "new-flavour"
    project.document("rollback", "--env=sandbox", "--yes")
    env = environ(project)
    assert (env["PASSWORD"], env["FLAVOUR"]) == ("new-password", "old-flavour")
    assert "MORE" not in env
    pushed, *_ = project.document("deploy.history")["detail"]["runs"][-1:]
    rotated = [e for e in project.journal() if e["event"] == "pushed"]
    assert rotated[1]["rotated"] == ["PASSWORD"] and pushed["keys"] == ["PASSWORD", "FLAVOUR"]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (None, (), "can't be read (No such file or directory)"),
        ("A=1\nNO-NAME=hunter2\n", (), "line 2: its key is not a name"),
        ("A=1\nhunter2\n", (), "line 2: it has no ="),
        ("A=1\n", ("--rotated=A,B,C",), "--rotated names what"),
    ],
)
def test_a_file_that_will_not_do_changes_nothing(
    make: Make, text: str | None, options: tuple[str, ...], said: str
) -> None:
    project = make()
    project.env(A="before")
    path = write(project, text) if text else "/nowhere/at all"
    done = project.inv("deploy.env", f"--push={path}", *options)
    assert done.returncode == 2 and said in done.stderr
    assert "hunter2" not in told(done) and "Traceback" not in done.stderr
    assert stored(project).read_text() == 'A="before"\n'


def test_rotated_keys_are_those_of_a_pushed_file(make: Make) -> None:
    done = make().inv("deploy.env", "--rotated=A")
    assert done.returncode == 2 and "--push=FILE" in done.stderr


def test_a_host_that_somebody_holds_is_left_alone(make: Make) -> None:
    project = make(hosts=2)
    with lock(project, 2):
        done = push(project, FILE)
    assert done.returncode == 2
    assert "host2 is held by ada@desk since" in done.stderr and "deploy-1: stage" in done.stderr
    assert not stored(project, 1).exists() and not stored(project, 2).exists()


def test_a_host_that_is_taken_meanwhile_is_named(make: Make) -> None:
    """The lock that comes between the question and the answer to it."""
    project = make(hosts=2)
    targets, environment = hosts(project)
    found = envfile.parse(FILE, "FILE")
    with Fleet(targets, environment) as fleet, lock(project, 2):
        about._facts(fleet, environment)
        with pytest.raises(NotClosed, match=r"host2 did not take it \(ada@desk holds.*; host1 did"):
            about._send(fleet, environment, found, [])
        with lock(project, 1), pytest.raises(Refused, match="nothing was changed") as refused:
            about._send(fleet, environment, found, [])
    assert refused.value.kind == "locked" and SECRET not in repr(refused.value)
    assert stored(project, 1).exists() and not stored(project, 2).exists()


def test_a_host_that_does_not_answer_keeps_all_as_they_are(make: Make) -> None:
    project = make(hosts=2)
    kill_host(project, 2)
    done = push(project, FILE)
    assert done.returncode == 2 and "can't be reached" in done.stderr
    assert not stored(project).exists()
    assert project.inv("deploy.env").returncode == 2


def test_a_host_that_can_not_store_it_is_named(make: Make) -> None:
    project = make(hosts=2)
    project.host(2).mkdir(exist_ok=True)
    (project.host(2) / "shared").write_text("in the way")
    done = push(project, FILE)
    assert done.returncode == 1 and SECRET not in told(done)
    assert "host2 did not take it" in done.stderr and "; host1 did." in done.stderr


def test_a_file_larger_than_a_frame(make: Make) -> None:
    project = make()
    text = "".join(f"KEY{number}={number % 10 * 1000}{'x' * 1000}\n" for number in range(300))
    done = push(project, text)
    assert done.returncode == 0 and "300 keys are on host1." in done.stdout
    assert stored(project).read_text().count("\n") == 300


class Watched(threading.Thread):
    """Looks at the command lines of all processes for as long as it runs."""

    def __init__(self, word: str) -> None:
        super().__init__(daemon=True)
        self.word, self.seen, self.over = word, False, threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen = self.seen or self.word.encode() in path.read_bytes()
                except OSError:
                    continue


def test_the_planted_secret_appears_nowhere(make: Make) -> None:
    project = make(hosts=2, service={"smoke": []})
    watched = Watched(SECRET)
    watched.start()
    said = []
    options = (f"--push={write(project, FILE)}", "--rotated=SECRET")
    said.append(told(project.inv("--debug", "deploy.env", *options)))
    said.append(json.dumps(project.document("deploy.env", *options)))
    project.commit("says it", "say-secret")
    said.append(told(project.inv("--debug", "deploy")))
    project.commit("says it and ends", "say-secret exit-at-start")
    failed = project.document("deploy", code=1)
    assert "the password is ***" in failed["error"]["evidence"]
    project.commit("second", "say-secret")
    project.document("deploy")
    project.document("rollback", "--env=sandbox", "--yes", "--reason=to see")
    for task in ("status", "history", "env", "logs"):
        said.append(told(project.inv(f"deploy.{task}")))
    said.append(told(project.inv("deploy.run", "--", "env")))
    said.append(told(project.inv("deploy", "--plan")) + json.dumps(failed))
    watched.over.set()
    watched.join(30)
    assert not watched.seen, "it was an argument of a process"
    assert [text for text in said if SECRET in text] == []
    holding = {path.name for path in project.root.rglob("*") if holds(path, SECRET)}
    assert holding == {".env", "web.log"}, "where it belongs, and where the service itself wrote it"


def holds(path: Path, word: str) -> bool:
    return path.is_file() and not path.is_symlink() and word.encode() in path.read_bytes()
