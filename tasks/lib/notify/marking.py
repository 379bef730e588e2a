"""An event as a mark on the boards: what was live since when is then seen in every graph."""

from __future__ import annotations

import html

from .event import Event, headline
from .sending import Job


def tags(event: Event) -> list[str]:
    """Return what dashboards choose marks by: "deploy" or "rollback", where, and of what."""
    return [event.kind, event.environment, event.app]


def job(event: Event, grafana: str, limit: float) -> Job:
    """Return what marks `event`, from its begin to its end, in the Grafana at `grafana` (a URL)."""

    def mark() -> str:
        from ..telemetry.grafana import Grafana, Unreachable

        # Grafana shows marks as HTML.
        said = html.escape("\n".join(filter(None, (headline(event), event.why))), quote=False)
        try:
            with Grafana(grafana, limit) as open_:
                open_.annotate(said, tags(event), event.at, event.at + event.seconds)
        except Unreachable as error:
            return str(error).rstrip(".")
        return ""

    return mark
