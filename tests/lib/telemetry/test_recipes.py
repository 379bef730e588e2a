"""What the recipes tell of themselves, and that nothing depends on who hears it."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context

from tasks.lib import phase
from tasks.lib.errors import Refused
from tasks.lib.phase import Outcome
from tasks.lib.telemetry import recipes
from tests.lib.declared import DECLARED, World, entries, raising
from tests.support.observed import ROOT

ENTRY = {"phase": "lint", "outcome": "closed", "seconds": 1.5, "detail": {}}
COUNTS = {"tests": 7, "passed": 4, "failed": 1, "errors": 0, "skipped": 2, "pytest_seconds": 3.5}


def said(entry: dict[str, Any], environment: str = "") -> dict[tuple[str, str], float]:
    """What is sent, by name and what is particular about it."""
    return {
        (each.name, each.labels.get("result", "")): each.value
        for each in recipes.points(entry, environment, 100.0)
    }


def test_a_phase_tells_its_time_its_end_and_that_it_was() -> None:
    assert said(ENTRY) == {
        ("circle.phase.duration", ""): 1.5,
        ("circle.phase.last_run.timestamp", ""): 100.0,
        ("circle.phase.runs", ""): 1,
    }
    [*found] = recipes.points(ENTRY, "staging", 100.0)
    labels = {"phase": "lint", "outcome": "closed", "environment": "staging"}
    assert all(each.labels == labels for each in found)
    assert [each.name for each in found if each.added] == ["circle.phase.runs"]


@pytest.mark.parametrize(
    ("detail", "results", "coverage"),
    [
        pytest.param(COUNTS, [4, 1, 0, 2], None, id="all of them"),
        pytest.param(
            {**COUNTS, "coverage": [{"percent": 81.5}, {"percent": 3}]},
            [4, 1, 0, 2],
            0.815,
            id="measured",
        ),
        pytest.param({**COUNTS, "coverage": [{"percent": None}]}, [4, 1, 0, 2], None, id="of none"),
        pytest.param({**COUNTS, "partial": "failed"}, None, None, id="a part"),
        pytest.param({"error": "x", "kind": "config"}, None, None, id="not run"),
    ],
)
def test_the_tests_tell_what_came_of_them(
    detail: dict[str, Any], results: list[int] | None, coverage: float | None
) -> None:
    found = said({**ENTRY, "phase": "test", "detail": detail})
    told = [found[key] for key in found if key[0] == "circle.test.results"]
    assert told == (results or [])
    assert found.get(("circle.test.duration", "")) == (3.5 if results else None)
    assert found.get(("circle.test.coverage", "")) == coverage


class Heard(BaseHTTPRequestHandler):
    """Who takes what is sent, and keeps it."""

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, json.loads(text)))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Heard) as server:
        server.heard = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ended(root: Path, url: object, procedure: Any = Outcome, env: str = "staging") -> int:
    """Run a phase whose configuration has `url`, and return its exit code."""
    config = Config(project_location=root, overrides={"stack": url})
    try:
        phase.run(DECLARED, Context(config), procedure, world=World(), fills={"env": env})
    except BaseException as error:
        return int(getattr(error, "code", -1))
    return 0


def test_each_phase_tells_at_its_end(
    tmp_path: Path, collector: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = {"recipes": f"http://127.0.0.1:{collector.server_port}"}
    assert ended(tmp_path, url) == 0
    assert not collector.heard, "it is off"  # type: ignore[attr-defined]
    monkeypatch.setenv("ENABLE_TELEMETRY", "true")
    assert ended(tmp_path, url) == 0
    said = Outcome({"environment": "staging"})  # what ended knows best where it was
    assert ended(tmp_path, url, raising(Refused("no"))) == 2
    assert ended(tmp_path, url, lambda: said, env="") == 0
    heard = collector.heard  # type: ignore[attr-defined]
    assert [path for path, _ in heard] == ["/v1/metrics"] * 3
    outcomes = []
    for _, request in heard:
        [scope] = request["resourceMetrics"][0]["scopeMetrics"]
        [duration] = [each for each in scope["metrics"] if each["name"] == "circle.phase.duration"]
        [point] = duration["gauge"]["dataPoints"]
        labels = {each["key"]: each["value"]["stringValue"] for each in point["attributes"]}
        assert (labels["phase"], labels["environment"]) == ("deploy", "staging")
        outcomes.append(labels["outcome"])
    assert outcomes == ["closed", "refused", "closed"] and len(entries(tmp_path)) == 4


@pytest.mark.parametrize(
    "url",
    [
        pytest.param({"recipes": "http://127.0.0.1:1"}, id="nobody there"),
        pytest.param({"recipes": "no address"}, id="no address"),
        pytest.param({"recipes": 7}, id="a number"),
        pytest.param("nothing", id="no mapping"),
        pytest.param({}, id="none"),
    ],
)
def test_where_nobody_hears_it_a_phase_ends_as_it_would(
    tmp_path: Path, url: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENABLE_TELEMETRY", "true")
    assert ended(tmp_path, url) == 0
    assert capsys.readouterr() == ("Next: inv monitor --env=staging\n", "")


def test_a_collector_that_hangs_holds_nobody_up_for_longer_than_was_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # it takes the connection, and no more
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        began = time.monotonic()
        sender = recipes.tell(ENTRY, url, limit=0.5)
        waited = time.monotonic() - began
    assert waited < 3 * 0.5
    sender.join(10)
    assert not sender.is_alive()


def test_nor_does_one_that_answers_a_letter_at_a_time() -> None:
    """No read of it takes long, so that only the whole can be bounded."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        taken, _ = server.accept()
        with taken, contextlib.suppress(OSError):
            taken.sendall(b"HTTP/1.1 200 OK\r\nLong: ")
            while not over.wait(0.1):
                taken.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as dripping:
        answering = threading.Thread(target=drip, args=(dripping,))
        answering.start()
        sender = recipes.tell(ENTRY, f"http://127.0.0.1:{dripping.getsockname()[1]}", limit=0.5)
        assert sender.is_alive()
        over.set()
        answering.join()
    sender.join(10)


def test_off_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.lib.declared import run;"
        f"run(Path({str(tmp_path)!r}));"
        "print([name for name in sys.modules if 'telemetry' in name or 'urllib.request' == name])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
