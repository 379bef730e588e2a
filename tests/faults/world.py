"""A world for fault tests: three hosts with two closed releases, users, and an operator."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.load import Load, Snapshot
from tests.faults.hosts import Ground
from tests.support.project import ROOT

DRIVER = ROOT / "tests" / "faults" / "driver.py"
DRAINING = 2  # instances that may be there when a case begins: one is live, one may be leaving
RATE = 60.0  # requests a second
PATIENCE = 30.0  # seconds; only ever ends a test that has failed

# What the `backup` hook does is told by the release's BEHAVIOUR; it makes the step `once`.
HOOK = """
import subprocess, sys, time
said = dict(word.partition("=")[::2] for word in open("BEHAVIOUR").read().split())
if "hook-sleeps" in said:
    time.sleep(float(said["hook-sleeps"]))
if "hook-child" in said:
    child = ["sleep", "60"] if sys.argv[1:] else [sys.executable, "hook.py", "child"]
    subprocess.run(child)
if "hook-prints" in said:
    sys.stdout.write(chr(int(said["hook-prints"])) * 1_000_000)
if "hook-fails" in said:
    sys.exit("the hook fails")
if sys.argv[1:] == ["migrate"]:
    time.sleep(float(said["migrates"]))
    open("../../shared/migrated", "w").close()
print("made a backup")
"""


@dataclass
class Seen:
    """What users saw, and every release that `current` pointed at with whether it was complete."""

    figures: Snapshot | None = None
    live: dict[str, bool] = field(default_factory=dict)


class Operator:
    """One `inv` whom a fault meets at a place."""

    def __init__(self, process: subprocess.Popen[str], signs: Path, place: str) -> None:
        self.process, self.signs, self.place = process, signs, place
        self.out = self.err = ""

    def reached(self) -> bool:
        place = self.signs / "reached"
        return place.exists() and place.read_text() == self.place

    def wait(self) -> None:
        """Wait until the fault's place is reached."""
        wait_for(lambda: self.reached() or self.process.poll() is not None, f"{self.place} reached")
        assert self.reached(), f"{self.place} was never reached: {self.end()}\n{self.out}{self.err}"

    def go(self) -> None:
        """Let it go on from there."""
        (self.signs / "go").touch()

    def end(self) -> int:
        """Wait for its end; the exit code."""
        self.out, self.err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    @property
    def document(self) -> dict[str, Any]:
        told = json.loads(self.out)
        assert isinstance(told, dict)
        return told


class World:
    """One world serves many cases; `clean` says whether a case left it fit for the next."""

    def __init__(self, directory: Path, ground: Ground, **service: Any) -> None:
        self.directory, self.ground, self.cases = directory, ground, 0
        hooks = {"backup": "python hook.py"}
        limits = {
            "connect": "4s",
            "lease": "2s",
            "start": "20s",
            "drain": "5s",
            "step": "20s",
            "hook": "20s",
        }
        service = {"hooks": hooks, "limits": limits, "keep": 3, **service}
        self.project, self.hosts = ground.open(directory / "project", service)
        self.rollback = ("rollback", f"--env={ground.environment}", "--yes")

    def prepare(self) -> None:
        """Have two releases closed."""
        self.commit()
        self.heal()
        self.heal()

    def close(self) -> None:
        self.hosts.close()
        self.ground.close(self.project)

    # Acting.

    def commit(self, behaviour: str = "", **files: str) -> None:
        self.cases += 1
        self.project.commit(f"change {self.cases}", behaviour, **{"hook.py": HOOK, **files})

    def operate(
        self, action: str, place: str, *words: str, lease: float = 2.0, **variables: str
    ) -> Operator:
        """Start `inv words…` whom ACTION meets at `place`; lease: in seconds."""
        signs = self.directory / f"signs {time.monotonic_ns()}"
        signs.mkdir()
        ways = ",".join(str(port) for port in self.hosts.ways)
        through = ["--through", ways] if ways else []
        argv = [sys.executable, str(DRIVER), action, place, str(signs), *through, "--"]
        env = {**self.project.variables(), "INVOKE_SERVICE_LIMITS_LEASE": f"{lease:g}s"}
        env.update(variables)
        process = subprocess.Popen(
            [*argv, *words, "--json"],
            cwd=self.project.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return Operator(process, signs, place)

    def heal(self) -> str:
        """The next `inv deploy`, with nobody having cleaned up: it closes, everywhere."""
        release = str(self.project.document("deploy")["detail"]["release"])
        self.agree(release)
        return release

    @contextlib.contextmanager
    def users(self, *numbers: int, reuse: bool = True) -> Iterator[Seen]:
        """Users ask all the while, and `current` is looked at; numbers: their hosts, or all.

        reuse: whether they keep their connections.
        """
        chosen = numbers or self.hosts.numbers
        seen, done = Seen(), threading.Event()
        watcher = threading.Thread(target=self._look, args=(seen, done, chosen))
        load = self.load(*chosen, reuse=reuse)
        load.start()
        watcher.start()
        try:
            yield seen
        finally:
            done.set()
            watcher.join()
            seen.figures = load.stop()
        figures = seen.figures
        assert figures.requests > 0
        assert (figures.lost, figures.torn, figures.errors) == (0, 0, 0), figures
        assert all(seen.live.values()), f"current pointed at what is not complete: {seen.live}"
        assert set(figures.releases) <= set(seen.live), (figures.releases, seen.live)

    def load(self, *numbers: int, rate: float = RATE, reuse: bool = True) -> Load:
        """Requests to hosts through their fronts, `rate` a second in all."""
        fronts = [self.hosts.fronts[number - 1] for number in numbers]
        urls = [f"{front}{path}" for front in fronts for path in ("/", "/api/version")]
        return Load(urls, rate, host=self.hosts.host, reuse=reuse)

    def _look(self, seen: Seen, done: threading.Event, numbers: tuple[int, ...]) -> None:
        while not done.wait(0.01):
            for number in numbers:
                live = self.hosts.live(number)
                # Read again: between the two it may have been left, and pruned.
                if not self.hosts.manifest(number, live) and live == self.hosts.live(number):
                    seen.live[live] = False
                seen.live.setdefault(live, True)

    # Looking.

    def free(self, *numbers: int) -> None:
        """Wait until nobody holds a lock and nothing is pending."""
        for number in numbers or self.hosts.numbers:
            wait_for(lambda: not self.hosts.locked(number), f"host{number} is free")
            wait_for(lambda: not self.hosts.pending(number), f"host{number} has settled")

    def agree(self, release: str, *numbers: int) -> None:
        """Every host serves `release`, which is complete, and runs it."""
        for number in numbers or self.hosts.numbers:
            assert (
                self.hosts.live(number) == release
            ), f"host{number}: {self.hosts.journal(number)[-3:]}"
            assert self.hosts.manifest(number, release)
            assert release in self.hosts.instances(number)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        wait_for(holds, what)

    def live(self) -> str:
        """The release that is live on every host."""
        found = {self.hosts.live(number) for number in self.hosts.numbers}
        assert len(found) == 1, found
        return found.pop()

    def event(self, number: int) -> tuple[str, str]:
        """What a host's journal says last: event and release."""
        last = self.hosts.journal(number)[-1]
        return last["event"], last.get("release", "")

    def clean(self) -> str:
        """Wait until nothing of an earlier run is left anywhere; returns what is live."""
        self.free()
        live = self.live()
        self.agree(live)
        for number in self.hosts.numbers:
            assert not self.hosts.commands(number)
            if len(self.hosts.instances(number)) > DRAINING:
                self.alone(live, number)
        return live

    def alone(self, release: str, *numbers: int) -> None:
        """Wait until nothing but `release` runs: every other has been drained and stopped."""
        for number in numbers or self.hosts.numbers:
            wait_for(
                lambda: self.hosts.instances(number) == [release], f"one instance on host{number}"
            )


def wait_for(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, f"it never came to be that {what}"
        time.sleep(0.01)


class Worlds:
    """Hands out the world, and a new one where a case left it unfit."""

    def __init__(self, directory: Path, ground: Ground) -> None:
        self.directory, self.ground, self.made = directory, ground, 0
        self.world: World | None = None

    def clean(self) -> World:
        if self.world is not None:
            try:
                self.world.hosts.mend()
                self.world.clean()
                return self.world
            except AssertionError:  # the case before has failed, and said so
                self.close(fit=False)
        self.made += 1
        self.world = World(self.directory / f"world {self.made}", self.ground)
        self.world.prepare()
        self.world.clean()
        return self.world

    def close(self, fit: bool = True) -> None:
        if self.world is None:
            return
        try:
            if fit:
                self.world.alone(self.world.live())
        finally:
            self.world.close()
            shutil.rmtree(self.world.directory, ignore_errors=True)
            self.world = None
