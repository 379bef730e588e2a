"""A service that says hello: Python alone, on the socket that it is started with."""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer


def answer(path: str) -> tuple[int, dict[str, str]]:
    """Return the status and the body for a path."""
    if path == "/":
        return 200, {"hello": "world"}
    if path == "/api/health":
        return 200, {"status": "ok"}
    if path == "/api/version":
        return 200, {"release": os.environ.get("RELEASE_ID", "")}
    return 404, {"detail": "there is nothing here"}


class Handler(BaseHTTPRequestHandler):
    """Answers, and logs no request: the front does."""

    def do_GET(self) -> None:
        status, body = answer(self.path)
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def address_string(self) -> str:
        return "-"  # a socket in the file system has no address

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingMixIn, UnixStreamServer):
    """A thread a request; those under way are finished before it ends."""

    daemon_threads = False
    request_queue_size = 2048


def main() -> None:
    """Serve until TERM."""
    server = Server(sys.argv[1], Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
