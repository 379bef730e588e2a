"""A collector that is away, hangs or answers 503 costs the service no request and no time."""

import http.client
import signal
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.telemetry import LAST
from tests.support import flow
from tests.support.flow import Served
from tests.support.observed import port

ROUNDS, REQUESTS = 7, 60
# Were anybody to wait for an export, it would be for longer than this test may take.
NEVER = {"OTEL_EXPORTER_OTLP_TIMEOUT": "600", "OTEL_METRIC_EXPORT_INTERVAL": "100"}
NEVER |= {"OTEL_BSP_SCHEDULE_DELAY": "100"}


class Busy(BaseHTTPRequestHandler):
    """A collector that has no room."""

    status = 503

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Well(Busy):
    """A collector that takes all it is sent."""

    status = 200


@contextmanager
def collector(kind: str) -> Iterator[str]:
    """Yield the URL of one that is well, away, hangs or is busy."""
    if kind == "away":
        yield f"http://127.0.0.1:{port()}"
    elif kind == "hangs":
        with socket.create_server(("127.0.0.1", 0)) as server:  # connects, and says nothing
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
    else:
        handler = Busy if kind == "busy" else Well
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()
            thread.join()


def took(served: Served) -> float:
    """Return the seconds that a request takes on a connection that is open, one after the other."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)
    connection.connect()
    began = time.perf_counter()
    for _ in range(REQUESTS):
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200 and response.read()
    seconds = (time.perf_counter() - began) / REQUESTS
    connection.close()
    return seconds


def ending(served: Served) -> float:
    """End a service by TERM, and return the seconds until it is gone."""
    began = time.perf_counter()
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) in (0, -signal.SIGTERM)
    return time.perf_counter() - began


@pytest.mark.parametrize("kind", ["away", "hangs", "busy"])
def test_it_costs_no_request_and_no_time(tmp_path: Path, kind: str) -> None:
    with ExitStack() as stack:
        heard, unheard = (
            stack.enter_context(
                flow.service(tmp_path, stack.enter_context(collector(each)), **NEVER)
            )
            for each in ("well", kind)
        )
        both = [(took(heard), took(unheard)) for _ in range(ROUNDS)]
        usual, now = (statistics.median(times) for times in zip(*both, strict=True))
        ended = ending(heard), ending(unheard)
    print(f"{kind}: a request {now / usual:.2f} times the usual, the end {ended[1]:.2f} s")
    assert now < 2 * usual
    # It waits for a second at most to be rid of the last; the exporter itself would for 600.
    assert ended[1] < ended[0] + 5 * LAST
    log = unheard.log.read_text()
    assert "has answered its last request" in log and "Traceback" not in log
    assert log.count("WARNING") <= 4 and '"ERROR"' not in log
