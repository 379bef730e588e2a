"""The page of an alert, and the commands on it with the values of this environment filled in."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console
from ..declare import Outcome
from ..errors import Refused

if TYPE_CHECKING:
    from ..settings import Settings

# Between backticks, or a line of a block of code: what is said of `inv` in a sentence is none.
_COMMAND = re.compile(r"`(inv [a-z][^`\n]*)`|^\s*(inv [a-z][^`\n]*)$", re.MULTILINE)
_PLACE = re.compile(r"\{env\}|<env>|\$\{?ENV\}?|\bENV\b")
_NAMED = re.compile(r"--env=(?:staging|production|sandbox)\b")


def explain(settings: Settings, root: Path, name: str, environment: str) -> Outcome:
    """Print the page of the alert `name` and its commands, about `environment`. Raises Refused."""
    folder = root / settings.alert.pages
    known = sorted(page.stem for page in folder.glob("*.md"))
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        said = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known) or 'none'}."
        raise Refused(f"{settings.alert.pages} has no page for {name!r}; {said}")
    text = (folder / f"{name}.md").read_text()
    console.say(text.rstrip())
    offered = commands(text, environment)
    if offered:
        console.say(f"\nIts commands, for {environment}:")
    for number, command in enumerate(offered, 1):
        console.say(f"  {number}. {command}")
    page = f"{settings.alert.pages}/{name}.md"
    detail = {"alert": name, "environment": environment, "page": page, "text": text}
    return Outcome(detail | {"commands": offered}, next=offered[0] if offered else "")


def commands(text: str, environment: str) -> list[str]:
    """Return the `inv` commands of a page, each once, about `environment`."""
    found = []
    for inline, line in _COMMAND.findall(text):
        told = _PLACE.sub(environment, (inline or line).split(" #")[0].strip())
        found.append(_NAMED.sub(f"--env={environment}", told))
    return list(dict.fromkeys(found))
