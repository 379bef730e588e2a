"""A life of a service in the sandbox, as its script knows it: by the script's own clock and counts,
never by a journal.

What the script can't see happen lies within a bracket: it began after one moment that the script
knows, and had ended before another.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

import tasks
from tasks.lib import console
from tests.support.alarm import until
from tests.support.project import Project

WATCH = 0.3  # seconds, of each deploy that is good
GOOD, DEAF, SICK, REGRETTED = "", "exit-at-start", "errors=1 good=6", " "
# 30 releases: 25 good, 2 that don't start, 2 that the watch takes back, 1 rolled back by hand.
RELEASES = [GOOD] * 30
RELEASES[3] = RELEASES[17] = DEAF
RELEASES[7] = RELEASES[22] = SICK
RELEASES[12] = REGRETTED
FUNCTIONS = 5  # of the module whose coverage is measured: two statements each


class Bracket(NamedTuple):
    """A time that the script knows to be no less and no more than this, in seconds."""

    low: float
    high: float


class Ran(NamedTuple):
    """A task that was run, when it was begun and had ended, and its exit code and texts."""

    begun: float
    ended: float
    code: int
    out: str
    err: str


class Front:
    """Asks the front which release it serves, again and again, and keeps what changed and when."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/api/version"  # which the service doesn't count
        self.seen: list[tuple[str, list[tuple[float, float]]]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        with requests.Session() as session:
            while not self._over.wait(0.05):
                asked = time.time()
                try:
                    release = session.get(self.url, timeout=10).headers.get("X-Release-Id", "")
                except requests.RequestException:
                    release = ""
                if not self.seen or self.seen[-1][0] != release:
                    self.seen.append((release, []))
                self.seen[-1][1].append((asked, time.time()))

    def switched(self, release: str) -> Bracket:
        """Return between which moments (Unix) the front had begun to serve a release."""
        place = [name for name, _ in self.seen].index(release)
        own = self.seen[place][1]
        # Not its first answer: the host may still have been about to write the moment down.
        return Bracket(self.seen[place - 1][1][-1][0], own[min(1, len(own) - 1)][1])

    def last(self, release: str) -> float:
        """Return when it was last asked what it answered as this release (Unix)."""
        return next(times for name, times in self.seen if name == release)[-1][0]

    def end(self) -> None:
        self._over.set()
        self._thread.join(20)


@dataclass
class Known:
    """What the script knows to be true: by figure, a bracket of each event."""

    deployed: list[Bracket] = field(default_factory=list)
    watched: list[Bracket] = field(default_factory=list)
    leads: list[Bracket] = field(default_factory=list)
    restored: list[Bracket] = field(default_factory=list)
    back: list[Bracket] = field(default_factory=list)
    answered: list[Bracket] = field(default_factory=list)
    coverage: list[float] = field(default_factory=list)
    judged: list[bool] = field(default_factory=list)


class Life:
    """Lives it in `project`, whose sandbox runs. known: what has come of it so far."""

    def __init__(self, project: Project) -> None:
        self.project, self.known = project, Known()
        self.waiting: list[float] = []  # when each commit was made that users do not have yet
        state = json.loads((project.root / ".sandbox" / "state.json").read_text())
        self.front = Front(f"http://127.0.0.1:{state['hosts'][0]['front_port']}")

    def run(self, task: Any, **options: Any) -> Ran:
        """Run a task in this process."""
        config = Config(project_location=self.project.root)
        config.load_project()
        config.load_collection(tasks.DEFAULTS)
        code = 0
        with tempfile.TemporaryFile("a+") as out, tempfile.TemporaryFile("a+") as err:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                begun = time.time()
                try:
                    task.body(Context(config), **options)
                except Exit as error:
                    code = int(error.code)
                finally:
                    console.set_json(False)
                ended = time.time()
            said = [(file.seek(0), file.read())[1] for file in (out, err)]
        return Ran(begun, ended, code, *said)

    def lived(self) -> None:
        """Live all of it."""
        for number, behaviour in enumerate(RELEASES, 1):
            self.release(number, behaviour)

    def release(self, number: int, behaviour: str) -> None:
        """Commit, tag and deploy a release, and roll back from the one that is regretted."""
        now = int(time.time())
        # Some releases have two commits; each is some hours old, its tag some minutes.
        made = [now - 3600 * (number + more) for more in range(1 + number % 2)]
        for at in reversed(made):
            self._git(at, "commit", "-q", "--allow-empty", "-m", f"change {number}")
        (self.project.root / "BEHAVIOUR").write_text(f"{behaviour}\n{number}\n")
        self._git(made[0], "add", "-A")
        self._git(made[0], "commit", "-q", "--amend", "--no-edit")
        tagged = now - 60 * number
        self._git(tagged, "tag", "-a", f"v1.{number}.0", "-m", "release")
        self.waiting += made
        options = {"watch": "20s"} if behaviour == SICK else {}
        ran = self.run(tasks.deploy.deploy, env="sandbox", version=f"v1.{number}.0", **options)
        wanted = {DEAF: "failed at start", SICK: "failed at watch"}.get(behaviour, "")
        assert (ran.code == 1 and wanted in ran.err) if wanted else ran.code == 0, ran
        if not wanted:
            self._came(ran, tagged, number == 1)
        elif behaviour == SICK:
            bad, before = self._bad()
            high = ran.ended - bad.low
            self.known.restored.append(Bracket(max(0.0, before - bad.high), high))
        if behaviour == REGRETTED:
            self._regret()

    def _came(self, ran: Ran, tagged: float, first: bool) -> None:
        """Users have it, and what had waited; of the first nobody knows what it changed."""
        release = self.project.current()
        until(lambda: self.front.seen[-1][0] == release, "the front's new release")
        # It was verified when the front had it, and its watch had yet to come.
        low, high = self.front.switched(release).low, ran.ended - WATCH
        self.known.deployed.append(Bracket(low - tagged, high - tagged))
        self.known.watched.append(Bracket(WATCH, ran.ended - low))
        if not first:
            self.known.leads += [Bracket(low - at, high - at) for at in self.waiting]
        self.waiting = []

    def _regret(self) -> None:
        time.sleep(0.3)  # users have it for a while
        ran = self.run(tasks.rollback.rollback, env="sandbox", reason="it was a mistake", yes=True)
        assert ran.code == 0, ran
        bad, before = self._bad()
        self.known.back.append(Bracket(0.0, ran.ended - ran.begun))
        self.known.restored.append(Bracket(before - bad.high, ran.ended - bad.low))

    def _bad(self) -> tuple[Bracket, float]:
        """Return when the front began to serve the release before the one that it serves now, and
        when it was last seen to."""
        live = self.project.current()
        until(lambda: self.front.seen[-1][0] == live, "the front's old release")
        release = self.front.seen[-2][0]
        return self.front.switched(release), self.front.last(release)

    def _git(self, at: float, *words: str) -> None:
        date = f"{at:.0f} +0000"
        env = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": date}
        self.project.git(*words, env=env)

    def tested(self, called: int) -> None:
        """Run all tests of a module, of whose functions they call so many."""
        root = self.project.root
        names = [f"f{number}" for number in range(FUNCTIONS)]
        (root / "shop.py").write_text("\n\n".join(f"def {n}():\n    return 1\n" for n in names))
        calls = "".join(f"    shop.{name}()\n" for name in names[:called])
        (root / "tests").mkdir(exist_ok=True)
        (root / "tests" / "test_shop.py").write_text(f"import shop\n\n\ndef test_it():\n{calls}")
        line, sys.argv = sys.argv, ["inv", "test"]
        try:
            ran = self.run(tasks.test.test, coverage=True)
        finally:
            sys.argv = line
        assert "1 passed" in ran.out or ran.code == 0, ran
        self.known.coverage.append((FUNCTIONS + called) / (2 * FUNCTIONS))

    def acknowledged(self, alert: str, fired: float, false: bool) -> None:
        """Acknowledge an alert that fired at a moment that the script laid down."""
        words = {"name": alert, "reason": "seen", "env": "sandbox", "false_positive": false}
        ran = self.run(tasks.alert.ack, **words)
        assert ran.code == 0, ran
        self.known.answered.append(Bracket(ran.begun - fired, ran.ended - fired))
        self.known.judged.append(false)

    def card(self, **options: Any) -> dict[str, Any]:
        """Return the scorecard's document."""
        ran = self.run(tasks.circle.scorecard, env="sandbox", json=True, **options)
        assert ran.code == 0, ran
        told = json.loads(ran.out)
        assert isinstance(told, dict)
        return told
