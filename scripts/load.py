"""Requests at a steady rate, each of them accounted for: what users would have seen meanwhile.

The load is open: a request is sent when it is due, whether or not earlier ones have been answered,
and its latency counts from when it was due. A service that stalls is so not asked less often.

    python scripts/load.py --rate 100 --seconds 10 http://127.0.0.1:8000/
"""

import argparse
import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import aiohttp

OK, ERROR, LOST = "ok", "error", "lost"
# The front's own answers when no release gave one (RFC 9110, 15.6.3 to 15.6.5).
NO_ANSWER = frozenset({502, 503, 504})
RELEASE = "X-Release-Id"
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    `at` and `latency` are seconds, from the load's start to when it was due and from then to the
    end of its answer. `outcome` is "ok", "error" (the service's own 4xx and 5xx) or "lost" (no
    complete answer, or 502, 503, 504); `status` is 0 without an answer. `release` is the answer's
    X-Release-Id; `torn` says that its body names another one. `reason` says why it was lost.
    """

    at: float
    url: str
    outcome: str
    status: int
    latency: float
    release: str
    torn: bool
    reason: str


@dataclass(frozen=True)
class Snapshot:
    """All requests until now: counts, latencies in seconds, and the first that were lost."""

    requests: int
    ok: int
    errors: int
    lost: int
    torn: int
    p50: float
    p95: float
    slowest: float
    releases: dict[str, int]
    statuses: dict[str, int]
    first_lost: tuple[Request, ...]


def summary(requests: Sequence[Request]) -> Snapshot:
    """Return the figures of some requests; latencies are 0 when there are none."""
    outcomes = Counter(request.outcome for request in requests)
    latencies = sorted(request.latency for request in requests) or [0.0]

    def percentile(share: float) -> float:
        return latencies[min(len(latencies) - 1, int(share * len(latencies)))]

    return Snapshot(
        requests=len(requests),
        ok=outcomes[OK],
        errors=outcomes[ERROR],
        lost=outcomes[LOST],
        torn=sum(request.torn for request in requests),
        p50=percentile(0.5),
        p95=percentile(0.95),
        slowest=latencies[-1],
        releases=dict(Counter(request.release for request in requests if request.release)),
        statuses=dict(Counter(str(request.status) for request in requests if request.status)),
        first_lost=tuple(request for request in requests if request.outcome == LOST)[:SHOWN],
    )


class Load:
    """Requests to `urls` in turn, `rate` a second, from a thread of its own.

    A request without a complete answer after `timeout` seconds is lost. `host`: the Host header,
    where it isn't the URL's. `reuse`: send several over one connection, one after another. Also a
    context manager.
    """

    def __init__(
        self,
        urls: Sequence[str],
        rate: float = 100.0,
        timeout: float = 10.0,
        host: str = "",
        reuse: bool = True,
    ) -> None:
        if not urls or rate <= 0 or timeout <= 0:
            raise ValueError("a load needs a URL, a rate and a timeout above zero")
        self._urls = tuple(urls)
        self._rate = rate
        self._timeout = timeout
        self._reuse = reuse
        self._headers = {"Host": host} if host else {}
        self._done: list[Request] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def stop(self) -> Snapshot:
        """Send no more; return the figures when the last answer is there, or is lost."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        return self.snapshot()

    def snapshot(self, since: int = 0) -> Snapshot:
        """Return the figures until now, without the first `since` requests."""
        return summary(self._done[since:])

    def __enter__(self) -> "Load":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._send())

    async def _send(self) -> None:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout)
        connector = aiohttp.TCPConnector(limit=0, force_close=not self._reuse)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=self._headers
        ) as session:
            # A second try on a new connection, unasked, would hide what the first one lost.
            session._retry_connection = False
            began, sent = time.monotonic(), 0
            async with asyncio.TaskGroup() as group:
                while not self._stop.is_set():
                    due = began + sent / self._rate
                    if (wait := due - time.monotonic()) > 0:
                        await asyncio.sleep(min(wait, 0.1))
                        continue
                    url = self._urls[sent % len(self._urls)]
                    group.create_task(self._ask(session, url, due - began, due))
                    sent += 1

    async def _ask(self, session: "aiohttp.ClientSession", url: str, at: float, due: float) -> None:
        import aiohttp

        status, release, torn, reason = 0, "", False, ""
        try:
            async with session.get(url, allow_redirects=False) as answer:
                release = answer.headers.get(RELEASE, "")
                body = await answer.read()
                status = answer.status
                torn = _names_another(body, release)
        except TimeoutError:
            reason = f"no complete answer within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError) as error:
            reason = f"{type(error).__name__}: {error}"
        if status in NO_ANSWER:
            reason = f"{status} {body[:200].decode(errors='replace').strip()}"
        outcome = LOST if reason else ERROR if status >= 400 else OK
        latency = time.monotonic() - due
        self._done.append(Request(at, url, outcome, status, latency, release, torn, reason))


def _names_another(body: bytes, release: str) -> bool:
    """Return whether a body is a JSON object that names a release, and not the header's."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and "release" in said and said["release"] != release


def _shown(figures: Snapshot) -> str:
    lines = [
        f"{figures.requests} requests, {figures.ok} ok, {figures.errors} errors of the service,"
        f" {figures.lost} lost, {figures.torn} torn",
        f"latency: half within {figures.p50 * 1000:.1f} ms, 95 % within {figures.p95 * 1000:.1f}"
        f" ms, slowest {figures.slowest * 1000:.1f} ms",
    ]
    lines += [f"{count} from {release}" for release, count in figures.releases.items()]
    lines += [f"lost at {r.at:.3f} s: {r.url}: {r.reason}" for r in figures.first_lost]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Send a load and print its figures; return 0, or 1 when a request was lost or torn."""
    parser = argparse.ArgumentParser(prog="load.py", description="Send requests at a steady rate.")
    parser.add_argument("urls", nargs="+", metavar="URL", help="asked in turn")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (100)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for an answer (10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)
    try:
        load = Load(given.urls, given.rate, given.timeout)
    except ValueError as error:
        parser.error(str(error))
    load.start()
    try:
        time.sleep(given.seconds)
    except KeyboardInterrupt:
        pass  # the figures until now are worth printing
    figures = load.stop()
    told: dict[str, Any] = asdict(figures)
    print(json.dumps(told) if given.json else _shown(figures))
    return 1 if figures.lost or figures.torn else 0


if __name__ == "__main__":
    sys.exit(main())
