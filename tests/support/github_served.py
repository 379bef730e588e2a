"""Serve what tests/support/github.py answers, and git beside it, as GitHub does: over HTTPS."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.authority import Authority
from tests.support.github import NAME, TOKEN, Asked, GitHub, answer

# What git says with a token, as gh tells it to (RFC 7617).
LOGIN = f"Basic {base64.b64encode(f'x-access-token:{TOKEN}'.encode()).decode()}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: GitHub

    def log_message(self, *_: object) -> None: ...

    def _handle(self) -> None:
        url = urlsplit(self.path)
        body = self._body()
        if url.path.startswith(f"/{NAME}.git/"):
            if self.hub.private and self.headers.get("Authorization") != LOGIN:
                return self._give(401, None, {"WWW-Authenticate": 'Basic realm="GitHub"'})
            return self._git(url.path, url.query, body)
        query = {name: said[0] for name, said in parse_qs(url.query).items()}
        asked = Asked(self.command, url.path, query, _read(self.headers, body))
        self.hub.asked.append(asked)
        for (method, expression), (status, message) in list(self.hub.failing.items()):
            if method == self.command and re.search(expression, url.path):
                if not status:
                    self.close_connection = True
                    return None
                told = message if isinstance(message, bytes) else {"message": message}
                return self._give(status, told)
        if self.headers.get("Authorization") != f"token {TOKEN}":
            return self._give(401, {"message": "Bad credentials"})
        status, told = answer(self.hub, asked)
        if isinstance(told, list):
            return self._page(told, asked)
        for key in ("check_runs", "statuses"):
            if isinstance(told, dict) and key in told:
                return self._page(told[key], asked, key)
        self._give(status, told)

    def _body(self) -> bytes:
        """Return the request's body, also where its length is not told before it (RFC 9112)."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _page(self, told: Any, asked: Asked, key: str = "") -> None:
        """Give a part of a list; key: where it is in an object."""
        size = min(int(asked.query.get("per_page", 30)), self.hub.page)
        page = int(asked.query.get("page", 1))
        more = {}
        if len(told) > page * size:
            base = f"https://{self.hub.host}{asked.path}?per_page={size}"
            more["Link"] = f'<{base}&page={page + 1}>; rel="next", <{base}&page=9>; rel="last"'
        part = told[(page - 1) * size : page * size]
        self._give(200, {"total_count": len(told), key: part} if key else part, more)

    def _give(self, status: int, told: Any, more: dict[str, str] | None = None) -> None:
        content = told if isinstance(told, bytes) else b"" if told is None else _dumped(told)
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(told, bytes) else "application/json"
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), **(more or {})}
        for name, said in headers.items():
            self.send_header(name, said)
        self.end_headers()
        self.wfile.write(content)

    def _git(self, path: str, query: str, body: bytes) -> None:
        """Have git's own CGI program answer (git-http-backend(1))."""
        variables = {
            "GIT_PROJECT_ROOT": str(self.hub.bare.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{self.hub.bare.name}{path.removeprefix(f'/{NAME}.git')}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "jane",
            "REMOTE_ADDR": "127.0.0.1",
        }
        done = subprocess.run(
            ["git", "http-backend"],
            input=body,
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        said = dict(lines)
        self.send_response(int(said.pop("Status", "200").split()[0]))
        for name, value in {**said, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _handle


def known(patch: pytest.MonkeyPatch, hub: GitHub, authority: Authority, config: Path) -> None:
    """Have git and gh, with a login in the environment alone, know and trust the server."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_ENTERPRISE_TOKEN", "GH_REPO"):
        patch.delenv(name, raising=False)
    patch.setenv("GH_HOST", hub.host)
    patch.setenv("GH_ENTERPRISE_TOKEN", TOKEN)
    patch.setenv("GH_CONFIG_DIR", str(config))
    patch.setenv("SSL_CERT_FILE", str(authority.file))
    patch.setenv("GIT_SSL_CAINFO", str(authority.file))


def _read(headers: Any, body: bytes) -> Any:
    return json.loads(body) if body and "json" in headers.get("Content-Type", "json") else body


def _dumped(told: Any) -> bytes:
    return json.dumps(told).encode()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...  # who asks may be killed by a test


@contextmanager
def serve(bare: Path, authority: Authority) -> Iterator[GitHub]:
    """Serve on a free loopback port until the block ends; `bare` is the git repository there."""
    hub = GitHub(bare)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    server.socket = authority.context().wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    hub.host = f"localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
