"""Reading the world: Prometheus, the service itself, and its hosts, all at the same time."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from invoke.context import Context

from .. import config, journal, project, public, target
from ..errors import Refused
from ..telemetry import composed
from ..telemetry.flow import LOCAL
from ..telemetry.flows import reach
from ..telemetry.prometheus import Prometheus
from ..telemetry.settings import Stack
from . import asked, decide, released
from .board import Board, Seen
from .hosts import Hosts, Told
from .local import Local, environment_of
from .measured import Measured, measure

if TYPE_CHECKING:
    from ..settings import Environment, Settings
    from ..target import Target

PATIENCE = 2.0  # seconds that a board that is looked at waits for hosts at first
ANSWER = 5.0  # seconds for one answer of Prometheus: a board that hangs tells nothing


class World(NamedTuple):
    """What is looked at. board: what the first look found, None where there was none yet."""

    settings: Settings
    environment: Environment
    targets: tuple[Target, ...]
    root: Path
    stack: Stack
    board: Board | None = None


def read(c: Context, env: str, hosts: bool = True) -> World:
    """Read the configuration of the environment; asks nobody yet.

    hosts: False where the environment's hosts may be nowhere. Raises Refused.
    """
    root, settings = project.root(c), config.load(c)
    name = env or settings.default_environment
    local = name == LOCAL and LOCAL not in settings.environments
    environment = environment_of(settings) if local else settings.environment(name)
    targets: tuple[Target, ...] = ()
    if not local:
        try:
            targets = target.targets(settings, environment, root)
        except Refused as error:
            if hosts or error.kind != "unreachable":
                raise
    return World(settings, environment, targets, root, reach(settings, environment, root))


class Watcher:
    """Looks at an environment again and again. Use as a context manager."""

    def __init__(self, world: World, logs: bool = True) -> None:
        """Be about what `world` says; logs: whether hosts, and with them their logs, are asked."""
        self.world = world
        self._prometheus = Prometheus(world.stack.prometheus, ANSWER)
        self._pool = ThreadPoolExecutor(4)
        monitor = world.settings.monitor
        self._hosts: Hosts | Local | None = None
        if logs and world.targets:
            self._hosts = Hosts(world.targets, world.environment, monitor.lines)
        elif logs and world.environment.name == LOCAL:
            place = composed.here(world.root, world.settings.stack)
            self._hosts = Local(place, monitor.lines)
        self._asking: Future[Told] | None = None
        self._told: Told | None = None
        self._asked = 0.0
        entries = journal.read(journal.where(world.root))
        self._live = released.journalled(entries, world.environment.name)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._hosts:
            self._hosts.close()
        self._prometheus.close()

    def look(self, wait: float | None = None, every: float = 0.0) -> Board:
        """Look at everything once, and return the board.

        wait: seconds that hosts may take before the board is shown without what they say; None for
        as long as they take. every: seconds within which hosts are not asked again.
        """
        env, settings = self.world.environment, self.world.settings
        self._ask_hosts(every)
        measured = self._pool.submit(self._measure)
        places = public.urls(env, self.world.targets)
        health = self._pool.submit(asked.health, places, env.health, env.host_header)
        path = settings.monitor.metrics
        metrics = self._pool.submit(asked.metrics, places, path, env.host_header) if path else None
        seen = Seen(
            time.time(),
            measured.result(),
            health.result(),
            metrics.result() if metrics else asked.Answer(),
            self._heard(wait),
            self._live,
        )
        return decide.board(seen, env, settings.monitor, env.observability.scrape)

    def _measure(self) -> Measured:
        app, name = self.world.settings.app, self.world.environment.name
        return measure(self._prometheus, app, name, self.world.settings.monitor.window)

    def _ask_hosts(self, every: float) -> None:
        late = time.monotonic() - self._asked >= every
        if self._hosts and self._asking is None and (late or self._told is None):
            self._asking, self._asked = self._pool.submit(self._hosts.read), time.monotonic()

    def _heard(self, wait: float | None) -> Told | None:
        """Return what hosts have said, in this round or in one before."""
        if self._asking is not None:
            try:
                self._told = self._asking.result(wait)
                self._asking = None
            except TimeoutError:
                pass
        return self._told
