"""What the alerts of an environment rest on, read before anything is judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

from invoke.context import Context

from .. import config, journal, project
from ..telemetry.alertmanager import Alertmanager
from ..telemetry.alertmanager import Unanswered as Untold
from ..telemetry.flows import reach
from ..telemetry.prometheus import Prometheus, Unanswered
from ..telemetry.settings import Stack
from . import receivers, rules

if TYPE_CHECKING:
    from ..settings import Environment, Settings
    from ..telemetry.alertmanager import Alert
    from ..telemetry.prometheus import Value
    from .receivers import Receiver
    from .rules import Rule


class World(NamedTuple):
    """Prometheus's rules and Alertmanager's receivers, and what could not be read of them.

    environment: what `--env` or the default says. wrong: by "prometheus" and "alertmanager", why
    nothing is known of it. measured: by rule, what its expression gives. known: the alerts that
    Alertmanager has. counters: see `Alertmanager.counters`. pages: the names of the alerts that
    have one. entries: of this clone's journal, those of alert's own tasks. at: Unix time of
    reading.
    """

    settings: Settings
    environment: Environment
    root: Path
    places: Stack
    wrong: Mapping[str, str]
    rules: tuple[Rule, ...]
    measured: Mapping[str, tuple[Value, ...]]
    up: tuple[Value, ...]
    receivers: tuple[Receiver, ...]
    known: tuple[Alert, ...]
    counters: Mapping[tuple[str, str, str], float]
    pages: frozenset[str]
    entries: tuple[Mapping[str, Any], ...]
    at: float


def read(c: Context, env: str) -> World:
    """Return the world; that Prometheus or Alertmanager is away is part of it. Raises Refused."""
    import time

    settings, root = config.load(c), project.root(c)
    environment = settings.environment(env)
    where = reach(settings, environment, root)
    wrong: dict[str, str] = {}
    found: dict[str, Any] = {
        **{key: () for key in ("rules", "up", "receivers", "known")},
        **{key: {} for key in ("measured", "counters")},
    }
    try:
        with Prometheus(where.prometheus) as asked:
            found |= _prometheus(asked, settings.app)
    except Unanswered as error:
        wrong["prometheus"] = str(error).rstrip(".")
    try:
        with Alertmanager(where.alertmanager) as told:
            found |= _alertmanager(told, secrets(settings, where, root))
    except Untold as error:
        wrong["alertmanager"] = str(error).rstrip(".")
    pages = frozenset(page.stem for page in (root / settings.alert.pages).glob("*.md"))
    entries = tuple(journal.content(journal.where(root), ['"alert.']).entries)
    return World(
        settings, environment, root, where, wrong, pages=pages, entries=entries, at=time.time(),
        **found,
    )  # fmt: skip


def _prometheus(asked: Prometheus, app: str) -> dict[str, Any]:
    from ..telemetry.prometheus import matching

    loaded = rules.read(asked)
    up = asked.query("up" + matching({"job": app}))
    return {"rules": loaded, "measured": rules.measured(asked, loaded), "up": up}


def _alertmanager(told: Alertmanager, own: Path | None) -> dict[str, Any]:
    original = told.status()["config"]["original"]
    found = receivers.read(original, own)
    return {"receivers": found, "known": told.alerts(), "counters": told.counters()}


def secrets(settings: Settings, where: Stack, root: Path) -> Path | None:
    """Return where the secrets of the Alertmanager at `where` are, None where that is not here."""
    here = where.alertmanager == settings.stack.alertmanager.rstrip("/")
    folder = root / settings.alert.directory / "secrets"
    return folder if here and folder.is_dir() else None
