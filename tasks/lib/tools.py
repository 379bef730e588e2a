"""The project's own tools, as its developer would run them: those of .venv, activated or not."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Generator, Iterator, Mapping, NamedTuple, Sequence

from . import console

GRACE = 10  # seconds that a tool whose output we keep has to end after Ctrl-C, which it got, too


# What a captured tool says is read by its words: nobody's wish for colours is to get among them.
PLAIN = {"NO_COLOR": "1", **dict.fromkeys(("FORCE_COLOR", "CLICOLOR_FORCE", "PY_COLORS"))}


class Ran(NamedTuple):
    """What a tool did. output: both of its streams, "" where it had the terminal. seconds: how long
    it took."""

    argv: tuple[str, ...]
    code: int
    output: str
    seconds: float


def commands(root: Path) -> Path:
    """Return the directory of the commands of the project's virtual environment."""
    return root / ".venv" / ("Scripts" if os.name == "nt" else "bin")


def find(root: Path, name: str) -> Path | None:
    """Return the command `name`: the virtual environment's, else the one in PATH, else None."""
    found = shutil.which(name, path=str(commands(root))) or shutil.which(name)
    return Path(found) if found else None


def environment(root: Path, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return the variables a tool runs with: as if .venv were activated, and `more`; what is None
    there is left out."""
    env = {k: v for k, v in {**os.environ, **(more or {})}.items() if v is not None}
    if commands(root).is_dir():
        env["VIRTUAL_ENV"] = str(root / ".venv")
        env["PATH"] = os.pathsep.join((str(commands(root)), env.get("PATH", os.defpath)))
        env.pop("PYTHONHOME", None)
    return env


def run(
    argv: Sequence[str | Path],
    root: Path,
    *,
    env: Mapping[str, str | None] | None = None,
    show: bool = True,
) -> Ran:
    """Run a tool in `root` and keep what it says; `show`: print its lines as they come.

    env: variables beyond our own. Raises FileNotFoundError where there is no such command, and
    KeyboardInterrupt when the tool has ended.
    """
    lines = []
    with _started(argv, root, env, captured=True) as (process, since):
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if show:
                console.say(line.removesuffix("\n"))
        code = process.wait()
    return Ran(tuple(map(str, argv)), code, "".join(lines), time.monotonic() - since)


def together(argvs: Sequence[Sequence[str | Path]], root: Path) -> Generator[Ran, None, None]:
    """Run several tools in `root` at once, and yield in their order what each did and said.

    For those that don't write what another reads. Nothing is shown. Raises as `run` does; what was
    started has ended then, and when the reader stops early.
    """
    with contextlib.ExitStack() as stack:
        readers = []
        for argv in argvs:
            process, since = stack.enter_context(_started(argv, root, None, captured=True))
            readers.append(_Reader(argv, process, since))
        for reader in readers:
            reader.join()
            yield reader.ran()


class _Reader(threading.Thread):
    """Reads what a tool says, so that it never waits for us, and when it has ended."""

    def __init__(
        self, argv: Sequence[str | Path], process: subprocess.Popen[str], since: float
    ) -> None:
        super().__init__(daemon=True)
        self._argv, self._process, self._since = argv, process, since
        self._output, self._seconds = "", 0.0
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        self._output = self._process.stdout.read()
        self._process.wait()
        self._seconds = time.monotonic() - self._since

    def ran(self) -> Ran:
        argv = tuple(map(str, self._argv))
        return Ran(argv, self._process.returncode, self._output, self._seconds)


def attached(
    argv: Sequence[str | Path], root: Path, *, env: Mapping[str, str | None] | None = None
) -> Ran:
    """Run a tool in `root` on the reader's own terminal: colours, prompts and debuggers work.

    Arguments and exceptions are those of `run`; nothing of what it says is kept. After Ctrl-C it
    has the time that it takes, to put away what it made; a second one ends it.
    """
    with _started(argv, root, env, captured=False) as (process, since):
        code = process.wait()
    return Ran(tuple(map(str, argv)), code, "", time.monotonic() - since)


@contextlib.contextmanager
def _interrupted_later() -> Iterator[list[int]]:
    """Keep Ctrl-C until the block ends, in the list: a tool that runs already must not be lost to
    one that comes while it is being started. The tool itself gets its own."""
    came: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield came
        return
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, usual)


@contextlib.contextmanager
def _started(
    argv: Sequence[str | Path], root: Path, env: Mapping[str, str | None] | None, captured: bool
) -> Iterator[tuple[subprocess.Popen[str], float]]:
    since = time.monotonic()
    plain = PLAIN if captured else {}
    console.stream().flush()
    with _interrupted_later() as interrupted:
        process = subprocess.Popen(
            [str(word) for word in argv],
            cwd=root,
            env=environment(root, {**plain, **(env or {})}),
            stdin=subprocess.DEVNULL if captured else None,
            stdout=subprocess.PIPE if captured else console.stream(),
            stderr=subprocess.STDOUT if captured else None,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    try:
        if interrupted:
            raise KeyboardInterrupt
        yield process, since
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(GRACE if captured else None)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
