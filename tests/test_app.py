"""The life of the service: a real server on a real socket, from its start to its graceful end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
# Relative to the release's directory, as on a host: the whole path may hold about 100 bytes.
SOCKET = "run/app.sock"
RELEASE = {"VERSION": "v1", "COMMIT": "c0ffee", "RELEASE_ID": "20260101T000000Z-v1-c0ffee"}

# The service itself, with a route that answers when the test lets it.
SLOW = """
import asyncio, pathlib
from server.main import app

@app.get("/slow")
async def slow() -> str:
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
    return "as whole as any other"
"""


class Connection(http.client.HTTPConnection):
    """A connection to the unix socket in a release's directory."""

    def __init__(self, directory: Path) -> None:
        """Be ready to connect; nothing is opened yet."""
        super().__init__("localhost", timeout=60)
        self._directory = directory

    def connect(self) -> None:
        """Open it by a short way, for the test's directory may have a long name."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with working_directory(self._directory):
            self.sock.connect(SOCKET)


@contextmanager
def working_directory(directory: Path) -> Iterator[None]:
    """Be in `directory` for a moment."""
    before = os.getcwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def ask(directory: Path, path: str) -> tuple[int, dict[str, str], Any]:
    """GET `path` on a connection of its own; return status, headers, and what the JSON holds."""
    connection = Connection(directory)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), json.loads(response.read())
    finally:
        connection.close()


def until(holds: Callable[[], bool], service: subprocess.Popen[bytes]) -> None:
    """Wait until something holds, as long as a test may take, while the service is alive."""
    while not holds():
        assert service.poll() is None, "the service has ended; its log is below"
        time.sleep(0.02)


def answers(directory: Path) -> bool:
    """Tell whether somebody accepts connections on the socket."""
    try:
        return ask(directory, "/api/health")[0] == 200
    except (OSError, http.client.HTTPException):  # not there yet, or being closed
        return False


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return what starts an application in `tmp_path` as a host does, and waits for its health."""
    started: list[subprocess.Popen[bytes]] = []
    command = [sys.executable, "-m", "uvicorn", "--uds", SOCKET, "--no-access-log"]
    environ = {**os.environ, **RELEASE, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    log = tmp_path / "log"

    def start(application: str = "server.main:app") -> subprocess.Popen[bytes]:
        (tmp_path / "run").mkdir(exist_ok=True)
        with log.open("ab") as output:
            service = subprocess.Popen(
                [*command, application], cwd=tmp_path, env=environ, stdout=output, stderr=output
            )
        started.append(service)
        until(lambda: answers(tmp_path), service)
        return service

    yield start
    for service in started:
        service.kill()
        service.wait()
    print(log.read_text())


def test_it_serves_on_a_socket_with_a_relative_path(start: Start, tmp_path: Path) -> None:
    start()
    status, headers, body = ask(tmp_path, "/api/version")
    assert status == 200
    assert headers["x-release-id"] == body["release"] == RELEASE["RELEASE_ID"]
    assert (body["version"], body["commit"]) == ("v1", "c0ffee")


def test_term_ends_it_cleanly(start: Start, tmp_path: Path) -> None:
    service = start()
    service.send_signal(signal.SIGTERM)
    # Having stopped in order, the server may still end itself by the signal that it was sent.
    assert service.wait() in (0, -signal.SIGTERM)
    output = (tmp_path / "log").read_text()
    assert f"is started as release {RELEASE['RELEASE_ID']}" in output
    assert "has answered its last request" in output
    assert "Traceback" not in output


def test_a_request_in_flight_is_answered_before_the_end(start: Start, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    service = start("slow:app")
    connection = Connection(tmp_path)
    connection.request("GET", "/slow")
    until(lambda: ask(tmp_path, "/api/metrics")[2]["requests"]["in_flight"] == 2, service)

    service.send_signal(signal.SIGTERM)
    until(lambda: not answers(tmp_path), service)  # no new ones are accepted
    (tmp_path / "go").touch()
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())) == (200, "as whole as any other")
    assert response.headers["x-release-id"] == RELEASE["RELEASE_ID"]
    connection.close()

    assert service.wait() in (0, -signal.SIGTERM)
    output = (tmp_path / "log").read_text()
    assert output.index("is started") < output.index("has answered its last request")


def test_an_idle_connection_does_not_hold_up_the_end(start: Start, tmp_path: Path) -> None:
    service = start()
    idle = Connection(tmp_path)
    idle.request("GET", "/")
    idle.getresponse().read()  # answered, and kept open
    service.send_signal(signal.SIGTERM)
    assert service.wait() in (0, -signal.SIGTERM)
    idle.close()


def test_it_starts_where_an_instance_that_was_killed_left_its_socket(
    start: Start, tmp_path: Path
) -> None:
    killed = start()
    killed.kill()
    killed.wait()
    assert (tmp_path / SOCKET).is_socket()
    assert not answers(tmp_path)
    start()
    assert ask(tmp_path, "/")[0] == 200
