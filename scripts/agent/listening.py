"""A listening socket that we make and hand to a service by systemd's protocol, sd_listen_fds(3).

It is there before the service is: whoever connects meanwhile waits, and is not turned away.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from typing import Dict, List, Tuple

WORD = "{fd}"
BACKLOG = 2048
FIRST = 3  # where descriptors that are handed on begin, for a service that looks at LISTEN_FDS
# The same socket again, for a service that is told a number: gunicorn takes what it is told and
# what LISTEN_FDS says, and closes each when it has copied it.
TOLD = 4

# Only the process itself knows its LISTEN_PID. Its words are arguments, never part of this.
_BECOME = 'exec 3<&0 4<&0 </dev/null; export LISTEN_PID=$$; exec "$@"'

Launch = Tuple[List[str], str, Dict[str, str]]  # argv, working directory, environment


def handed(launch: Launch) -> Launch:
    """The launch with `{fd}` filled in, and with what the protocol has a process be told."""
    argv, cwd, env = launch
    env = {key: value for key, value in env.items() if not key.startswith("LISTEN_")}
    if any(WORD in word for word in argv):
        env.update(LISTEN_FDS="1", LISTEN_FDNAMES="web")
    return [word.replace(WORD, str(TOLD)) for word in argv], cwd, env


def _wanted(env: Dict[str, str]) -> bool:
    return "LISTEN_FDS" in env


def listen(place: str) -> socket.socket:
    """Listen at a path that is free; the front may connect from now on. Raises OSError.

    Who may reach the path is decided by the directories above it. It is bound relative to where we
    are, for a socket's path has room for 100 bytes.
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(os.path.relpath(place))
        os.chmod(place, 0o666)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def popen(launch: Launch, log: int, place: str) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own, handed a socket at `place` where it wants one.

    `log`: the descriptor that its output goes to. Raises OSError.
    """
    argv, cwd, env = launch
    with contextlib.ExitStack() as opened:
        source = subprocess.DEVNULL
        if _wanted(env):
            source = opened.enter_context(listen(place)).fileno()
            argv = ["/bin/sh", "-c", _BECOME, "sh"] + argv
        return subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=source, stdout=log, stderr=log, start_new_session=True
        )


def hand(env: Dict[str, str], place: str) -> bool:
    """Make what this process will exec find a socket at `place`, and tell it so in `env`.

    False where it wants none. Raises OSError.
    """
    if not _wanted(env):
        return False
    handle = listen(place).detach()
    for target in (FIRST, TOLD):
        if handle != target:
            os.dup2(handle, target)
        os.set_inheritable(target, True)
    env["LISTEN_PID"] = str(os.getpid())
    return True
