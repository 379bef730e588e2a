"""`inv host.serve`: the service in the foreground, again after a change, and nothing of it left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.lib.developer import ports, serving
from tasks.lib.developer.settings import Host
from tasks.lib.errors import NotClosed, Refused
from tests.support.developer import Machine

# Starts a process of its own that outlives whoever ends it, and serves what .env says.
SERVICE = """
import http.server, os, subprocess, sys
child = subprocess.Popen(["sleep", "300"], start_new_session=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200), self.end_headers()
        self.wfile.write(f"{os.environ['SAID']} {child.pid}".encode())
    def log_message(self, *_): pass
try:
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
except KeyboardInterrupt:
    pass
"""
APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"WORD"})
"""


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def got(
    process: subprocess.Popen[str], port: int, wanted: str = "", changed: Path | None = None
) -> str:
    """Return what is served, as soon as it is (and has `wanted` in it).

    changed: a file that was. uvicorn compares times of change from its first look on, which may
    come after a change that quick; so it is touched every now and then.
    """
    until = time.monotonic() + 60
    again = time.monotonic() + 10
    while True:
        if changed and time.monotonic() > again:
            changed.touch()
            again += 10
        assert process.poll() is None, process.stdout and process.stdout.read()
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                text = answer.read().decode()
                if wanted in text:
                    return str(text)
        assert time.monotonic() < until, "nothing is served"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    """Tell whether there is such a process; a dead one may wait for init to collect it."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "a project")
    (made.root / "service.py").write_text(SERVICE)
    (made.root / "invoke.yaml").write_text(
        f"host: {{serve: 'python service.py {{port}}', port: {free()}}}\n"
    )
    (made.root / ".env").write_text("SAID='from .env'\n")
    return made


@contextlib.contextmanager
def serve(machine: Machine, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        machine.argv("host.serve", *words),
        cwd=machine.root,
        env=machine.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that its Ctrl-C is not ours
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "everybody"),
    [
        pytest.param(signal.SIGINT, True, id="Ctrl-C at the terminal"),
        pytest.param(signal.SIGTERM, False, id="TERM"),
        pytest.param(signal.SIGHUP, False, id="the terminal is closed"),
    ],
)
def test_it_serves_with_env_and_ends_with_nothing_left(
    machine: Machine, number: signal.Signals, everybody: bool
) -> None:
    port = free()
    with serve(machine, f"--port={port}") as process:
        said, _, child = got(process, port).rpartition(" ")
        assert said == "from .env" and runs(int(child))
        os.killpg(process.pid, number) if everybody else process.send_signal(number)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert f"Serving at http://127.0.0.1:{port}" in told and "Traceback" not in told
    assert not runs(int(child)) and ports.free(port)
    assert machine.journal() == []


def test_it_serves_again_what_has_changed(machine: Machine) -> None:
    file = machine.root / "service.py"
    file.write_text(APP.replace("WORD", "before"))
    port = free()
    (machine.root / "invoke.yaml").write_text(
        f"host: {{serve: '{sys.executable} -m uvicorn service:app --reload --port {{port}}'}}\n"
    )
    with serve(machine, f"--port={port}") as process:
        assert got(process, port) == "before"
        file.write_text(APP.replace("WORD", "after that"))
        assert got(process, port, "after", file) == "after that"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_port_that_is_taken_is_told_with_who_has_it(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused = machine.inv("host.serve", f"--port={port}")
    assert refused.returncode == 2
    assert f"Port {port} is held by {psutil.Process().name()} (pid {os.getpid()})" in refused.stderr
    assert "inv host.serve --port=" in refused.stderr


@pytest.mark.parametrize(("port", "says"), [("70000", "70000 is no port"), ("-1", "-1 is no port")])
def test_what_is_no_port_is_refused(machine: Machine, port: str, says: str) -> None:
    refused = machine.inv("host.serve", f"--port={port}")
    assert refused.returncode == 2 and says in refused.stderr


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="There is no no-such-server in .venv or on the path"):
        serving.serve(Host(serve="no-such-server {port}"), free(), tmp_path, "")


def test_a_service_that_fails_is_told(tmp_path: Path) -> None:
    host = Host(serve=f"'{sys.executable}' -c 'raise SystemExit(3)'")
    with pytest.raises(NotClosed, match="exit code 3"):
        serving.serve(host, 0, tmp_path, "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("host: {port: 0}", "invoke.yaml: host.port should be a port (1 to 65535), not 0."),
        ("host: {serve: ''}", "invoke.yaml: host.serve should be a command in one line"),
        ("host: {requirements: [../a.txt]}", "host.requirements should be a list of files below"),
        ("host: {colour: red}", "host"),
    ],
)
def test_a_configuration_that_is_wrong_is_one_sentence(
    machine: Machine, text: str, says: str
) -> None:
    (machine.root / "invoke.yaml").write_text(text)
    refused = machine.inv("host.serve")
    assert refused.returncode == 2 and says in refused.stderr and "Traceback" not in refused.stderr
