"""Stands in for a collector with services behind it: what their SDK would have counted by now.

Rates and shares are exact, so that a test knows what Prometheus has to find.
"""

from __future__ import annotations

import http.server
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.support.web import served

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


@dataclass
class Instance:
    """One instance of a release: requests a second, the share of 500s, seconds for each request."""

    environment: str
    release: str
    host: str
    rate: float = 60.0
    errors: float = 0.0
    seconds: float = 0.012
    job: str = "pi-forge"
    in_flight: int = 2
    began: float = field(default_factory=time.monotonic)

    def lines(self) -> Iterator[str]:
        """Yield its series as of now."""
        about = f'job="{self.job}",instance="{self.host}-{self.release}",host="{self.host}"'
        about += f',environment="{self.environment}",release="{self.release}"'
        count = self.rate * (time.monotonic() - self.began)
        name = "http_server_request_duration_seconds"
        for status, share in (("200", 1 - self.errors), ("500", self.errors)):
            if not share:
                continue
            own = f'{about},http_route="/",http_response_status_code="{status}"'
            for bound in (*BOUNDS, "+Inf"):
                within = int(count * share) if float(bound) >= self.seconds else 0
                yield f'{name}_bucket{{{own},le="{bound}"}} {within}'
            yield f"{name}_count{{{own}}} {int(count * share)}"
            yield f"{name}_sum{{{own}}} {count * share * self.seconds}"
        yield f"http_server_active_requests{{{about}}} {self.in_flight}"


@dataclass
class Exporter:
    """Where it is (host:port), and what it tells of; both sorts of path give the same."""

    address: str = ""
    instances: list[Instance] = field(default_factory=list)
    stop: Callable[[], None] = lambda: None


@contextmanager
def serve() -> Iterator[Exporter]:
    """Run until the block ends."""
    exporter = Exporter()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            lines = [line for each in exporter.instances for line in each.lines()]
            # The series of one name have to be together.
            body = "".join(f"{line}\n" for line in sorted(lines)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ExitStack() as running:
        url = running.enter_context(served(Handler))
        exporter.address = url.removeprefix("http://")
        exporter.stop = running.close  # a second time does nothing
        yield exporter
