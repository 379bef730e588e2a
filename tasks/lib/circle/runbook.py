"""docs/RUNBOOK.md: the ten phases as they declare themselves, which is what `phase.run` goes by."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Iterable, Iterator, NamedTuple, Sequence

from ..alert.settings import Contact
from ..declare import Check, Phase, mending
from ..sandbox import closure as sandbox
from ..server import closure as server
from ..settings import Settings
from . import picture
from .generated import MARK
from .markdown import anchor, code, steps, table, text
from .reference import Command

PAGE = "docs/RUNBOOK.md"

# The phase `host` makes three things; these two are declared where they are made.
HOSTS = (("inv host --env=sandbox", sandbox.PHASE), ("inv host --env=ENV", server.PHASE))

# How each figure of the scorecard is known, in a few words; docs/SCORECARD.md has all of them.
KNOWN = {
    "time_to_deploy": "mean; from the tag to verified in production",
    "time_to_roll_back": "mean; from the decision to verified",
    "coverage": "what the tests reach: `inv test --coverage`",
    "deployment_success": "closed, and not rolled back from",
    "alert_response": "mean; from the alert to `inv alert.ack`",
    "false_positives": "alerts that nobody had to act on: `inv alert.ack --false-positive`",
}


class Beside(NamedTuple):
    """What a phase declares beside itself, and the command that does it."""

    command: str
    phase: Phase


class Chapter(NamedTuple):
    """A phase with all that is declared around it, and its commands."""

    phase: Phase
    beside: tuple[Beside, ...]
    commands: tuple[Command, ...]

    @property
    def heading(self) -> str:
        """The heading of its part of the page."""
        return f"{self.phase.number}. {self.phase.name}: {self.phase.closure.lower()}"

    @property
    def link(self) -> str:
        """A link to it."""
        return f"[{self.phase.number}. {self.phase.name}](#{anchor(self.heading)})"


def chapters(modules: Iterable[ModuleType], commands: Sequence[Command]) -> list[Chapter]:
    """Return the phases in their order.

    modules: those that declare them. A module without a step of the circle is left out.
    """
    found = []
    for module in modules:
        declared = [each for each in vars(module).values() if isinstance(each, Phase)]
        if not declared or not declared[0].number:
            continue
        phase, *more = declared
        beside = [Beside(f"inv {each.name}", each) for each in more]
        if phase.name == "host":
            beside = [Beside(*each) for each in HOSTS] + beside
        own = tuple(each for each in commands if each.name.startswith(f"{phase.name}."))
        found.append(Chapter(phase, tuple(beside), own))
    return sorted(found, key=lambda each: each.phase.number)


def page(
    every: Sequence[Chapter],
    whole: Sequence[Command],
    settings: Settings,
    reference: str,
    linked: str = "",
) -> str:
    """Return the page.

    whole: the commands that are about all of the circle. reference: the file of the command
    reference. linked: links to other pages.
    """
    lines = [
        MARK,
        f"# Runbook of {text(settings.app)}",
        "",
        "What to do at each step of the circle, what has to be there before, how to see that it is"
        " done, and what helps when it is not. The commands go by the very same declarations: what"
        " they say when they fail is a row of this page. It is generated: `inv circle.runbook`"
        " writes it, and `inv circle.runbook --check` tells when it has drifted.",
        "",
        *_circle(every),
        "About all of it:",
        "",
        *_commands(whole, reference),
        *_reading(),
    ]
    for chapter in every:
        lines += _chapter(chapter, every, reference)
    lines += [*paths(settings), *metrics(settings), *contacts(settings)]
    lines += ["## Further", "", linked, ""] if linked else []
    return "\n".join(lines).rstrip() + "\n"


def _circle(every: Sequence[Chapter]) -> list[str]:
    rows = [
        (
            each.link,
            code(f"inv {each.phase.name}"),
            text(each.phase.closure),
            text(each.phase.purpose),
        )
        for each in every
    ]
    drawn = ["".join(text for text, _ in line) for line in picture.circle({})]
    lines = ["## The circle", "", "```text", *drawn, "```", ""]
    return lines + table(("step", "command", "what it closes", "what for"), rows)


def _reading() -> list[str]:
    return [
        "`ENV` stands for an environment of `invoke.yaml`. Exit code 0 says that a phase closed, 1"
        " that it ran and did not close, 2 that it refused to start and changed nothing. What is"
        " *advised* is a warning where it is missing; without all else a phase does not start, or"
        " does not close.",
        "",
    ]


def _chapter(chapter: Chapter, every: Sequence[Chapter], reference: str) -> Iterator[str]:
    phase = chapter.phase
    yield from (f"## {chapter.heading}", "", *_parts(phase, f"inv {phase.name}", "###"))
    yield from ("### Next step", "", *_next(phase, every))
    for beside in chapter.beside:
        own = beside.phase
        if own.troubleshooting == phase.troubleshooting:  # the rows above fit it, too
            own = own._replace(troubleshooting=())
        yield from (f"### Beside it: {beside.command}", "")
        yield from _parts(own, beside.command, "####", checked="--env" in beside.command)
        yield from ("#### Next step", "", *_next(own, every))
    if chapter.commands:
        yield from ("### Its other commands", "", *_commands(chapter.commands, reference))


def _commands(every: Iterable[Command], reference: str) -> list[str]:
    rows = [(each.link(reference), text(each.line)) for each in every]
    return table(("command", "what it does"), rows)


def _parts(phase: Phase, command: str, level: str, checked: bool = True) -> Iterator[str]:
    """Yield the parts that the runbook has of a phase; those that are empty are left out."""
    yield from (f"{level} Purpose", "", text(phase.purpose), "")
    if phase.prerequisites:
        said = f"{code(command)} looks at these first, and names all that are missing at once."
        yield from (f"{level} Prerequisites", "", said, "")
        yield from _checks(phase.prerequisites, "what has to be there")
    yield from (f"{level} Procedure", "", "```sh", command, "```", "")
    yield from steps(phase.procedure)
    if phase.validation:
        yield from (f"{level} Validation", "")
        if checked:
            yield from ("```sh", f"{command} --check", "```", "")
        yield from _checks(phase.validation, "what has to hold")
    if phase.troubleshooting:
        yield from (f"{level} Troubleshooting", "")
        rows = [(text(row.issue), text(row.solution)) for row in phase.troubleshooting]
        yield from table(("issue", "solution"), rows)


def _checks(checks: Iterable[Check], called: str) -> list[str]:
    rows = [
        (
            text(check.name) + ("" if check.required else " *(advised)*"),
            text(_capital(mending(check))),
        )
        for check in checks
    ]
    return table((called, "what mends it"), rows)


def _capital(said: str) -> str:
    return said[:1].upper() + said[1:]


def _next(phase: Phase, every: Sequence[Chapter]) -> list[str]:
    said = []
    for told, command in (
        ("", phase.next.closed),
        ("When it did not close: ", phase.next.troubled),
    ):
        if command:
            said.append(
                f"{told}{code(command.replace('{env}', 'ENV'))}{_to(command, phase, every)}"
            )
    return [f"- {line}" for line in said] + [""]


def _to(command: str, phase: Phase, every: Sequence[Chapter]) -> str:
    """Return where on the page a command is, "" where that is here."""
    name = re.split(r"[ .]", command)[1]
    found = [each.link for each in every if each.phase.name == name != phase.name]
    return f" ({found[0]})" if found else ""


def paths(settings: Settings) -> list[str]:
    """Return the part about the paths that the configuration names."""
    rows = [
        (code(f"inv circle.run --path={name}"), " → ".join(code(each) for each in said))
        for name, said in settings.circle.paths.items()
    ]
    said = "A step with `?` only informs: the path goes on whatever it says."
    return ["## Paths", "", said, "", *table(("command", "steps"), rows)]


def metrics(settings: Settings) -> list[str]:
    """Return the part about what the circle is measured by: the scorecard's figures and targets."""
    from ..scorecard import figures, reading, telling

    rows = []
    for key, target in reading.targets_of(settings).items():
        kind = figures.KINDS[key]
        sign = ">" if kind.high else "<"
        rows.append((kind.label, f"{sign} {telling.shown(target, kind.unit)}", text(KNOWN[key])))
    lines = ["## What it is measured by", "", "Where it stands: `inv circle.scorecard`.", ""]
    return lines + table(("figure", "target", "how it is known"), rows)


def contacts(settings: Settings) -> list[str]:
    """Return the part about whom to call, as the configuration has it: roles and where, no names.

    Who is on call changes by the week, and the page would drift with it.
    """
    lines = ["## Whom to call", ""]
    if not settings.contacts:
        return lines + ["Nobody is named: write `contacts:` in `invoke.yaml`.", ""]
    rows = [(role, *_reached(contact)) for role, contact in settings.contacts.items()]
    lines += ["Who is on call now: `inv alert.contacts`.", ""]
    return lines + table(
        ("role", "contact", "availability"), [[text(each) for each in row] for row in rows]
    )


def _reached(contact: str | Contact) -> tuple[str, str]:
    if isinstance(contact, str):
        return contact, ""
    return " or ".join(contact.channels), contact.availability
