"""The shared mechanism of all phases: `run`, which gives a declaration its effect.

Prerequisites, procedure, validation, troubleshooting, next step, journal: in that order, always.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, Callable, Mapping, NamedTuple, NoReturn

from invoke.context import Context
from invoke.exceptions import Exit, Failure

from . import console, journal, project
from . import evidence as proof
from .declare import Check, Outcome, Phase, evidence, mending, sentence
from .errors import REFUSED, Interrupted, NotClosed, Refused


class _Run(NamedTuple):
    phase: Phase
    c: Context
    fills: Mapping[str, str]
    as_json: bool
    record: bool
    since: float
    before: proof.State | None  # of the tree, where the phase proves something of a commit


def run(
    phase: Phase,
    c: Context,
    procedure: Callable[[], Outcome],
    *,
    world: Any = None,
    check: bool = False,
    as_json: bool = False,
    validate: bool = True,
    fills: Mapping[str, str] | None = None,
    record: bool = True,
    proves: bool = False,
) -> None:
    """Run a phase as it is declared.

    world: what the probes are given; a function is called for it, so that a failure to read it is
    told as any other. check: look at the validation only, and change nothing. validate: whether
    the validation follows the procedure. fills: values for the next step, such as `env`. record:
    whether a journal line is written (a plan writes nothing). proves: whether closing says
    something of the commit (see `evidence`); then the line says so where the tree differed from it.

    Returns when the phase closed. Otherwise it has said what there is to say and raises Exit with
    the code. What isn't one of our errors or a failed command is a bug and is raised on.
    """
    console.set_json(as_json)
    record = record and not check
    before = proof.state(project.root(c)) if proves and record else None
    this = _Run(phase, c, dict(fills or {}), as_json, record, time.monotonic(), before)
    try:
        seen = world() if callable(world) else world
        this = this._replace(fills=_fills(seen, fills))
        outcome = _check(phase, seen) if check else _procedure(phase, procedure, seen, validate)
    except KeyboardInterrupt:
        again = f"inv {phase.name} --check" if phase.validation else f"inv {phase.name}"
        _fail(this, Interrupted(f"Interrupted before {phase.name} closed: run `{again}`."))
    except (Exit, Failure) as error:
        if isinstance(error, Exit) and not error.code:
            raise
        _fail(this, error)
    except BaseException as error:
        _journal(this, "troubled", {"bug": type(error).__name__})
        raise
    _close(this, outcome)


def _procedure(
    phase: Phase, procedure: Callable[[], Outcome], seen: object, validate: bool
) -> Outcome:
    failed = _failed(phase.prerequisites, seen)
    for check, said in failed:
        if not check.required:
            console.warn(f"{check.name}: {_mended(check, said)}")
    missing = [(check, said) for check, said in failed if check.required]
    if missing:
        names = ", ".join(check.name for check, _ in missing)
        raise Refused(
            f"inv {phase.name} refused to start and changed nothing; missing: {names}.",
            kind="prerequisite",
            evidence=_listed(missing),
        )
    outcome = procedure()
    if validate:
        _validate(phase, seen if outcome.world is None else outcome.world, outcome.detail)
    return outcome


def _validate(phase: Phase, seen: object, detail: Mapping[str, Any]) -> None:
    failed = _failed(phase.validation, seen)
    for check, said in failed:
        if not check.required:
            console.warn(f"{check.name}: {_mended(check, said)}")
    wrong = [(check, said) for check, said in failed if check.required]
    if wrong:
        raise NotClosed(
            f"inv {phase.name} ran, but this does not hold: "
            f"{', '.join(check.name for check, _ in wrong)}.",
            kind="validation",
            evidence=_listed(wrong),
            detail=detail,
        )


def _check(phase: Phase, seen: object) -> Outcome:
    failed = {check.name: said for check, said in _failed(phase.validation, seen)}
    rows = [(check.name, failed.get(check.name, "holds")) for check in phase.validation]
    console.table(rows, columns=(phase.name, "finding"))
    _validate(phase, seen, {"checks": dict(rows)})
    return Outcome(detail={"checks": dict(rows)})


def _failed(checks: tuple[Check, ...], seen: object) -> list[tuple[Check, str]]:
    found = ((check, _asked(check, seen)) for check in checks)
    return [(check, said) for check, said in found if said]


def _asked(check: Check, seen: object) -> str:
    try:
        return check.probe(seen)
    except (Exit, Failure, OSError) as error:
        return sentence(error) or type(error).__name__


def _listed(failed: list[tuple[Check, str]]) -> str:
    return "\n".join(f"- {check.name}: {_mended(check, said)}" for check, said in failed)


def _mended(check: Check, said: str) -> str:
    """Return what is wrong with what mends it; a whole sentence may name a fitter command."""
    if said.endswith(".") and "`" in said:
        return said
    return f"{said}; {mending(check)}"


def _close(this: _Run, outcome: Outcome) -> None:
    following = _filled(outcome.next or this.phase.next.closed, this.fills)
    marks = _marks(this)
    _journal(this, "closed", outcome.detail, marks)
    if why := this.before and proof.lacking(this.before, marks, outcome.detail):
        console.say(f"This counts for no commit: {why}, then run `inv {this.phase.name}`.")
    if this.as_json:
        told = outcome.document
        if told is None:
            told = _told(this, "closed", outcome.detail, following) | marks
        console.document(told)
    if following:
        console.hint(f"Next: {following}")


def _fail(this: _Run, error: BaseException) -> NoReturn:
    code = (error.code or 1) if isinstance(error, Exit) else 1
    outcome = "refused" if code == REFUSED else "troubled"
    said, kind, below = sentence(error), getattr(error, "kind", ""), evidence(error)
    rows = [row for row in this.phase.troubleshooting if row.fits(error)]
    declared = this.phase.next.troubled if outcome == "troubled" else ""
    following = _filled(getattr(error, "next", "") or declared, this.fills)
    detail = dict(getattr(error, "detail", {}))
    # The evidence stays out of the journal: it may be a service's log, which nobody has checked.
    marks = _marks(this)
    _journal(this, outcome, {**detail, "error": said, "kind": kind}, marks)
    for text, style in ((said, console.BAD), (below, "")):
        if text:
            console.fail(text, style)
    for row in rows:
        console.fail(f"Runbook: {row.issue} → {row.solution}", console.HINT)
    if following:
        console.fail(f"Next: {following}", console.HINT)
    if this.as_json:
        told = _told(this, outcome, detail, following) | marks
        told["error"] = {"message": said, "kind": kind, "evidence": below}
        if hosts := getattr(error, "hosts", None):
            told["error"]["hosts"] = hosts
        told["troubleshooting"] = [{"issue": row.issue, "solution": row.solution} for row in rows]
        console.document(told)
    raise Exit(code=code) from error


def _told(this: _Run, outcome: str, detail: Mapping[str, Any], following: str) -> dict[str, Any]:
    return {
        "phase": this.phase.name,
        "outcome": outcome,
        "seconds": round(time.monotonic() - this.since, 3),
        "detail": dict(detail),
        "next": following,
    }


def _marks(this: _Run) -> dict[str, Any]:
    return proof.mark(this.before, proof.state(project.root(this.c))) if this.before else {}


def _journal(
    this: _Run, outcome: str, detail: Mapping[str, Any], marks: Mapping[str, Any] | None = None
) -> None:
    if not this.record:
        return
    root = project.root(this.c)
    entry = _told(this, outcome, detail, "") | dict(marks or {})
    entry["commit"] = str(detail.get("commit") or project.commit(root))
    del entry["next"]
    if where := this.fills.get("env") or detail.get("environment"):
        entry["environment"] = str(where)
    try:
        journal.append(entry, journal.where(root))
    except OSError as error:  # what was done is done, written down or not
        console.warn(f"the journal could not be written: {error}")
    _tell(this, entry)


def _tell(this: _Run, entry: Mapping[str, Any]) -> None:
    """Send what was written down, too, where telemetry is on; off, nothing is imported."""
    if os.environ.get("ENABLE_TELEMETRY"):
        from .telemetry import recipes

        if recipes.enabled(os.environ) and (url := recipes.address(this.c.config)):
            recipes.tell(entry, url, entry.get("environment", ""))


def _fills(world: object, given: Mapping[str, str] | None) -> dict[str, str]:
    environment = getattr(world, "environment", "")
    name = getattr(environment, "name", environment)
    return ({"env": name} if name and isinstance(name, str) else {}) | dict(given or {})


def _filled(command: str, fills: Mapping[str, str]) -> str:
    for key, value in fills.items():
        command = command.replace(f"{{{key}}}", value)
    return re.sub(r" --[a-z-]+=\{\w+\}", "", command)  # an option that nothing is known for
