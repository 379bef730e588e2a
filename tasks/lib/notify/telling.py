"""A deploy or rollback with its notifications around it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from .. import console
from ..errors import Interrupted, NotClosed, Trouble
from ..journal import who
from .event import BEGUN, Event, board, outcome
from .marking import job
from .sending import Delivery, jobs

if TYPE_CHECKING:
    from ..rollout import Rollout
    from ..settings import Environment, Settings


@contextmanager
def told(settings: Settings, environment: Environment, rollout: Rollout) -> Iterator[None]:
    """Tell of `rollout`, which is carried out inside: that it ended, if wanted that it begins.

    A run that was refused before it had a plan has not begun, and nobody is told. What can't be
    told is warned of; whatever becomes of it, the run ends as it would have.
    """
    telling = Telling(settings, environment, rollout)
    rollout.begun = telling.begun
    try:
        yield
    except Trouble as error:
        telling.ended(error)
        raise
    except Exception as error:  # a bug of ours: the hosts settle by themselves, and people may ask
        telling.ended(NotClosed(f"{type(error).__name__} in the recipes."))
        raise
    telling.ended(None)


class Telling:
    """What is told of one run, and to whom."""

    def __init__(self, settings: Settings, environment: Environment, rollout: Rollout) -> None:
        self._settings, self._environment, self._rollout = settings, environment, rollout
        self._on = settings.notify.of(environment.name)
        self._at, self._since = time.time(), time.monotonic()
        self._first: Delivery | None = None

    def begun(self) -> None:
        """Tell that it begins, where that is wanted; waits for nobody."""
        if self._on and self._settings.notify.begun:
            self._first = self._deliver(self._event(BEGUN, self._rollout.detail(BEGUN)))

    def ended(self, error: Trouble | None) -> None:
        """Tell how it ended; `error` is what it ends by, None for well. Raises nothing.

        Whom to call is put below the error, where somebody may have to be.
        """
        try:
            if error is not None and (contacts := self._contacts(error)):
                lines = [f"  {role}: {reached}" for role, reached in contacts.items()]
                error.evidence = "\n".join(filter(None, (error.evidence, "Call:", *lines)))
            if self._rollout.plan is not None:
                detail = dict(getattr(error, "detail", {})) or self._rollout.detail("")
                self._tell(self._event(outcome(self._rollout.kind, error, detail), detail, error))
        except KeyboardInterrupt:
            console.warn("the notifications were not waited for")
        except Exception as bug:
            console.warn(f"nobody was told of this {self._rollout.kind} ({type(bug).__name__})")

    def _tell(self, event: Event) -> None:
        limit = self._settings.notify.limit
        until = time.monotonic() + limit
        wrong = self._first.ended(limit) if self._first else {}
        late = self._deliver(event, self._environment.observability.grafana)
        wrong |= late.ended(max(0.1, until - time.monotonic()))
        for name, said in wrong.items():
            console.warn(f"{name} was not told of this {event.kind}: {said}")

    def _deliver(self, event: Event, grafana: str = "") -> Delivery:
        """Begin to tell `event`; the boards at `grafana` (a URL) are marked, wherever it is."""
        limit = self._settings.notify.limit
        found = jobs(event, limit) if self._on else {}
        return Delivery(found | ({"Grafana": job(event, grafana, limit)} if grafana else {}))

    def _event(self, ended: str, detail: Mapping[str, Any], error: Trouble | None = None) -> Event:
        settings, environment, rollout = self._settings, self._environment, self._rollout
        grafana = environment.observability.grafana
        watch = detail.get("watch") or {}
        return Event(
            kind=rollout.kind,
            app=settings.app,
            environment=environment.name,
            outcome=ended,
            version=detail["version"],
            commit=detail["commit"],
            before=detail["from"],
            release=detail["release"],
            hosts=tuple(rollout.names),
            who=who(),
            seconds=time.monotonic() - self._since,
            at=self._at,
            why=str(error) if error else str(watch.get("why", "")),
            reason=str(detail.get("reason", "")),
            approved_by=str(detail.get("approved_by", "")),
            forced=tuple(detail.get("forced", ())),
            fixes=tuple(detail.get("fixes", ())),
            board=board(grafana, settings.notify.board, environment.name, self._at),
            contacts=self._contacts(error),
        )

    def _contacts(self, error: Trouble | None) -> Mapping[str, str]:
        """Return whom to call: where the way out of trouble is itself in trouble."""
        lost = self._rollout.kind == "rollback" and error is not None
        if not lost or isinstance(error, Interrupted):
            return {}
        from ..alert.contacts import lines

        return lines(self._settings.contacts)
