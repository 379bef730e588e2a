"""The types of what the configuration says of telemetry, and what is unsound in it."""

from __future__ import annotations

import re
from typing import Iterator

from ..duration import Seconds
from ..strict import Strict

ADDRESSES = (
    "prometheus",
    "alertmanager",
    "grafana",
    "otlp",
    "collector",
    "collector_metrics",
    "collector_health",
)


class Stack(Strict, frozen=True):
    """The stack on this machine (docker-compose.yml): where each of its programs is reached.

    All are base URLs. otlp: where the service sends to (OTLP over HTTP). recipes: where the recipes
    themselves do. collector: its own metrics. collector_metrics: what it shows of services.
    collector_health: its health check.
    """

    prometheus: str = "http://127.0.0.1:9090"
    alertmanager: str = "http://127.0.0.1:9093"
    grafana: str = "http://127.0.0.1:3000"
    otlp: str = "http://127.0.0.1:4318"
    recipes: str = "http://127.0.0.1:4320"
    collector: str = "http://127.0.0.1:8888"
    collector_metrics: str = "http://127.0.0.1:8889"
    collector_health: str = "http://127.0.0.1:13133"


class Observability(Strict, frozen=True):
    """Where an environment's telemetry is; "" is the stack on this machine (`stack`).

    host: where `inv preaggregate` starts the environment's own stack, as user@host; "" is here.
    watch: whether a deploy's watch asks `prometheus` beside its own probes. minimum: requests below
    which that is no data. export, scrape: seconds between two of the service's exports and two of
    Prometheus's scrapes, which is how late it knows of anything.
    """

    prometheus: str = ""
    alertmanager: str = ""
    grafana: str = ""
    otlp: str = ""
    collector: str = ""
    collector_metrics: str = ""
    collector_health: str = ""
    host: str = ""
    watch: bool = False
    minimum: int = 20
    export: Seconds = Seconds(15)
    scrape: Seconds = Seconds(15)


def places(stack: Stack, own: Observability) -> Stack:
    """Return where an environment's programs are reached: its own, else those on this machine."""
    said = {key: getattr(own, key) or getattr(stack, key) for key in ADDRESSES}
    return Stack(recipes=stack.recipes, **{key: url.rstrip("/") for key, url in said.items()})


def faults(stack: Stack) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound address of the stack: its key, what was expected, and the value."""
    for key in (*ADDRESSES, "recipes"):
        if not _http(value := getattr(stack, key)):
            yield key, _EXPECTED, value


def own_faults(own: Observability) -> Iterator[tuple[str, str, object]]:
    """Yield the same for what an environment says."""
    for key in ADDRESSES:
        if (value := getattr(own, key)) and not _http(value):
            yield f"observability.{key}", _EXPECTED, value
    for key in ("export", "scrape"):
        if getattr(own, key) <= 0:
            yield f"observability.{key}", "more than 0s", getattr(own, key)
    if own.minimum < 1:
        yield "observability.minimum", "at least 1", own.minimum
    if own.watch and not own.prometheus:
        yield "observability.watch", "false where no observability.prometheus is named", True


_EXPECTED = "a URL that begins with http:// or https://"


def _http(value: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s/?#\x00-\x1f]+[^\s\x00-\x1f?#]*", value))
