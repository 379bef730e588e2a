"""What the configuration's section `host` must look like beyond its types."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from .settings import Host


def faults(host: Host) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    if not 1 <= host.port <= 65535:
        yield "port", "a port (1 to 65535)", host.port
    if not _words(host.serve):
        yield "serve", "a command in one line", host.serve
    for each in host.requirements:
        if not each or each.startswith(("/", "-")) or ".." in each.split("/"):
            yield "requirements", "a list of files below the project's directory", each


def _words(command: str) -> list[str]:
    try:
        return [] if "\n" in command else shlex.split(command)
    except ValueError:
        return []
