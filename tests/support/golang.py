"""Programs that Go modules are the source of, built once a machine and kept.

They are tools of the tests where Debian has none, or an older one. What is built goes to
~/.cache/circle-of-closure (or $XDG_CACHE_HOME), under a name that has its version in it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

LIMIT = 1500.0  # seconds for one program; a lone core that downloads all of it takes 10 minutes
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"
# Each is an argument of `go install`, and needs no more than that.
PROGRAMS = {
    "amtool": "github.com/prometheus/alertmanager/cmd/amtool@v0.34.0",
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
}
# What takes half an hour to build on two busy cores: tests use it where somebody has done so.
PROMTOOL = "github.com/prometheus/prometheus/cmd/promtool@v0.316.0"


def go() -> str:
    """Return the `go` command, "" without one. A tarball puts it where PATH may not look."""
    return shutil.which("go") or shutil.which("/usr/local/go/bin/go") or ""


def cache() -> Path:
    """Return the directory of what was built."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "circle-of-closure"


def program(name: str) -> Path:
    """Return the path of one of PROGRAMS, built now if it wasn't. Skips the test without Go."""
    return installed(PROGRAMS[name])


def kept(module: str) -> Path | None:
    """Return the command of `module` if it was built once (`installed`), else None."""
    package, _, version = module.partition("@")
    name = package.rsplit("/", 1)[1]
    found = cache() / f"{name}-{version}" / name
    return found if found.exists() else None


def ahead() -> None:
    """Build all of them, before any test asks; what can't be built is the tests' to tell."""
    from tests.support import collector, composing

    each: list[Callable[[], object]] = [collector.binary, composing.plugin]
    each += [partial(program, name) for name in PROGRAMS]
    for make in each:
        with suppress(Exception, pytest.skip.Exception):
            make()


def installed(module: str) -> Path:
    """Return the command that `go install module` makes, built now if it wasn't. Skips without Go.

    module: a command's package with its version, as in "example.org/tool@v1.2.3".
    """
    package, _, version = module.partition("@")
    name = package.rsplit("/", 1)[1]

    def make(folder: Path) -> None:
        run([go(), "install", "-trimpath", module], folder, GOBIN=str(folder), GOFLAGS="")

    return built(f"{name}-{version}", name, make)


def built(key: str, name: str, make: Callable[[Path], None]) -> Path:
    """Return the program `name` of what `make(folder)` put into an empty folder, made once.

    key: names the folder that is kept, and has to change with all that goes into it. Whoever else
    wants the same at that time, in this process or another, waits for it. Skips the test where it
    has to be made and there is no Go.
    """
    place = cache() / key
    if (place / name).exists():
        return place / name
    if not go():
        pytest.skip(
            "needs: the Go toolchain (https://go.dev/dl), to build a program from its modules"
        )
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / f"{key}.lock").open("w") as lock, _patience():
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / name).exists():
            with tempfile.TemporaryDirectory(dir=cache(), prefix=f"{key}.new-") as new:
                make(Path(new))
                assert (Path(new) / name).exists(), f"{name} was not made"
                shutil.rmtree(place, ignore_errors=True)
                place.mkdir()
                (Path(new) / name).rename(place / name)
    return place / name


@contextmanager
def _patience() -> Iterator[None]:
    """Have the time not count against a test that it waits for a program to be built, which is
    once a machine: pytest-timeout ends a test by this timer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def run(words: list[str], folder: Path, **environment: str) -> None:
    """Run a command of the build in `folder`, and show what it said where it fails."""
    env = {**os.environ, "CGO_ENABLED": "0", **environment}
    done = subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, f"{' '.join(words)} failed:\n{done.stderr[-4000:]}"
