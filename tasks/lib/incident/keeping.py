"""What becomes of a page: it is closed, and GitHub has an issue of it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .. import console, github
from ..errors import Refused
from ..gh import Gh
from . import record, words
from .page import CAUSE
from .record import DIRECTORY, Incident
from .timeline import moment

if TYPE_CHECKING:
    from ..settings import Settings

BODY = 60_000  # characters of an issue: GitHub takes 65,536
# Not the title, which is the rollback's reason: "because checkout answers 500".
_CAUSE = re.compile(
    r"^##+[ \t]+(?:[^\n]*[^\w\n])?caus[^\n]*\n(.*?)(?=^#+[ \t]|\Z)", re.I | re.M | re.S
)
_FENCE = re.compile(r"^`{3,}", re.M)
_IMAGE = re.compile(r"^!\[[^\]]*\]\([^)]*\)\n*", re.M)


class Issue(msgspec.Struct):
    """An issue, as the API tells it."""

    number: int
    html_url: str


def named(root: Path, name: str) -> Incident:
    """Return the incident of that name; a path of its page will do. Raises Refused."""
    wanted = Path(name).name.removesuffix(".md")
    known = record.every(root)
    found = next((each for each in known if each.name == wanted), None)
    if found is None:
        names = ", ".join(each.name for each in known if each.open) or "none"
        raise Refused(f"{wanted!r} is no incident below {DIRECTORY}; open are: {names}.")
    return found


def close(root: Path, name: str) -> dict[str, Any]:
    """Set an incident's state to closed. Safe to repeat.

    Raises Refused while its page says nothing of the cause: once it is closed nobody asks again.
    """
    found = named(root, name)
    file = DIRECTORY / f"{found.name}.md"
    detail = {"environment": found.environment, "incident": found.name, "file": str(file)}
    left = list(found.follow_ups)
    if not found.open:
        console.say(f"{found.name} is closed already.")
        return {**detail, "closed": False, "follow_ups": left}
    if not cause(root / file):
        raise Refused(
            f"{file} says nothing below `## {CAUSE}` yet: write down what made it happen, then"
            f" `inv rollback.incident --close={found.name}`.",
            kind="cause",
        )
    now = moment(time.time()).replace(" ", "T") + "Z"
    record.say(root / file, state=record.CLOSED, closed=now)
    console.say(f"{found.name} is closed; commit it: `git add {file}`.")
    if left:
        console.say(
            f"Of what follows, {len(left)} are not ticked yet; `inv circle.status` reminds:"
        )
        for each in left:
            console.say(f"- {each}")
    return {**detail, "closed": True, "follow_ups": left}


def cause(page: Path) -> str:
    """Return what a page says of the cause, "" for nothing."""
    try:
        text = page.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
    said = _CAUSE.search(record.commentless(record.parted(text)[1]))
    return said[1].strip() if said else ""


def issue(root: Path, settings: Settings, name: str) -> dict[str, Any]:
    """Open an issue with the page's text, and write its address into the page. Safe to repeat.

    Raises Refused where it can't be: nothing is written then.
    """
    found = named(root, name)
    page = root / DIRECTORY / f"{found.name}.md"
    try:
        said, body = record.parted(page.read_text(encoding="utf-8-sig", errors="replace"))
    except OSError as error:
        raise Refused(f"{page} can't be read ({error.strerror}).") from None
    if said.get("issue"):
        console.say(f"{found.name} has its issue: {said['issue']}")
        return {"incident": found.name, "issue": said["issue"], "opened": False}
    gh = hub(root, settings)
    asked = {"title": f"Incident: {found.title}"[:250], "body": _body(found, body)}
    try:
        made = gh.api("issues", Issue, method="POST", body=asked)
    except Refused as error:
        error.message = f"No issue was opened: {str(error).rstrip('.')}."
        raise
    record.say(page, issue=made.html_url)
    console.say(f"Opened {made.html_url}; {found.name} says so, too: commit it.")
    return {"incident": found.name, "issue": made.html_url, "opened": True}


def hub(root: Path, settings: Settings) -> Gh:
    """Return who is asked for an issue. Raises Refused where that is nobody."""
    repository = github.repository(root, settings.remote)
    if not repository:
        raise Refused(
            f"The remote {settings.remote} is not on GitHub, so there is no issue to open: see"
            " `git remote --verbose`.",
            kind="absent",
        )
    if wrong := github.missing(root, repository):
        raise Refused(f"{wrong}.", kind="login")
    return Gh(root, repository)


def _body(incident: Incident, text: str) -> str:
    """Return the page for an issue, not too long, without graphs: it can't reach their files."""
    where = f"Its page, with graphs, is `{DIRECTORY}/{incident.name}.md`.\n\n"
    text = re.sub(r"\A\s*# [^\n]*\n+", "", text)
    text = words.hidden(_IMAGE.sub("", text), words.own())
    if len(text) > BODY:
        text = text[:BODY].rpartition("\n")[0]
        fences = _FENCE.findall(text)
        text += f"\n{fences[-1]}" * (len(fences) % 2) + "\n\nThe rest is in the page."
    return where + text
