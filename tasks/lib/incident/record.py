"""The incidents that the project has written down: docs/incidents/<date>-<slug>.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DIRECTORY = Path("docs/incidents")
_KEY = re.compile(r"^(\w+): *(.*)$", re.MULTILINE)
_TASK = re.compile(r"^ *[-*] \[ \] *(\S.*)$", re.MULTILINE)


class Incident(NamedTuple):
    """An incident as its page says it.

    name: the file's, without .md. state: open or closed. opened: UTC, ISO 8601. follow_ups: the
    tasks on the page (`- [ ]`) that nobody has ticked yet.
    """

    name: str
    environment: str
    state: str
    opened: str
    title: str
    follow_ups: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether it keeps its environment from being deployed to (see the gate)."""
        return self.state != "closed"


def every(root: Path) -> tuple[Incident, ...]:
    """Return the incidents of the project at `root`, the newest first."""
    pages = sorted((root / DIRECTORY).glob("[0-9]*.md"), reverse=True)
    return tuple(read(page) for page in pages)


def read(page: Path) -> Incident:
    """Return the incident that a page tells of, by its front matter, title and tasks."""
    text = page.read_text(encoding="utf-8", errors="replace")
    head, _, body = text.removeprefix("---\n").partition("\n---\n")
    said = {key: value.strip().strip('"') for key, value in _KEY.findall(head)}
    title = next((line[2:] for line in body.splitlines() if line.startswith("# ")), page.stem)
    return Incident(
        page.stem,
        said.get("environment", ""),
        said.get("state", "open"),
        said.get("opened", ""),
        title,
        tuple(_TASK.findall(body)),
    )
