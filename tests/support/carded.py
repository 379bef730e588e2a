"""Runs that a test makes up, for the figures of a scorecard."""

from __future__ import annotations

from typing import Any

from tasks.lib.scorecard.changes import Changes
from tasks.lib.scorecard.figures import Evidence
from tasks.lib.scorecard.runs import CLOSED, DEPLOY, ROLLBACK, Run

NOTHING = Evidence((), Changes({}, {}), (), (), ())


def deploy(at: float, outcome: str = CLOSED, seen: bool = True, **more: Any) -> Run:
    """A deploy that ended `at`, begun 9 s before, switched 5 s before and verified 3 s before."""
    name, kind = more.pop("name", f"r{at:g}"), more.pop("kind", DEPLOY)
    usual = {"begun": at - 9, "switched": at - 5, "verified": at - 3, "watched": 2.0}
    about = (name, kind, name, more.pop("version", name), f"commit of {name}", "")
    return Run(*about, outcome, seen, more.pop("back", False), at)._replace(**usual | more)


def back(at: float, of: str, **more: Any) -> Run:
    return deploy(at, kind=ROLLBACK, name=f"b{at:g}", **more)._replace(before=of, release="older")
