"""
The front speaks HTTP as nginx does in front of users. Real sockets, a real service, one real host.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tasks.lib.sandbox.daemon import bind
from tasks.lib.sandbox.front import Front
from tests.lib.sandbox.site import SERVICE, until


class Door:
    """A front in a thread, in a process whose directory is the host's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.services: list[subprocess.Popen[bytes]] = []
        self.sock = bind(0)
        self.port = self.sock.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.started = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))
        self.thread.start()
        assert self.started.wait(10)

    async def run(self) -> None:
        self.loop, self.end = asyncio.get_running_loop(), asyncio.Event()
        front = Front(read_limit=0.5)
        await front.start(self.sock)
        self.started.set()
        await self.end.wait()
        await front.stop()

    def serve(self, release: str) -> Path:
        directory = self.home / "srv" / "releases" / release
        (directory / "run").mkdir(parents=True)
        argv = [sys.executable, "-c", SERVICE, release]
        self.services.append(subprocess.Popen(argv, cwd=directory))
        until((directory / "ready").exists)
        return directory

    def switch(self, release: str) -> None:
        link = self.home / "srv" / f"current.{release}"
        link.symlink_to(f"releases/{release}")
        link.rename(link.with_name("current"))

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.end.set)
        self.thread.join(10)
        for service in self.services:
            service.kill()
            service.wait()

    def get(self, path: str = "/", **options: object) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url + path, timeout=20, **options)  # type: ignore[arg-type]


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    # Longer than a unix socket's path may be: the front's is relative, and so are the tests'.
    home = tmp_path / ("a directory with a long name " * 4)
    (home / "srv").mkdir(parents=True)
    before = os.getcwd()
    os.chdir(home)
    made = Door(home)
    yield made
    made.stop()
    os.chdir(before)


def test_without_a_release_it_is_unavailable(door: Door, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        assert door.get().status_code == 503
    assert capfd.readouterr().out == "front: 503: no release is current\n"  # once, not thrice


def test_a_current_that_points_nowhere_is_unavailable(door: Door) -> None:
    door.switch("gone")
    assert door.get().status_code == 503


def test_a_release_that_does_not_listen_is_a_bad_gateway(door: Door) -> None:
    directory = door.serve("one")
    door.switch("one")
    door.services[0].kill()
    door.services[0].wait()
    assert door.get().status_code == 502  # the socket is there and refuses
    (directory / "run" / "app.sock").unlink()
    assert door.get().status_code == 502  # and when it is not even there


def test_a_request_is_passed_on_as_it_is(door: Door) -> None:
    door.serve("one")
    door.switch("one")
    sent = {"Host": "my.example.com", "X-Mine": "1", "Accept": "x/y", "User-Agent": "me"}
    answer = door.get("/a%2Fb/%C3%BC?q=1&q=%20", headers={**sent, "X-Forwarded-For": "10.0.0.9"})
    assert answer.status_code == 200 and answer.headers["X-Release-Id"] == "one"
    said = answer.json()
    assert said["path"] == "/a%2Fb/%C3%BC?q=1&q=%20" and said["method"] == "GET"
    assert said["headers"] | {key.lower(): value for key, value in sent.items()} == said["headers"]
    assert said["headers"]["connection"] == "close"
    assert said["headers"]["x-real-ip"] == "127.0.0.1"
    assert said["headers"]["x-forwarded-for"] == "10.0.0.9, 127.0.0.1"


def test_what_concerns_one_connection_is_not_passed_on(door: Door) -> None:
    door.serve("one")
    door.switch("one")
    hop = {"Connection": "keep-alive, X-Own", "X-Own": "1", "TE": "trailers", "Upgrade": "x"}
    said = door.get(headers=hop).json()["headers"]
    assert not {"x-own", "te", "upgrade", "accept-language"} & set(said)
    assert said["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize("streamed", [False, True], ids=["of known length", "in chunks"])
def test_a_body_is_passed_on(door: Door, streamed: bool) -> None:
    door.serve("one")
    door.switch("one")
    body = iter([b"x" * 100_000] * 3) if streamed else b"x" * 300_000
    with requests.Session() as session:
        session.trust_env = False
        said = session.post(door.url, data=body, timeout=20).json()
    assert (said["method"], said["body"]) == ("POST", 300_000)


def test_large_and_empty_answers_and_several_cookies_come_whole(door: Door) -> None:
    door.serve("one")
    door.switch("one")
    assert len(door.get("/large").content) == 300_000
    assert door.get("/empty").status_code == 204
    cookies = door.get("/cookies").raw.headers.getlist("Set-Cookie")
    assert [each.split(";")[0] for each in cookies] == ["one=1", "two=2"]
    assert door.get("/fail").text == "my own"  # the service's own 503 stays its own
    with requests.Session() as session:
        session.trust_env = False
        head = session.head(door.url + "/large", timeout=20)
    assert head.headers["Content-Length"] == "300000" and head.content == b""


def test_an_answer_streams(door: Door) -> None:
    directory = door.serve("one")
    door.switch("one")
    client = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    client.request("GET", "/stream")
    answer = client.getresponse()
    for number in range(3):
        # The next piece is sent only once this one has arrived here.
        assert answer.read1(100) == b"piece %d" % number
        (directory / f"go{number}").touch()
    assert answer.read() == b""
    client.close()


@pytest.mark.parametrize("path", ["/cut", "/short"], ids=["before it", "in a short answer"])
def test_an_answer_that_breaks_off_is_a_bad_gateway(door: Door, path: str) -> None:
    door.serve("one")
    door.switch("one")
    assert door.get(path).status_code == 502


def test_a_long_answer_that_breaks_off_breaks_off_for_the_client(door: Door) -> None:
    door.serve("one")
    door.switch("one")
    with pytest.raises(requests.exceptions.RequestException):
        door.get("/half")


def test_a_service_that_stays_silent_is_a_gateway_timeout(door: Door) -> None:
    door.serve("one")
    door.switch("one")
    assert door.get("/silent").status_code == 504


def test_clients_are_kept_alive_and_each_request_has_its_own_upstream(door: Door) -> None:
    door.serve("one")
    door.switch("one")
    client = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    sockets, connections = set(), []
    for _ in range(5):
        client.request("GET", "/")
        answer = client.getresponse()
        answer.read()
        connections.append(answer.headers["X-Connections"])
        sockets.add(id(client.sock))
    assert len(sockets) == 1
    assert connections == ["1", "2", "3", "4", "5"]
    client.close()


def test_a_switch_moves_new_requests_and_leaves_those_in_flight(door: Door) -> None:
    old, _ = door.serve("old"), door.serve("new")
    door.switch("old")
    with ThreadPoolExecutor(1) as pool:
        flying = pool.submit(door.get, "/slow")
        until((old / "asked").exists)
        door.switch("new")
        assert door.get().headers["X-Release-Id"] == "new"
        (old / "go").touch()
        assert flying.result().headers["X-Release-Id"] == "old"


def test_no_request_is_lost_while_releases_are_switched(door: Door) -> None:
    door.serve("a")
    door.serve("b")
    door.switch("a")
    done = threading.Event()

    def ask() -> list[tuple[int, bool]]:
        seen = []
        with requests.Session() as session:
            session.trust_env = False
            while not done.is_set():
                answer = session.get(door.url, timeout=20)
                whole = answer.json()["release"] == answer.headers["X-Release-Id"]
                seen.append((answer.status_code, whole))
        return seen

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for number in range(50):
            door.switch("ba"[number % 2])
            door.get()
        done.set()
        results = [each for asker in asking for each in asker.result()]
    assert len(results) > 50 and set(results) == {(200, True)}


def test_a_client_that_leaves_takes_its_upstream_request_along(door: Door) -> None:
    directory = door.serve("one")
    door.switch("one")
    with socket.create_connection(("127.0.0.1", door.port)) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until((directory / "asked").exists)
    until((directory / "left").exists)
    assert door.get().status_code == 200


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param(b"GET http://x.example.com/p?q HTTP/1.1", b"200", id="a proxy's form"),
        pytest.param(b"OPTIONS * HTTP/1.1", b"200", id="of the server as a whole"),
        pytest.param(b"GARBAGE", b"400", id="no request"),
    ],
)
def test_other_forms_of_a_request(door: Door, line: bytes, status: bytes) -> None:
    door.serve("one")
    door.switch("one")
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as client:
        client.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.split()[1] == status
