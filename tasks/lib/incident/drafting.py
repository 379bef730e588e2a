"""Drafting the page of an incident: read, decide whether it is a new one, write, say so."""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from .. import console
from ..errors import Refused
from ..moment import known
from ..visualize import alone
from ..visualize.events import Event
from . import page, record, words
from .page import Facts
from .reading import Read, World, read
from .record import DIRECTORY, Incident

TRIES = 100  # pages of one day and title


class Drafted(NamedTuple):
    """A page. file: from the project's directory. new: whether it was made now; else `added` rows
    of what has happened since were put into its timeline."""

    name: str
    file: Path
    new: bool
    added: int = 0

    def document(self, environment: str) -> dict[str, Any]:
        """Return it as plain objects."""
        said = {"environment": environment, "incident": self.name, "file": str(self.file)}
        return {**said, "new": self.new, "added": self.added}


def draft(world: World, title: str = "") -> Drafted:
    """Draft the page of what happened last to an environment, or add it to the one that is open
    there. title: of a new page; "" for one made of the reason.

    Raises Refused where it can't be written; whatever can't be read is said on the page.
    """
    found, at = read(world), time.time()
    kept = words.own()
    before = same(world, at)
    if before is not None:
        if title:
            console.warn(
                f"{before.name} is open, so this is no page of its own: --title is not used"
            )
        return _added(world.root, before, found, kept)
    said = words.said(title or _title(found, world.environment.name), kept)
    said = words.short(" ".join(said.split()), 120)
    try:
        (world.root / DIRECTORY).mkdir(parents=True, exist_ok=True)
        name = _claimed(world.root / DIRECTORY, said, world.environment.name, at)
        with _whole(world.root / DIRECTORY / name):
            facts = _facts(world, found, name, said, kept, at)
            record.write(world.root / DIRECTORY / f"{name}.md", page.render(facts))
    except OSError as error:
        raise Refused(f"{DIRECTORY} can't be written ({error.strerror}).", kind="disk") from None
    return Drafted(name, DIRECTORY / f"{name}.md", True)


@contextmanager
def _whole(page: Path) -> Iterator[None]:
    """Leave nothing of a page, named without .md, that does not come to its end."""
    try:
        yield
    except BaseException:
        page.with_name(f"{page.name}.md").unlink(missing_ok=True)
        shutil.rmtree(page, ignore_errors=True)
        raise


def same(world: World, at: float) -> Incident | None:
    """Return the open incident that what happens now belongs to, None for none."""
    for each in record.every(world.root):
        opened = known(each.opened)
        own = each.open and each.environment == world.environment.name
        if own and opened is not None and at - opened <= world.settings.incident.same:
            return each
    return None


def _title(found: Read, environment: str) -> str:
    case = found.case
    if case.reason:
        return case.reason
    if case.kind == "rollback":
        return f"{environment} was rolled back"
    if case.kind == "deploy":
        return f"A deploy was taken back from {environment}"
    return f"Trouble in {environment}"


def _claimed(folder: Path, title: str, environment: str, at: float) -> str:
    """Return a name that nobody else has, with an empty page of it. Raises OSError."""
    date = time.strftime("%Y-%m-%d", time.gmtime(at))
    wanted = f"{date}-{words.slug(title) or words.slug(environment) or 'incident'}"
    for number in range(1, TRIES):
        name = wanted if number == 1 else f"{wanted}-{number}"
        if (folder / name).exists():
            continue
        try:
            (folder / f"{name}.md").open("x").close()
        except FileExistsError:
            continue
        return name
    raise Refused(f"There are {TRIES} pages called {wanted}: say --title.", kind="config")


def _facts(
    world: World, found: Read, name: str, title: str, kept: tuple[str, ...], at: float
) -> Facts:
    return Facts(
        name,
        world.environment.name,
        title,
        kept,
        at,
        found.case,
        found.happened,
        found.silent,
        found.untold,
        found.measured,
        found.changes,
        found.log,
        _drawn(world.root, name, found, kept),
        tuple(world.settings.contacts),
    )


def _drawn(root: Path, name: str, found: Read, kept: tuple[str, ...]) -> dict[str, str]:
    """Write the graphs beside the page: GitHub shows an image's file, but no SVG in Markdown."""
    plots = found.measured.value.plots if found.measured.value else ()
    events = [  # clean: one control character makes an SVG file no XML
        Event(each.kind, each.at, each.end, console.clean(words.hidden(each.text, kept)))
        for each in found.happened
        if each.kind
    ]
    files = {}
    for plot in plots:
        file = f"{name}/{words.slug(plot.measure.title)}.svg"
        (root / DIRECTORY / name).mkdir(exist_ok=True)
        record.write(root / DIRECTORY / file, alone.svg(plot, found.span, events))
        files[plot.measure.title] = file
    return files


def _added(root: Path, before: Incident, found: Read, kept: tuple[str, ...]) -> Drafted:
    """Add to the timeline of an open incident what is later than its last row."""
    file = DIRECTORY / f"{before.name}.md"
    try:
        text = (root / file).read_bytes().decode("utf-8")
        longer, added = page.continued(text, found.happened, kept)
        if added:
            record.write(root / file, longer)
    except (OSError, UnicodeDecodeError) as error:
        console.warn(f"{file} is not changed ({type(error).__name__})")
        added = 0
    return Drafted(before.name, file, False, added)


def tell(drafted: Drafted, environment: str) -> None:
    """Say what there is now, and what is to be done with it."""
    if drafted.new:
        console.say(f"Drafted {drafted.file}")
        console.say("Write down the cause and what follows, then commit it with its graphs:")
        console.say(f"  git add {DIRECTORY}")
    else:
        rows = f"{drafted.added} row{'s' * (drafted.added != 1)} added to its timeline"
        told = f"{rows}; commit it" if drafted.added else "its timeline has all of it"
        console.say(f"{drafted.file} is open for {environment}:")
        console.say(f"{told}.")
    console.say("What mends it passes the gate of incidents:")
    console.say(f"  inv deploy --env={environment} --fixes={drafted.name}")
    console.say("When the cause is written down:")
    console.say(f"  inv rollback.incident --close={drafted.name}")
