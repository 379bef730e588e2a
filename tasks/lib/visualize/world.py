"""What `inv visualize` rests on: whose boards, whether metrics arrive, whether Grafana answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, NamedTuple, Sequence

from .. import console
from ..errors import Refused
from ..telemetry.flow import LOCAL
from ..telemetry.flows import reach
from ..telemetry.grafana import Grafana, Unreachable
from ..telemetry.prometheus import Prometheus, Unanswered, matching
from ..telemetry.settings import Stack
from . import boards
from .asking import Asked
from .boards import Board
from .settings import Visualize

if TYPE_CHECKING:
    from ..settings import Settings, Thresholds


class Seen(NamedTuple):
    """A board that was looked at, and where it is shown.

    missing: why it can't be loaded. differs: whether Grafana's is not as its file.
    """

    board: Board
    link: str = ""
    missing: str = ""
    differs: bool = False
    asked: tuple[Asked, ...] = ()


class World(NamedTuple):
    """An environment's boards, and what there is to ask.

    metrics, grafana: what is wrong with them, "" where nothing is. seen: the boards, once they were
    looked at. skew: seconds by which Prometheus's clock is ahead of this machine's.
    """

    environment: str
    job: str
    root: Path
    settings: Visualize
    places: Stack
    thresholds: Thresholds
    files: tuple[Board, ...]
    metrics: str = ""
    grafana: str = ""
    seen: tuple[Seen, ...] | None = None
    skew: float = 0.0

    @property
    def given(self) -> dict[str, str]:
        """The values of variables that are known beforehand."""
        return {"environment": self.environment, "job": self.job}


def read(settings: Settings, root: Path, asked: str, through: bool = True) -> World:
    """Return the world. asked: the environment, "" for the default one. through: by Grafana.

    Raises Refused where there is no such environment, or a file that is no board.
    """
    stack = settings.stack
    if not asked or asked in settings.environments:
        stack = reach(settings, settings.environment(asked), root)
    with Prometheus(stack.prometheus) as prometheus:
        known, wrong = _known(prometheus)
        name = _chosen(settings, asked, known)
        wrong = wrong or _nothing(prometheus, name, known)
    return World(
        name,
        settings.app,
        root,
        settings.visualize,
        stack,
        settings.environment(name if name in settings.environments else "").thresholds,
        boards.read(root / settings.visualize.directory),
        wrong,
        _grafana(stack) if through else "",
    )


def _known(prometheus: Prometheus) -> tuple[list[str], str]:
    """Return the environments that Prometheus has heard of in the last hour; and what is wrong."""
    try:
        now = time.time()
        found = prometheus.get("label/environment/values", {"start": now - 3600, "end": now})
        return [str(each) for each in found], ""
    except Unanswered as error:
        return [], str(error)


def _chosen(settings: Settings, asked: str, known: Sequence[str]) -> str:
    """Return the environment's name. Raises Refused where nobody knows of the one asked for."""
    if asked:
        if asked not in known and asked != LOCAL:
            settings.environment(asked)
        return asked
    usual = settings.default_environment
    if usual in known or LOCAL not in known:
        return usual
    console.say(f"Prometheus has nothing of {usual}, so this is about `{LOCAL}`: this machine's.")
    return LOCAL


def _nothing(prometheus: Prometheus, name: str, known: Sequence[str]) -> str:
    """Return "" where metrics of the environment arrive just now, else what is the matter."""
    try:
        if prometheus.query(f"count({matching({'environment': name})})"):
            return ""
    except Unanswered as error:
        return str(error)
    others = [each for each in known if each != name]
    there = f"; there is something of {', '.join(others)}" if others else ""
    return f"Prometheus at {prometheus.url} has no data of {name} just now{there}"


def _grafana(stack: Stack) -> str:
    with Grafana(stack.grafana) as grafana:
        if wrong := grafana.answers():
            return wrong
        try:
            grafana.sources()
        except Unreachable as error:
            return str(error)
    return ""


def metrics(world: World) -> str:
    """Probe: metrics of the environment arrive."""
    return world.metrics


def reachable(world: World) -> str:
    """Probe: Grafana answers, and takes our login."""
    return world.grafana


def templates(world: World) -> str:
    """Probe: there are dashboards to load."""
    return "" if world.files else f"there is no */*.json in {world.settings.directory}"


def known(world: World, uid: str) -> Board | None:
    """Return the file of the board `uid`, where there is one."""
    return next((board for board in world.files if board.uid == uid), None)


def nobody(uid: str, others: Iterable[str]) -> Refused:
    """Return what to say of a board that Grafana hasn't, which has others."""
    there = ", ".join(sorted(others))
    return Refused(f"Grafana has no dashboard {uid}; it has: {there or 'none'}.", kind="board")
