"""What is counted about requests, and the wrapper that sees each of them."""

from collections import Counter, deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

WINDOW = 1024
"""Number of latest requests that the latencies are taken from."""


class Observer(Protocol):
    """Who is told of each request.

    Metrics and traces for a system outside of the service are another one of these.
    """

    def began(self, scope: Scope) -> None:
        """Hear that the request which `scope` describes has arrived."""

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """Hear that it is over: the status sent (500 where none was) and the time that it took."""


class Meter:
    """The numbers that /api/metrics shows."""

    def __init__(self) -> None:
        """Begin at zero, now."""
        self._began = monotonic()
        self._in_flight = 0
        self._by_status: Counter[int] = Counter()
        self._latest: deque[float] = deque(maxlen=WINDOW)

    def began(self, scope: Scope) -> None:
        """Count a request in."""
        self._in_flight += 1

    def ended(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request out."""
        self._in_flight -= 1
        self._by_status[status] += 1
        self._latest.append(seconds)

    def snapshot(self) -> dict[str, Any]:
        """Return the numbers so far, times in seconds.

        A request is in the total once it has been answered, and in flight until then.
        """
        latest = sorted(self._latest)
        return {
            "uptime_seconds": round(monotonic() - self._began, 3),
            "requests": {
                "total": self._by_status.total(),
                "by_status": {str(status): n for status, n in sorted(self._by_status.items())},
                "in_flight": self._in_flight,
            },
            "latency_seconds": {
                "p50": percentile(latest, 0.50),
                "p95": percentile(latest, 0.95),
                "p99": percentile(latest, 0.99),
                "samples": len(latest),
            },
        }


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest of `ordered` that at least `share` of them do not exceed, or None.

    `ordered` is ascending, `share` from 0 to 1 in steps of a thousandth. This is the nearest-rank
    definition: what is returned is always one of the measured values.
    """
    if not ordered:
        return None
    # ceil(share * n) in whole numbers: as floats, 0.07 * 100 is a little more than 7.
    rank = -(-round(share * 1000) * len(ordered) // 1000)
    return round(ordered[max(rank, 1) - 1], 6)


class Observed:
    """An application whose every response names its release.

    Its observers are told of every request, whatever becomes of it.
    """

    def __init__(self, app: ASGIApp, release_id: str, observers: Sequence[Observer]) -> None:
        """Wrap `app`; `observers` is read at each request, so that one may be added later."""
        self._app = app
        self._header = (b"x-release-id", release_id.encode("latin-1", "replace"))
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is no HTTP request (the life cycle) is only passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), self._header]}
            await send(message)

        began = monotonic()
        for observer in self._observers:
            observer.began(scope)
        try:
            await self._app(scope, receive, send_named)
        finally:
            seconds = monotonic() - began
            for observer in self._observers:
                observer.ended(scope, status, seconds)
