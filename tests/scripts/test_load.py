"""A load accounts for every request, also with servers that cut, refuse, stall or answer badly."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from scripts import load
from scripts.load import Load, Snapshot

SCRIPT = Path(load.__file__)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server on loopback which does on each connection what it is told to."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._ready = threading.Event()
        self.connections = self.asked = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        self._ready.set()
        await self._over.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                await self._serve(reader, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.fixture
def serving() -> Iterator[Callable[[Serve], Server]]:
    servers: list[Server] = []

    def start(serve: Serve) -> Server:
        servers.append(Server(serve))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answer(status: int = 200, release: str = "r1", body: bytes | None = None) -> Serve:
    said = json.dumps({"release": release}).encode() if body is None else body

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nX-Release-Id: {release}\r\nContent-Length: {len(said)}"
        writer.write(head.encode() + b"\r\n\r\n" + said)

    return serve


def sent(*urls: str, enough: int = 10, rate: float = 200, timeout: float = 5) -> Snapshot:
    """Return the figures of a load of at least `enough` answered or lost requests."""
    with Load(urls, rate, timeout) as running:
        while running.snapshot().requests < enough:
            time.sleep(0.01)
        return running.stop()


def test_good_answers(serving: Callable[[Serve], Server]) -> None:
    server = serving(answer())
    figures = sent(server.url, enough=40)
    assert figures.ok == figures.requests == server.asked >= 40
    assert (figures.errors, figures.lost, figures.torn) == (0, 0, 0)
    assert figures.releases == {"r1": figures.requests}
    assert figures.statuses == {"200": figures.requests}
    assert 0 < figures.p50 <= figures.p95 <= figures.slowest
    assert server.connections < figures.requests / 2, "connections are kept"


def test_urls_are_asked_in_turn(serving: Callable[[Serve], Server]) -> None:
    one, two = serving(answer(release="r1")), serving(answer(release="r2"))
    figures = sent(one.url, two.url, enough=20)
    assert abs(figures.releases["r1"] - figures.releases["r2"]) <= 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (204, "ok"), (302, "ok"), (404, "errors"), (429, "errors"), (500, "errors")]
    + [(501, "errors"), (502, "lost"), (503, "lost"), (504, "lost")],
)
def test_outcome_by_status(serving: Callable[[Serve], Server], status: int, outcome: str) -> None:
    figures = sent(serving(answer(status, body=b"" if status == 204 else b"said")).url)
    assert getattr(figures, outcome) == figures.requests
    assert figures.statuses == {str(status): figures.requests}
    if outcome == "lost":
        assert figures.first_lost[0].reason.startswith(f"{status} said")


def test_refused_is_lost() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        figures = sent(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert figures.lost == figures.requests
    assert figures.first_lost[0].status == 0
    assert len(figures.first_lost) <= load.SHOWN


CUTS = {
    "at once": b"",
    "in the status line": b"HTTP/1.1 20",
    "in the headers": b"HTTP/1.1 200 OK\r\nX-Release-Id: r1\r\n",
    "in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nabc",
    "before the last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    "no HTTP at all": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("said", CUTS.values(), ids=CUTS)
def test_cut_is_lost(serving: Callable[[Serve], Server], said: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    figures = sent(serving(serve).url)
    assert figures.lost == figures.requests


def test_cut_on_a_kept_connection_is_lost_and_not_tried_again(
    serving: Callable[[Serve], Server],
) -> None:
    good = answer()
    count = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count % 2:
            await good(reader, writer)
        else:
            writer.close()

    server = serving(serve)
    figures = sent(server.url, enough=20, rate=50)
    assert figures.requests == server.asked
    assert figures.lost == figures.requests // 2


def test_a_server_that_hangs_is_lost_and_still_asked(serving: Callable[[Serve], Server]) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    server = serving(serve)
    figures = sent(server.url, enough=1, rate=100, timeout=0.3)
    assert figures.lost == figures.requests == server.asked
    assert figures.requests > 5, "the load does not wait for answers"
    assert "within 0.3 s" in figures.first_lost[0].reason


def test_latency_counts_from_when_a_request_was_due(serving: Callable[[Serve], Server]) -> None:
    good = answer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.1)
        await good(reader, writer)

    figures = sent(serving(serve).url)
    assert figures.p50 >= 0.1


@pytest.mark.parametrize(
    ("body", "torn"),
    [
        pytest.param(b'{"release": "r1"}', False, id="same"),
        pytest.param(b'{"release": "r2"}', True, id="another"),
        pytest.param(b'{"name": "x"}', False, id="silent"),
        pytest.param(b'["release"]', False, id="list"),
        pytest.param(b"<html>", False, id="no-json"),
    ],
)
def test_torn(serving: Callable[[Serve], Server], body: bytes, torn: bool) -> None:
    figures = sent(serving(answer(body=body)).url)
    assert figures.torn == (figures.requests if torn else 0)


def test_snapshot_since(serving: Callable[[Serve], Server]) -> None:
    with Load([serving(answer()).url], 200) as running:
        while (before := running.snapshot()).requests < 5:
            time.sleep(0.01)
        while running.snapshot(before.requests).requests < 5:
            time.sleep(0.01)
        assert running.snapshot().requests >= before.requests + 5


def test_nothing_sent_is_no_figures() -> None:
    never = Load(["http://127.0.0.1:9/"])
    assert never.stop().requests == 0
    assert never.snapshot().slowest == 0


@pytest.mark.parametrize("wrong", [{"urls": []}, {"rate": 0}, {"timeout": -1}])
def test_bad_values(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Load(**({"urls": ["http://127.0.0.1:9/"]} | wrong))  # type: ignore[arg-type]


def test_as_a_command(serving: Callable[[Serve], Server]) -> None:
    command = [sys.executable, str(SCRIPT), "--seconds", "2", "--rate", "50"]
    url = serving(answer()).url
    good = subprocess.run([*command, "--json", url], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    figures = json.loads(good.stdout)
    assert figures["ok"] == figures["requests"] > 0
    bad = subprocess.run([*command, serving(answer(502)).url], capture_output=True, text=True)
    assert bad.returncode == 1
    assert "lost at 0.000 s" in bad.stdout
    assert subprocess.run([*command, "--rate", "0", url], capture_output=True).returncode == 2


def test_ctrl_c_prints_the_figures(serving: Callable[[Serve], Server]) -> None:
    server = serving(answer())
    running = subprocess.Popen(
        [sys.executable, str(SCRIPT), "--seconds", "60", "--json", server.url],
        stdout=subprocess.PIPE,
    )
    while not server.asked:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate()
    assert running.returncode == 0
    assert json.loads(said)["requests"] >= 1
