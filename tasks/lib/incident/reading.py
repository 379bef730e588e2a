"""Reading what an incident's page rests on: hosts, Prometheus, Alertmanager, journals, git."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping, NamedTuple, Sequence

import msgspec

from .. import history, journal, remote
from ..telemetry.flows import reach
from . import case as cases
from . import changes, figures, timeline
from .asking import Had, ask
from .case import Case
from .page import LAST

if TYPE_CHECKING:
    from ..settings import Environment, Settings
    from ..target import Target
    from ..telemetry.settings import Stack
    from ..visualize.period import Span

LINES = 400  # of each host's journal


class World(NamedTuple):
    """What an incident happened in. since: from when on is looked at (Unix), None by itself."""

    settings: Settings
    environment: Environment
    targets: tuple[Target, ...]
    root: Path
    since: float | None = None


class Read(NamedTuple):
    """What could be read. silent, untold: why hosts and alerts told nothing, "" where they did."""

    case: Case
    span: Span
    happened: tuple[timeline.Happened, ...]
    silent: str
    untold: str
    measured: Had[figures.Measured]
    changes: Had[changes.Changes]
    log: Had[Mapping[str, Sequence[str]]]


def read(world: World) -> Read:
    """Read everything, within the configured limit. Raises nothing: what isn't known is said."""
    from ..visualize.period import Span

    now, begun, limit = time.time(), time.monotonic(), world.settings.incident.limit
    environment = _patient(world.environment, limit)
    name = environment.name
    entries = journal.read(journal.where(world.root))
    questions: dict[str, Callable[[], Any]] = {
        "runs": partial(_runs, world.targets, environment),
        "stack": partial(reach, world.settings, environment, world.root),
    }
    first = ask(questions, begun + limit / 2)
    runs, absent = first["runs"].value or ([], "")
    ours, theirs = cases.journalled(entries, name), cases.told(runs, name)
    case = cases.dated(cases.newest(ours, theirs, now, world.since), [*runs, *entries])
    span = Span(*cases.window(case, now) if world.since is None else (world.since, now))
    live = (max(case.since or span.start, span.start), case.at)
    found = ask(
        {
            **_measuring(world, first["stack"], case, span, live),
            "changes": partial(_changes, world.root, case, [*runs, *entries]),
            "log": partial(_log, world.targets, environment, case.left),
        },
        begun + limit,
    )
    alerts = found["alerts"].value or []
    told = [
        *timeline.on_hosts(runs),
        *timeline.here(entries, name, hosts=bool(runs)),
        *timeline.fired(alerts, found["silences"].value or (), now),
    ]
    return Read(
        case,
        span,
        timeline.ordered(told, span),
        first["runs"].why or absent,
        found["alerts"].why,
        found["measured"],
        found["changes"],
        found["log"],
    )


def _patient(environment: Environment, limit: float) -> Environment:
    """Return the environment with hosts that have no longer than all of it may take."""
    limits = environment.limits
    within = {"connect": min(limits.connect, limit), "step": min(limits.step, limit)}
    return environment.but(limits=msgspec.structs.replace(limits, **within))


def _runs(
    targets: Sequence[Target], environment: Environment
) -> tuple[list[Mapping[str, Any]], str]:
    """Return what hosts say was done, and why some told nothing."""
    journals, absent = history.ask(targets, environment, LINES)
    if not journals:
        raise OSError("; ".join(absent.values()) or "there are no hosts")
    return [*history.merge(journals)], "; ".join(f"{name}: {why}" for name, why in absent.items())


def _measuring(
    world: World, stack: Had[Stack], case: Case, span: Span, live: tuple[float, float]
) -> dict[str, Any]:
    """Return the questions that Prometheus and Alertmanager are asked."""
    app, name = world.settings.app, world.environment.name

    def places() -> Stack:
        if stack.value is None:
            raise OSError(stack.why)
        return stack.value

    def measured() -> figures.Measured:
        where = figures.Where(places().prometheus, app, name, case.left, live, span.end)
        return figures.read(where, span, world.environment.thresholds)

    return {
        "measured": measured,
        "alerts": lambda: figures.alerts(places().prometheus, name, span),
        "silences": lambda: figures.silences(places().alertmanager),
    }


def _changes(root: Path, case: Case, entries: Sequence[Mapping[str, Any]]) -> changes.Changes:
    if not (case.left and case.back):
        raise OSError("there are no two releases")
    older, newer = (cases.commit(each, entries) for each in (case.back, case.left))
    return changes.between(root, older, newer)


def _log(
    targets: Sequence[Target], environment: Environment, release: str
) -> Mapping[str, Sequence[str]]:
    if not release:
        raise OSError("no release was left")
    return remote.newest(targets, environment, remote.Logs(release=release, lines=LAST))
