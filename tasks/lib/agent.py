"""The host's half as one source: the parts in scripts/agent/, assembled, and the constant command
that loads it."""

from __future__ import annotations

import functools
import shlex
import zlib
from collections.abc import Sequence
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
HOME = SCRIPTS / "agent"

# In the order in which they import one another.
PARTS = (
    "wire",
    "shapes",
    "disk",
    "host",
    "units",
    "listening",
    "keeper",
    "hiding",
    "probe",
    "service",
    "command",
    "beside",
    "standby",
    "facts",
    "settle",
    "staging",
    "steps",
    "run",
    "guard",
    "questions",
    "relay",
)

# A length and that many bytes of deflated source come first, so that the rest of the input stays
# for the agent; the mark ends the words of a talkative login shell. Nothing of ours or of the
# user's is ever part of this command.
_LOADER = (
    "import sys,zlib;i=sys.stdin.buffer;m,n=i.readline().split();"
    "s=zlib.decompress(i.read(int(n)));"
    "exec(compile(s,'agent.py','exec'),{'__name__':'agent','MARK':m.decode(),'SOURCE':s})"
)


def command(python: str) -> str:
    """Return the remote command line that loads the agent; `python`: the host's interpreter, from
    the configuration."""
    return f"{shlex.quote(python)} -I -c {shlex.quote(_LOADER)}"


@functools.cache
def source() -> bytes:
    """Return the agent as one Python source."""
    return assembled([HOME / f"{name}.py" for name in PARTS])


@functools.cache
def packed() -> bytes:
    """Return that source as the loader reads it: deflated, to less than a third.

    Who talks to many hosts at once asks for it before: each thread would make its own.
    """
    return zlib.compress(source())


def assembled(files: Sequence[Path], begin: bool = True) -> bytes:
    """Return one Python source of several files, each a module of its own.

    The last one starts; `begin` False: none does, and all can be imported.
    """
    head = (SCRIPTS / "assembly.py").read_text()
    parts = "".join(f"    {file.stem!r}: {file.read_text()!r},\n" for file in files)
    last = files[-1].stem if begin else ""
    return f"{head}\n\nPARTS.update({{\n{parts}}})\nstart(globals(), {last!r})\n".encode()
