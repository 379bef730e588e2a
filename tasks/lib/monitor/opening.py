"""Opens the pages that people look at, and says first what of them would show nothing."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

from .. import console
from ..errors import NotClosed
from ..telemetry.grafana import Grafana, Unreachable
from .world import ANSWER, World

if TYPE_CHECKING:
    from typing import Any


def dashboards(world: World) -> str:
    """Probe: Grafana has dashboards."""
    with Grafana(world.stack.grafana, ANSWER) as grafana:
        try:
            return "" if grafana.boards() else f"Grafana at {grafana.url} has no dashboards"
        except Unreachable as error:
            return str(error)


def open_pages(world: World) -> None:
    """Print where Prometheus and Grafana are, and open both in a browser, where there is one.

    Raises NotClosed (kind "datasource") where Grafana's dashboards would be empty.
    """
    for name, url in (("Prometheus", world.stack.prometheus), ("Grafana", world.stack.grafana)):
        console.say(f"{name}: {url}")
        try:
            opened = webbrowser.open(url)
        except webbrowser.Error:
            opened = False
        if not opened:
            console.warn(f"no browser could be opened for {name}: follow the link")
    if wrong := _sources(world):
        raise NotClosed(f"{wrong}.", kind="datasource", next="inv visualize")


def _sources(world: World) -> str:
    """Return why Grafana's dashboards would be empty; one that is away was told before."""
    with Grafana(world.stack.grafana, ANSWER) as grafana:
        try:
            found = [each for each in grafana.sources() if each.type == "prometheus"]
            if not found:
                return f"Grafana at {grafana.url} has no data source of the type prometheus"
            wrong: Any = grafana.source_trouble(found[0].uid)
        except Unreachable:
            return ""
    return f"Grafana's data source {found[0].name} does not work: {wrong}" if wrong else ""
