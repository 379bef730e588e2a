"""A secret in an environment file is seen by the service alone; it is looked for elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.project import Project

Make = Callable[..., Project]

# What is planted; hard to cut in half by accident, and with what JSON and shells quote.
SECRET = "S3cr3t-'of'-\"the\"-$(house)-ü-0123456789"
PLAIN = "Pl4in-s3cret-0123456789"


class Eavesdropper:
    """Keeps the command line of every process that there is, from time to time."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Eavesdropper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._done.wait(0.02):
            for process in psutil.process_iter():
                try:
                    self.heard.add(" ".join(process.cmdline()))
                except psutil.Error:
                    pass


def parts(secret: str) -> list[str]:
    """What must not be seen: the secret, as JSON has it too, and its ends."""
    return [secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]]


def written(project: Project) -> Iterator[tuple[str, str]]:
    """Every file that the recipes wrote, but environment files and services' own logs."""
    for top in (project.root / ".circle", project.root / ".sandbox"):
        for path in top.rglob("*"):
            own = path.name in (".env", "web.log", "worker.log") or "venvs" in path.parts
            if path.is_file() and not path.is_symlink() and not own:
                yield str(path), path.read_text(errors="replace")


def innocent(text: str, where: str) -> None:
    for secret in (SECRET, PLAIN):
        for part in parts(secret):
            assert part not in text, f"{where} shows the secret"


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    made = lasting(hosts=2)
    for number in (1, 2):
        made.env(number, SECRET=SECRET, PLAIN=PLAIN, GREETING="hi")
    return made


SHOUT = "sh -c 'echo it is $PLAIN and \"$SECRET\"; env; exit {}'"


def test_a_secret_is_shown_nowhere(project: Project) -> None:
    said: list[str] = []

    def run(*words: str, code: int) -> None:
        for more in ((), ("--json",)):
            done = project.inv(*words, *more)
            assert done.returncode == code, done.stdout + done.stderr
            said.append(done.stdout + done.stderr)

    with Eavesdropper() as eavesdropper:
        project.commit("talks", "say-secret")
        hooks = {name: SHOUT.format(0) for name in ("build", "backup", "before_start")}
        project.configure(hooks={**hooks, "after_close": SHOUT.format(1)}, required=["PLAIN"])
        run("deploy", "--plan", code=0)
        run("deploy", code=0)
        for name in ("build", "backup", "before_start", "after_switch"):
            project.configure(hooks={name: SHOUT.format(3)})
            run("deploy", code=1)
        project.configure(hooks={"before_rollback": SHOUT.format(3)})
        run("rollback", "--env=sandbox", "--plan", code=0)
        run("rollback", "--env=sandbox", code=1)
        project.configure(hooks={}, run=f"python app.py {{socket}} {'x' * 20}")
        project.commit("says it and ends", "say-secret exit-at-start")
        run("deploy", code=1)
        project.configure(required=["NOT_THERE"])
        run("deploy", code=2)
    assert any("the password is ***" in text for text in said), "the release's words were not shown"
    assert any("it is *** and" in text for text in said), "the hook's words were not shown"
    for text in said:
        innocent(text, "an output")
    for line in eavesdropper.heard:
        innocent(line, "a process list")
    seen = dict(written(project))
    for name, text in seen.items():
        innocent(text, name)
    for wanted in (".circle/journal.jsonl", "srv/journal.jsonl", "run/run.log", ".release.json"):
        assert any(name.endswith(wanted) for name in seen), wanted
    # It did get where it belongs.
    logs = [path.read_text() for path in Path(project.host()).glob("releases/*/run/web.log")]
    assert any(SECRET in log for log in logs)


def test_a_megabyte_of_output_is_cut_but_does_not_end_in_half_a_secret(project: Project) -> None:
    project.commit("well", "")
    line = "echo $PLAIN.$PLAIN.$PLAIN.$PLAIN"
    shout = f"sh -c 'i=0; while [ $i -lt 12000 ]; do {line}; i=$((i+1)); done; exit 1'"
    project.configure(hooks={"build": shout}, required=[], run="python app.py {socket}")
    begun = time.monotonic()
    told = project.document("deploy", code=1)
    assert time.monotonic() - begun < 60
    evidence = told["error"]["evidence"]
    assert "***.***.***.***" in evidence
    for size in range(4, len(PLAIN)):
        assert PLAIN[-size:] not in evidence and PLAIN[:size] not in evidence
