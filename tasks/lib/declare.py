"""What a phase declares, in the runbook's own terms. `phase.run` gives it its effect.

Named tuples, not dataclasses: a frozen dataclass costs a millisecond when it is made, and these
are made by every `inv --list`.
"""

from __future__ import annotations

import re
from importlib import import_module
from types import MappingProxyType
from typing import Any, Callable, Mapping, NamedTuple

from invoke.exceptions import Failure

Probe = Callable[[Any], str]


def probe(module: str, name: str) -> Probe:
    """Return the probe `name` of `tasks.lib.MODULE`, which is imported when something is asked of
    it: a declaration is read by every `inv --list`, and must not pay for what its probes rest on.
    """

    def asked(world: Any) -> str:
        found: Probe = getattr(import_module(f".{module}", __package__), name)
        return found(world)

    return asked


class Check(NamedTuple):
    """Something that must hold.

    name: what, in a few words. probe: given the world as the phase read it, returns "" where it
    holds, else what is wrong. mend: the command or sentence that mends it. required: without it,
    what is wrong is a warning.
    """

    name: str
    probe: Probe
    mend: str
    required: bool = True


class Row(NamedTuple):
    """A row of the runbook's troubleshooting table, and the failures that it fits.

    kinds: of our own errors. output: a regular expression, looked for in the failure's sentence
    and evidence or in a command's output. codes: exit codes of a command.
    """

    issue: str
    solution: str
    kinds: tuple[str, ...] = ()
    output: str = ""
    codes: tuple[int, ...] = ()

    def fits(self, error: BaseException) -> bool:
        """Tell whether this row is about `error`."""
        if getattr(error, "kind", "") in self.kinds:
            return True
        if isinstance(error, Failure) and error.result.exited in self.codes:
            return True
        text = f"{sentence(error)}\n{evidence(error)}"
        return bool(self.output and re.search(self.output, text, re.IGNORECASE))


class Next(NamedTuple):
    """The command to run after the phase, by how it ended; `{env}` is filled in."""

    closed: str
    troubled: str = ""


class Phase(NamedTuple):
    """What the runbook says of one step of the circle."""

    number: int
    name: str
    closure: str
    purpose: str
    prerequisites: tuple[Check, ...]
    procedure: tuple[str, ...]
    validation: tuple[Check, ...]
    troubleshooting: tuple[Row, ...]
    next: Next

    def part(
        self,
        name: str,
        prerequisites: tuple[Check, ...] = (),
        validation: tuple[Check, ...] = (),
        next: Next = Next(""),
    ) -> Phase:
        """Return a task beside the phase, `inv PHASE.name`: it fails as the phase does, with the
        same rows of the runbook, and has of the rest what is given."""
        name = f"{self.name}.{name}"
        return self._replace(
            name=name, prerequisites=prerequisites, validation=validation, next=next
        )


class Outcome(NamedTuple):
    """What a procedure did.

    detail: for the journal and the --json document. next: in place of the declared next step.
    document: printed by --json in place of the usual one. world: as it is now, for the validation.
    """

    detail: Mapping[str, Any] = MappingProxyType({})
    next: str = ""
    document: Any = None
    world: Any = None


def sentence(error: BaseException) -> str:
    """Return what to say of `error` in one sentence."""
    if isinstance(error, Failure):
        return f"`{error.result.command}` failed with exit code {error.result.exited}."
    return str(getattr(error, "message", None) or error)


def mending(check: Check) -> str:
    """Return what to do where `check` doesn't hold: its sentence, or to run its command."""
    return check.mend if check.mend.endswith(".") else f"run `{check.mend}`"


def evidence(error: BaseException) -> str:
    """Return what to print below it: a command's last 20 lines of output, or our own evidence."""
    if isinstance(error, Failure):
        output = f"{error.result.stdout}\n{error.result.stderr}".strip()
        return "\n".join(output.splitlines()[-20:])
    return str(getattr(error, "evidence", ""))
