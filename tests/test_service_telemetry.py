"""What the service sends, and that nobody waits for it: real processes, real SDK."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from server import exposition
from server.logs import Seldom
from server.release import Release
from server.telemetry import described
from tests.support import flow, otlp
from tests.support.flow import Served
from tests.support.observed import ROOT, port

RELEASE = Release("v1", "c0ffee", "20260101T000000Z-v1-c0ffee", "staging", "a.example")
SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "requests", "urllib3")
LOUD = """
import logging
from server.main import app

@app.get("/says")
async def says() -> None:
    logging.getLogger("shop").warning("as %s said", "somebody")

@app.get("/broken")
async def broken() -> None:
    raise RuntimeError("as a user would meet it")
"""


def test_off_nothing_of_it_is_imported() -> None:
    code = "import sys, server.main; print(*[name for name in sys.modules])"
    for said, there in (("", False), ("false", False), ("true", True)):
        env = {**os.environ, "ENABLE_TELEMETRY": said}
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True)
        names = done.stdout.decode().split()
        # The interface alone is FastAPI's own to import.
        assert any(name.startswith(SDK) for name in names) is there, (said, names)


def test_what_a_host_and_the_environment_say_of_an_instance() -> None:
    one, two = (described({}, RELEASE) for _ in range(2))
    assert one.pop("service.instance.id") != two.pop("service.instance.id")
    assert one == {
        "service.name": "pi-forge",
        "service.version": RELEASE.id,
        "deployment.environment.name": "staging",
        "host.name": "a.example",
    }
    bare = described({"OTEL_SERVICE_NAME": "shop"}, Release.of({"VERSION": "v2"}))
    assert (bare["service.name"], bare["service.version"]) == ("shop", "v2")
    assert bare["deployment.environment.name"] == "local" and bare["host.name"]


def test_the_page_for_prometheus() -> None:
    odd = Release('a "b" \\ c', "one\ntwo", "id")
    text = exposition.exposition(odd, 1.5, True, False)
    labels = {"version": 'a "b" \\ c', "commit": "one\ntwo", "release": "id"}
    assert otlp.samples(text, "pi_forge_build_info") == [(labels, 1)]
    assert otlp.samples(text, "pi_forge_started") == [({}, 1)]
    assert otlp.samples(text, "pi_forge_telemetry_enabled") == [({}, 0)]
    assert otlp.samples(text, "process_start_time_seconds") == [({}, 1.5)]


def lines(served: Served) -> list[dict[str, Any]]:
    return [json.loads(line) for line in served.log.read_text().splitlines()]


@pytest.mark.parametrize("telemetry", [True, False], ids=["on", "off"])
def test_logs_are_json_and_name_the_trace(tmp_path: Path, telemetry: bool) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    to = f"http://127.0.0.1:{port()}" if telemetry else ""
    with flow.service(tmp_path, to, application="loud:app") as served:
        served.ask("/says")
        served.ask("/broken")
        page = requests.get(f"{served.url}/metrics", timeout=10)
    assert page.headers["content-type"] == exposition.TYPE
    assert otlp.samples(page.text, "pi_forge_telemetry_enabled") == [({}, float(telemetry))]
    found = lines(served)
    [said] = [line for line in found if line["logger"] == "shop"]
    assert (said["level"], said["message"]) == ("WARNING", "as somebody said")
    assert all(line["release"] == served.release and line["time"] for line in found)
    [broken] = [line for line in found if "exception" in line]
    assert "as a user would meet it" in broken["exception"] and broken["level"] == "ERROR"
    # What the server logs once the request is over is found by its trace all the same.
    for line in (said, broken):
        assert (len(line.get("trace_id", "")), len(line.get("span_id", ""))) == (
            (32, 16) if telemetry else (0, 0)
        )
    assert said.get("trace_id") != broken.get("trace_id") or not telemetry


def test_a_setting_that_makes_no_sense_keeps_nothing_from_starting(tmp_path: Path) -> None:
    wrong = {"OTEL_METRIC_EXPORT_INTERVAL": "often"}
    with flow.service(tmp_path, f"http://127.0.0.1:{port()}", **wrong) as served:
        page = requests.get(f"{served.url}/metrics", timeout=10).text
    assert otlp.samples(page, "pi_forge_telemetry_enabled") == [({}, 0)]
    assert any("No telemetry is sent" in line["message"] for line in lines(served))


def test_who_sends_repeats_itself_seldom_and_raises_no_alarm() -> None:
    seldom = Seldom()

    def record(name: str, level: int = logging.ERROR) -> logging.LogRecord:
        return logging.LogRecord(name, level, "", 0, "can't send", (), None)

    first = record("opentelemetry.exporter")
    assert seldom.filter(first) and first.levelname == "WARNING"
    assert not seldom.filter(record("opentelemetry.exporter"))
    assert all(seldom.filter(record("uvicorn.error")) for _ in range(2))
