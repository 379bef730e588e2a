"""What somebody saw: written down in the journal, and marked on the boards."""

from __future__ import annotations

import html
import time

from .. import console
from ..declare import Outcome
from ..errors import Refused
from ..telemetry.grafana import Grafana, Unreachable
from .world import World

LONGEST = 2000  # characters: a mark on a graph is no place for a report
TAG = "note"


def text_of(text: str) -> str:
    """Return the note without blanks around it. Raises Refused where it says nothing."""
    found = text.strip()
    if not found:
        raise Refused("Say what was unusual: `inv monitor.note 'TEXT'`.", kind="config")
    if len(found) > LONGEST:
        raise Refused(f"A note has at most {LONGEST} characters, this one {len(found)}.")
    return found


def note(world: World, text: str, limit: float = 5.0) -> Outcome:
    """Mark `text` on the boards; the phase's own line of the journal is the note itself.

    limit: seconds for Grafana. One that is away is a warning.
    """
    env, app = world.environment.name, world.settings.app
    detail = {"environment": env, "text": text, "marked": False}
    try:
        with Grafana(world.stack.grafana, limit) as grafana:
            # Grafana shows marks as HTML.
            said = html.escape(text, quote=False)
            grafana.annotate(said, [TAG, env, app], time.time())
        detail["marked"] = True
    except Unreachable as error:
        console.warn(f"the boards are not marked: {error}")
    marked = ", and marked on the boards" if detail["marked"] else ""
    console.say(f"Noted for {env}{marked}; `inv monitor.review` shows it.")
    return Outcome(detail)
