"""How a phase fails: one sentence, an exit code, and what the reader needs beside it."""

from __future__ import annotations

from typing import Any, Mapping

from invoke.exceptions import Exit

CLOSED = 0
NOT_CLOSED = 1
REFUSED = 2
INTERRUPTED = 130


class Trouble(Exit):
    """What every failure of ours carries; raise one of the kinds below.

    message: one sentence that names the next command.
    kind: one word that troubleshooting rows match on ("auth", "locked", "health", "config", …).
    evidence: text printed below the sentence (log lines, a host's load), never a secret.
    detail: what was measured until then; it goes to the journal and to the --json document.
    hosts: by host what failed there, evidence included; it goes to the --json document alone.
    next: the command to run next, where the phase's own next step doesn't fit.
    """

    exit_code = NOT_CLOSED
    outcome = "troubled"

    def __init__(
        self,
        message: str,
        *,
        kind: str = "",
        evidence: str = "",
        detail: Mapping[str, Any] | None = None,
        hosts: Mapping[str, Any] | None = None,
        next: str = "",
    ) -> None:
        super().__init__(message, self.exit_code)
        self.kind = kind
        self.evidence = evidence
        self.detail: dict[str, Any] = dict(detail or {})
        self.hosts: dict[str, Any] = dict(hosts or {})
        self.next = next

    def __str__(self) -> str:
        return str(self.message)


class NotClosed(Trouble):
    """The phase ran and did not close: exit code 1."""


class Refused(Trouble):
    """The phase refused to start (a gate, a lock, a bad value) and changed nothing: exit code 2."""

    exit_code = REFUSED
    outcome = "refused"


class Interrupted(NotClosed):
    """The operator pressed Ctrl-C; the sentence says what state things are in: exit code 130."""

    exit_code = INTERRUPTED
