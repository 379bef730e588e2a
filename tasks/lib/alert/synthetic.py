"""Requests that never were, told to the collector as the service tells of its own: for a drill.

Source: https://opentelemetry.io/docs/specs/otlp/ (JSON Protobuf encoding, a cumulative histogram).
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from .. import console
from ..errors import Refused
from ..telemetry import otlp

if TYPE_CHECKING:
    from .world import World

INSTANCE = "drill"
RATE = 20  # requests that each export tells of
LIMIT = 5.0  # seconds for the collector to take it
# As the service's own, of OpenTelemetry's semantic conventions.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
CUMULATIVE = 2


@contextmanager
def sent(world: World, status: int, seconds: float) -> Iterator[None]:
    """Tell of requests that were answered with `status` after `seconds`, until the block ends.

    Raises Refused where the collector doesn't take it.
    """
    about = {
        "service.name": world.settings.app,
        "service.instance.id": INSTANCE,
        "deployment.environment.name": world.environment.name,
    }
    sender = _Sender(f"{world.places.otlp}/v1/metrics", about, status, seconds)
    if wrong := sender.export():
        raise Refused(f"The collector at {world.places.otlp} {wrong}: run `inv monitor.doctor`.")
    every = world.environment.observability.export
    console.say(
        f"  Requests that never were are told to {world.places.otlp}: {status} after {seconds:g} s."
    )
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(every, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LIMIT)
        console.say("  No more are told of; the collector forgets them by itself.")


class _Sender:
    def __init__(self, url: str, about: Mapping[str, str], status: int, seconds: float) -> None:
        self._url, self._about, self._status, self._seconds = url, about, status, seconds
        self._began, self._count = time.time(), 0

    def run(self, every: float, stop: threading.Event) -> None:
        """Export every so many seconds until `stop` is set; one that fails is left out."""
        while not stop.wait(every):
            self.export()

    def export(self) -> str:
        """Tell of more requests; return "", or what is wrong."""
        import requests

        self._count += RATE
        session = requests.Session()
        session.trust_env = False
        try:
            answer = session.post(self._url, json=self.body(time.time()), timeout=LIMIT)
        except requests.RequestException as error:
            return f"did not answer ({type(error).__name__})"
        finally:
            session.close()
        return "" if answer.ok else f"answered {answer.status_code}"

    def body(self, now: float) -> dict[str, Any]:
        """Return what is exported at `now` (Unix time)."""
        buckets = [0] * (len(BOUNDS) + 1)
        buckets[bisect_left(BOUNDS, self._seconds)] = self._count
        code = {"key": "http.response.status_code", "value": {"intValue": str(self._status)}}
        labels = {"http.request.method": "GET", "http.route": "/drill"}
        point = {
            "startTimeUnixNano": str(int(self._began * 10**9)),
            "timeUnixNano": str(int(now * 10**9)),
            "count": str(self._count),
            "sum": self._count * self._seconds,
            "bucketCounts": [str(each) for each in buckets],
            "explicitBounds": list(BOUNDS),
            "attributes": [*otlp.attributes(labels), code],
        }
        histogram = {"aggregationTemporality": CUMULATIVE, "dataPoints": [point]}
        metric = {"name": "http.server.request.duration", "unit": "s", "histogram": histogram}
        return otlp.request(self._about, "circle.drill", [metric])
