"""Run git: never through a shell, never steered by the caller's git variables, never writing to the
repository.

The git command itself, not a library around it: a library's import takes a fifth of the time that a
deploy may spend, while one git command takes a few milliseconds.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import Refused

# What a hook or an alias leaves behind and what would make git look at another repository than the
# one asked for (`git rev-parse --local-env-vars`, without the configuration: CI hands its
# credentials over in that).
STEERING = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_COMMON_DIR GIT_DIR GIT_GRAFT_FILE GIT_IMPLICIT_WORK_TREE"
    " GIT_INDEX_FILE GIT_NAMESPACE GIT_OBJECT_DIRECTORY GIT_PREFIX GIT_REPLACE_REF_BASE"
    " GIT_SHALLOW_FILE GIT_WORK_TREE"
    " GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS"
).split()

# Settings with which a command that only reads would still write below .git (a shared index, a
# daemon's socket, housekeeping after a fetch) or run somebody's hook.
QUIET = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.splitIndex=false",
    "gc.auto=0",
    "maintenance.auto=false",
)

CHUNK = 60 * 1024


class Git:
    """git in one repository.

    `root` is a directory inside it; `extra` are more environment variables for every command,
    GIT_OBJECT_DIRECTORY for example. Commands raise `Refused` (kind "git") with git's own words as
    evidence.
    """

    def __init__(self, root: Path, extra: Mapping[str, str] | None = None) -> None:
        self.root = root
        self.extra = dict(extra or {})

    def __call__(
        self, *args: str, stdin: bytes = b"", timeout: float | None = None, fetch: bool = True
    ) -> bytes:
        """Return what `git args…` prints.

        `stdin` is fed to it; `timeout` is in seconds, none by default; `fetch=False` forbids a
        partial clone to ask its remote for objects. Raises `Refused`.
        """
        more = {} if fetch else {"GIT_NO_LAZY_FETCH": "1"}
        try:
            done = subprocess.run(
                self._argv(args),
                input=stdin,
                capture_output=True,
                env=self._environment(more),
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            raise _no_git() from None
        except subprocess.TimeoutExpired:
            message = f"git {args[0]} had not answered after {timeout:g} seconds."
            raise Refused(message, kind="git") from None
        if done.returncode:
            raise self._failure(args[0], done.returncode, done.stderr)
        return done.stdout

    def changed(self, without: str = "") -> tuple[bytes, ...]:
        """Return the paths that differ from HEAD or that git doesn't know. Raises `Refused`.

        without: a directory, from `root`, where nothing counts; "" for none.
        """
        some = ("--", ":/", f":(exclude){without}") if without else ()
        form = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal")
        listed = self("status", *form, *some)
        return tuple(entry[3:] for entry in listed.split(b"\0") if entry)

    def stream(self, *args: str, stdin: bytes = b"") -> Iterator[bytes]:
        """Yield what `git args…` prints, in pieces, for commands that read all of `stdin` before
        they print.

        The command is ended when the reader stops early. Raises `Refused` when it fails.
        """
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
            given.write(stdin)
            given.seek(0)
            try:
                process = subprocess.Popen(
                    self._argv(args),
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    env=self._environment({}),
                )
            except FileNotFoundError:
                raise _no_git() from None
            assert process.stdout is not None
            try:
                while piece := process.stdout.read(CHUNK):
                    yield piece
                code = process.wait()
            finally:
                process.stdout.close()
                process.kill()
                process.wait()
            if code:
                said.seek(0)
                raise self._failure(args[0], code, said.read())

    def _argv(self, args: tuple[str, ...]) -> list[str]:
        settings = [word for setting in QUIET for word in ("-c", setting)]
        return ["git", "-C", str(self.root), *settings, *args]

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in STEERING}
        return kept | {
            "LC_ALL": "C",
            "LANGUAGE": "C",
            "GIT_NO_REPLACE_OBJECTS": "1",  # an object's name must be the name of what it says
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            **self.extra,
            **more,
        }

    def _failure(self, command: str, code: int, stderr: bytes) -> Refused:
        said = stderr.decode("utf-8", "replace").strip()
        if "not a git repository" in said:
            message = (
                f"{self.root} is not in a git repository: clone the project,"
                " or `git init` and commit."
            )
        elif "dubious ownership" in said:
            message = (
                f"git does not trust {self.root}, which belongs to somebody else:"
                f" `git config --global --add safe.directory {self.root}` if you do."
            )
        else:
            message = (
                f"git {command} failed in {self.root} (exit code {code}):"
                " `git fsck` looks for damage."
            )
        return Refused(message, kind="git", evidence=said)


def _no_git() -> Refused:
    return Refused(
        "git is not installed or not in PATH: install it, then `git --version`.", kind="git"
    )


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Have Ctrl-C and TERM wait, for git as well: what has begun here takes a moment."""
    waiting = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def quoted(path: bytes) -> bytes:
    """Return a path in git's C-style quotes, in which any byte can be said (git-config(1),
    core.quotePath)."""
    plain = frozenset(range(0x20, 0x7F)) - {0x22, 0x5C}
    return (
        b'"' + b"".join(b"%c" % byte if byte in plain else b"\\%03o" % byte for byte in path) + b'"'
    )


def shown(path: bytes) -> str:
    """Return a path or a line of text from git as it can be printed: one line, no control
    characters."""
    text = path.decode("utf-8", "replace")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
