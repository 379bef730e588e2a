"""What every part of a server's preparation is: looked at, told, made so, and looked at again."""

from __future__ import annotations

import json
import os
import pwd
import select
import signal
import subprocess
import time
from typing import Any, Callable, List, Tuple

from wire import Failure

# A login by SSH need not have the administrator's directories on its path.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ANSWER = 10.0  # seconds for what is done as a user


class Item:
    """One thing that a server must have."""

    name = ""

    def drift(self) -> List[str]:
        """What would be changed, one thing each; [] where it holds. Changes nothing.

        Raises Failure for what can't be made so.
        """
        raise NotImplementedError

    def mend(self) -> None:
        """Make it so. Raises Failure."""
        raise NotImplementedError


def call(*argv: str, **env: str) -> Tuple[int, str]:
    """Run a command to its end: its exit code and all that it printed. 127: it isn't there."""
    surroundings = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C", **env}
    try:
        done = subprocess.run(
            argv,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        return 127, str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def must(kind: str, *argv: str, **env: str) -> str:
    """The output of a command that has to succeed. Raises Failure of `kind` with its words."""
    code, said = call(*argv, **env)
    if code:
        raise Failure(kind, "`%s` failed on the host" % " ".join(argv[:2]), said)
    return said


def as_user(name: str, act: Callable[[], Any]) -> Any:
    """What `act` returns, as JSON carries it, when that user runs it.

    In a home root is led by links wherever its owner wants: so nothing there is root's to do. And
    that user can stop what it runs: so root waits ANSWER seconds, then kills it. Raises Failure.
    """
    user = pwd.getpwnam(name)
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        os._exit(_answer(its, user, act))
    os.close(its)
    said = _heard(ours, time.monotonic() + ANSWER)
    os.kill(child, signal.SIGKILL)  # it has said all, or never will
    os.waitpid(child, 0)
    try:
        told = json.loads(said)
    except ValueError:
        raise Failure("host", "nothing could be done as %s" % name) from None
    if "error" in told:
        raise Failure(*told["error"])
    return told["value"]


def _heard(pipe: int, until: float) -> bytes:
    """All that comes, or what came by then; closes the pipe."""
    parts = []
    with open(pipe, "rb", buffering=0) as source:
        while select.select([source], [], [], max(0.0, until - time.monotonic()))[0]:
            part = source.read(65536)
            if not part:
                break
            parts.append(part)
    return b"".join(parts)


def _answer(out: int, user: pwd.struct_passwd, act: Callable[[], Any]) -> int:
    try:
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.umask(0o077)
        os.chdir("/")
        said = {"value": act()}
    except BaseException as error:
        wrong = Failure.of(error)
        said = {"error": [wrong.kind, wrong.message, wrong.evidence]}
    with open(out, "wb") as pipe:
        pipe.write(json.dumps(said).encode())
    return 0
