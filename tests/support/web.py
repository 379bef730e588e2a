"""A real web server for tests of those who ask: each path's answer is told beforehand."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a path gives: after `wait` seconds, `status` and `body`."""

    status: int = 200
    body: str = ""
    wait: float = 0.0
    to: str = ""  # Location, of a redirect


@dataclass
class Site:
    """Where the server is, what it was asked: (path, Host header), and what it was sent as JSON."""

    url: str
    answers: dict[str, Answer]
    asked: list[tuple[str, str]] = field(default_factory=list)
    posted: list[tuple[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)  # of each that was asked


@contextmanager
def serve(answers: Mapping[str, Answer]) -> Iterator[Site]:
    """Serve on a free loopback port until the block ends; what isn't told is 404."""
    site = Site("", dict(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Content-Type") == "application/json":
                site.posted.append((self.path, json.loads(body)))
            self.do_GET()

        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("Host", "")))
            site.headers.append(dict(self.headers))
            answer = site.answers.get(self.path, Answer(404))
            time.sleep(answer.wait)
            body = answer.body.encode()
            try:
                self.send_response(answer.status)
                self.send_header("Content-Length", str(len(body)))
                if answer.to:
                    self.send_header("Location", answer.to)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # who asked did not wait

    with served(Handler) as site.url:
        yield site


@contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """Have `handler` answer on a free loopback port until the block ends; yield its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
