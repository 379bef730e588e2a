"""The incidents that the project has written down: docs/incidents/<date>-<slug>.md.

People write these pages on, in editors of their own and in the middle of merges. What of a page
can be read is read; what can't be is never taken for the end of an incident.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Mapping, NamedTuple

from ..errors import Refused
from .words import unmarked

DIRECTORY = Path("docs/incidents")
CLOSED = "closed"
_HEAD = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(r"^(\w+): *(.*)$", re.MULTILINE)
_TASK = re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])[ \t]+\[ \][ \t]*(\S.*)$", re.MULTILINE)
_TITLE = re.compile(r"^# +(\S.*?)[ \t#]*$", re.MULTILINE)
# Quoted text, such as a log's, and comments say nothing for the page itself.
_QUOTED = re.compile(
    r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)|<!--.*?(?:-->|\Z)",
    re.DOTALL | re.MULTILINE,
)


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
        return self.state != CLOSED


def every(root: Path) -> tuple[Incident, ...]:
    """Return the incidents of the project at `root`, the newest first. Raises nothing: of a page
    that can't be read its name is known, and that nobody has closed it."""
    pages = (page for page in (root / DIRECTORY).glob("[0-9]*.md") if not page.is_dir())
    return tuple(sorted(map(read, pages), key=_age, reverse=True))


def _age(incident: Incident) -> tuple[str, str, str]:
    return incident.name[:10], incident.opened, incident.name


def read(page: Path) -> Incident:
    """Return the incident that a page tells of, by its front matter, title and tasks."""
    try:
        text = page.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        text = ""
    said, body = parted(text)
    plain = unquoted(body)
    title = _TITLE.search(plain)
    return Incident(
        page.stem,
        said.get("environment", ""),
        said.get("state", "").lower() or "open",
        said.get("opened", ""),
        unmarked(title[1].strip()) if title else page.stem,
        tuple(unmarked(task.strip()) for task in _TASK.findall(plain)),
    )


def commentless(body: str) -> str:
    """Return a page's text without comments. Blocks of code stay, with no line in them that is a
    heading: what is quoted there, such as a log, may look like either."""
    return _QUOTED.sub(lambda found: found[0].replace("\n#", "\n #") if found[1] else "", body)


def unquoted(body: str) -> str:
    """Return a page's text without blocks of code and comments."""
    return _QUOTED.sub("", body)


def parted(text: str) -> tuple[dict[str, str], str]:
    """Return what the front matter of a page says, all of it as text, and the page below it.

    Front matter that isn't YAML (any more) is read line by line.
    """
    text = text.replace("\r\n", "\n")
    found = _HEAD.match(text)
    if found is None:
        return {}, text
    values = _yaml(found[1])
    if values is None:
        values = _lines(found[1])
    said = {str(key): value.strip() for key, value in values.items() if isinstance(value, str)}
    return said, text[found.end() :]


def _lines(head: str) -> dict[str, str]:
    """Return what single lines say. Where two contradict, as in a merge that isn't done, the first
    counts; of the state that which isn't closed."""
    found: dict[str, str] = {}
    for key, value in _KEY.findall(head):
        value = value.strip().strip("\"'")
        if key not in found or key == "state" and value.lower() != CLOSED:
            found[key] = value
    return found


def _yaml(head: str) -> dict[Any, Any] | None:
    """Return a mapping, None where there is none. All values are texts: a state is a word, and a
    time as it was written."""
    import yaml  # not for `inv --list`, nor where there is no page

    try:
        values = yaml.load(head, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None
    return values if isinstance(values, dict) else None


def front(values: Mapping[str, str]) -> str:
    """Return values as the front matter of a page, whatever is in them."""
    import yaml

    plain = {key: " ".join(value.split()) for key, value in values.items()}
    said: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=float("inf"))
    return f"---\n{said}---"


def say(page: Path, **values: str) -> None:
    """Put values into the front matter of a page, in place of what it says there; all else of the
    page stays as it is, its line ends too.

    Raises Refused where the page has no front matter (any more), or can't be written.
    """
    try:
        text = page.read_bytes().decode("utf-8")
        end = "\r\n" if "\r\n" in text else "\n"
        found = _HEAD.match(text.removeprefix("\ufeff").replace("\r\n", "\n"))
        if found is None:
            raise Refused(f"{page.name} does not begin with front matter between two lines of ---.")
        lines = found[1].splitlines()
        for key, value in values.items():
            new = front({key: value}).splitlines()[1]
            at = [n for n, line in enumerate(lines) if re.match(rf"{key}[ \t]*:", line)]
            lines = [*lines, new] if not at else [*lines[: at[0]], new, *lines[at[0] + 1 :]]
        rest = text.removeprefix("\ufeff").replace("\r\n", "\n")[found.end(1) :]
        write(page, ("---\n" + "\n".join(lines) + "\n" + rest).replace("\n", end))
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not UTF-8"
        raise Refused(f"{page} can't be changed ({said}): edit it by hand.") from None


def write(page: Path, text: str) -> None:
    """Write a page whole or not at all. Raises OSError."""
    beside = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode("utf-8"))
        beside.replace(page)
    finally:
        beside.unlink(missing_ok=True)
