"""The scorecard as a whole: read, computed, told."""

from __future__ import annotations

from pathlib import Path

from invoke.context import Context

from .. import console, duration
from ..declare import Outcome
from ..errors import Refused
from ..visualize import page as pages
from . import exported, page, reading, telling
from .figures import figures

LONGEST = 3650 * 86400.0  # seconds; longer ago than anybody deployed with this


def scorecard(c: Context, since: str, env: str, html: str) -> Outcome:
    """Tell the scorecard and return it; what is bad in it is no failure of the telling.

    since: how far back, as `90d`. env: "" is production. html: a file to write it to as a page, ""
    for none. Raises Refused.
    """
    seconds = duration.parse(since)
    if not 0 < seconds <= LONGEST:
        most = duration.show(LONGEST)
        raise Refused(f"--since is how far back to look, as 30d; at most {most}.", kind="config")
    if html:
        pages.refuse(Path(html), "html")
    read = reading.read(c, env, seconds)
    found = figures(read.evidence, read.targets, read.start, read.end)
    telling.show(read, found)
    if html:
        pages.write(Path(html), page.page(read, found), "html")
        console.say(f"{html} has it as a page.")
    exported.tell(c.config, found, read.environment)
    told = telling.document(read, found)
    return Outcome(told, document=told)
