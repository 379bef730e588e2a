"""One host's preparation over its connection: what is wanted goes there, and each item comes back.

Nothing is installed: a constant loader reads the source and what is wanted from the connection.
"""

from __future__ import annotations

import functools
import itertools
import json
import secrets
import shlex
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from .. import agent, reply
from ..errors import NotClosed, Refused
from .login import OLDEST

if TYPE_CHECKING:
    from ..channel import SSHChannel
    from .login import Login

# In the order in which they import one another; the first three are the agent's own.
PARTS = (
    "agent/wire",
    "agent/shapes",
    "agent/disk",
    "prepare/item",
    "prepare/packages",
    "prepare/account",
    "prepare/lasting",
    "prepare/place",
    "prepare/logs",
    "prepare/ports",
    "prepare/sitetext",
    "prepare/front",
    "prepare/certificate",
    "prepare/prepare",
)
# A password that sudo did not want after all may stand before its line, and is passed over.
_LOADER = (
    "import sys;i=sys.stdin.buffer;"
    "m,n,k=next(l for l in iter(i.readline,b'') if l.startswith(b'prepare ')).split()[1:];"
    "s=i.read(int(n));w=i.read(int(k));"
    "exec(compile(s,'prepare.py','exec'),{'__name__':'prepare','MARK':m.decode(),'WANTED':w})"
)
COMMAND = f"python3 -I -c {shlex.quote(_LOADER)}"
LONGEST = 1 << 20  # bytes of a line that is still taken for one
MOST = 1000  # lines of a host, its login shell's included

Event = dict[str, Any]


@functools.cache
def source() -> bytes:
    """Return the host's half as one Python source."""
    return agent.assembled([agent.SCRIPTS / f"{part}.py" for part in PARTS])


def talk(
    login: Login, wanted: dict[str, Any], make: bool, limit: float, heard: Callable[[Event], None]
) -> None:
    """Have a host look at its items, or with `make` make them so; `heard` is told of each.

    limit: seconds that one item may take. Raises Refused, NotClosed.
    """
    if login.ground.python < OLDEST:
        found = ".".join(map(str, login.ground.python))
        raise Refused(
            f"{login.name} has Python {found}, and 3.9 is needed; install a newer distribution.",
            kind="distribution",
        )
    channel = login.open(COMMAND)
    try:
        mark = f"begin-{secrets.token_hex(16)}"
        text = json.dumps({**wanted, "make": make}).encode()
        head = f"prepare {mark} {len(source())} {len(text)}\n"
        channel.write(head.encode() + source() + text)
        for event in _events(channel, mark, limit, login.name):
            heard(event)
    except (OSError, EOFError) as error:
        raise NotClosed(f"{login.name} was lost: {error}.", kind="lost") from error
    finally:
        channel.close()


def _events(channel: SSHChannel, mark: str, limit: float, name: str) -> Iterator[Event]:
    """Yield the items that a host tells of, until it is done. Raises NotClosed, OSError."""
    begun = False
    for line in itertools.islice(_lines(channel, limit), MOST):
        if not begun:
            begun = line == mark
            continue
        event = _event(line, name)
        if "error" in event and "item" not in event:
            wrong = reply.failure(event["error"])
            kind, evidence = wrong["kind"], wrong["evidence"]
            raise NotClosed(f"{name}: {wrong['message']}.", kind=kind, evidence=evidence)
        if event.get("done"):
            return
        yield event
    said = channel.complaint().strip()
    raise NotClosed(
        f"{name} ended before it was done.", kind="host" if begun else "sudo", evidence=said[-2000:]
    )


def _event(line: str, name: str) -> Event:
    """Return what a host tells of an item, each part of the type that it has. Raises NotClosed."""
    try:
        event = reply.parsed(line)
        if "item" in event:
            changes = event["changes"]
            event = {**event, "item": str(event["item"]), "state": str(event["state"])}
            event["changes"] = [str(change) for change in changes[:MOST]]
        if event.get("state") == "failed":
            event["error"] = reply.failure(event["error"])
        return event
    except (ValueError, KeyError, TypeError):
        raise NotClosed(f"{name} said what makes no sense: {line[:200]}.", kind="host") from None


def _lines(channel: SSHChannel, limit: float) -> Iterator[str]:
    """Yield whole lines. Raises TimeoutError after `limit` seconds without one."""
    rest = b""
    until = time.monotonic() + limit
    while len(rest) < LONGEST:
        part = channel.read(65536, max(0.1, until - time.monotonic()))
        if not part:
            return
        *whole, rest = (rest + part).split(b"\n")
        if whole:
            until = time.monotonic() + limit
        yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
