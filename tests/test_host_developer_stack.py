"""`inv host --stack`, with a stand-in for the docker command: its answers are Docker's own.

What is asserted is what is asked of Docker, and what is made of each answer. The real ones, with an
engine, are in tests/system/test_stack.py.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.developer import stack
from tasks.lib.developer.compose import Here
from tasks.lib.errors import NotClosed
from tests.support.developer import Machine

# What is asked is written down; what is answered stands in files, one for each time.
DOCKER = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/asked"
case "$1 $2" in
    "compose version") exit "$(cat "$here/plugin")" ;;
    "version --format") cat "$here/daemon" >&2; [ ! -s "$here/daemon" ] ;;
    "compose config")
        if grep -q PASSWORD "$here/config" && [ -z "$GRAFANA_ADMIN_PASSWORD" ] && [ ! -e .env ]
        then echo "GRAFANA_ADMIN_PASSWORD is missing a value" >&2; exit 1; fi
        cat "$here/config" ;;
    "compose up") exit 0 ;;
    "compose ps") cat "$here/ids" ;;
    "inspect --format")
        head -n 1 "$here/states"
        [ "$(wc -l <"$here/states")" -le 1 ] || sed -i 1d "$here/states" ;;
    "logs --tail") echo "no space left in the ring" >&2 ;;
esac
"""
UP: dict[str, Any] = {"Status": "running", "ExitCode": 0}


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the stand-in, first in PATH, and a project beside it."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "docker").write_text(DOCKER)
    (place / "docker").chmod(0o755)
    (place / "plugin").write_text("0\n")
    (place / "daemon").write_text("")
    (place / "ids").write_text("4711\n")
    (place / "config").write_text("services: {}\n")
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return place


def states(docker: Path, *found: dict[str, Any]) -> None:
    about = {"name": "/demo-prometheus-1", "labels": {"com.docker.compose.service": "prometheus"}}
    bound = {"9090/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9090"}], "9091/tcp": None}
    lines = (json.dumps({**about, "state": each, "ports": bound}) for each in found)
    (docker / "states").write_text("".join(f"{line}\n" for line in lines))


def service(said: str) -> stack.Service:
    return stack.Service("prometheus", said, "demo-prometheus-1", (9090,))


def health(status: str) -> dict[str, Any]:
    return {**UP, "Health": {"Status": status}}


def test_what_keeps_it_from_being_started_is_named(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stack.missing(Here(tmp_path)) == ""
    (docker / "daemon").write_text("Cannot connect to the Docker daemon\n")
    assert "Docker's daemon doesn't answer: Cannot connect" in stack.missing(Here(tmp_path))
    (docker / "plugin").write_text("1\n")
    monkeypatch.setenv("PATH", f"{docker}{os.pathsep}/bin")
    if not Path("/bin/docker-compose").exists():
        assert stack.missing(Here(tmp_path)) == "Docker Compose is not installed"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert stack.missing(Here(tmp_path)) == "Docker is not installed"
    (tmp_path / "docker-compose.yml").unlink()
    assert stack.missing(Here(tmp_path)) == "there is no docker-compose.yml in this project yet"


def test_it_is_started_and_waited_for(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "PAUSE", 0.01)
    states(docker, health("starting"), health("starting"), health("healthy"))
    assert stack.start(Here(tmp_path)) == (service(""),)
    asked = (docker / "asked").read_text().splitlines()
    assert "compose up --detach" in asked
    assert sum(line.startswith("inspect") and line.endswith("4711") for line in asked) == 3


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (UP, ""),
        (health("healthy"), ""),
        (health("starting"), "starting"),
        (health("unhealthy"), "unhealthy"),
        ({"Status": "created", "ExitCode": 0}, "starting"),
        ({"Status": "exited", "ExitCode": 0}, ""),
        ({"Status": "exited", "ExitCode": 3}, "exited (exit code 3)"),
        (
            {"Status": "exited", "ExitCode": 137, "OOMKilled": True},
            "out of the memory that it may have (mem_limit)",
        ),
        ({"Status": "restarting", "ExitCode": 1}, "restarting (exit code 1)"),
    ],
)
def test_what_a_container_says_of_itself(
    docker: Path, tmp_path: Path, state: dict[str, Any], said: str
) -> None:
    states(docker, state)
    assert stack.services(Here(tmp_path)) == (service(said),)
    assert stack.troubled(Here(tmp_path)) == (f"prometheus is {said}" if said else "")


@pytest.mark.parametrize("state", [health("unhealthy"), health("starting")])
def test_one_that_does_not_come_up_is_told_with_its_log(
    docker: Path, tmp_path: Path, state: dict[str, Any]
) -> None:
    states(docker, state)
    with pytest.raises(NotClosed, match="prometheus is .*docker logs demo-prometheus-1") as caught:
        stack.start(Here(tmp_path), limit=0)
    assert caught.value.evidence == "no space left in the ring" and caught.value.kind == "docker"


@pytest.mark.parametrize(("status", "other"), [("restarting", False), ("exited", True)])
def test_a_container_that_starts_again_and_again_has_its_port_itself(
    docker: Path, tmp_path: Path, status: str, other: bool
) -> None:
    """Docker tells of no port while it waits, and has it again before anybody has looked."""
    states(docker, {"Status": status, "ExitCode": 1})
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        published = {"services": {"prometheus": {"ports": [f"127.0.0.1:{port}:9090"]}}}
        (docker / "config").write_text(json.dumps(published))
        assert bool(stack.taken(Here(tmp_path))) == other


def test_none_started_is_not_up(docker: Path, tmp_path: Path) -> None:
    (docker / "ids").write_text("")
    assert stack.troubled(Here(tmp_path)) == "none of them was started"


def test_the_whole_phase_with_it(docker: Path, tmp_path: Path) -> None:
    machine = Machine(tmp_path / "a project")
    machine.ready()
    (machine.root / "docker-compose.yml").write_text("services: {}\n")
    states(docker, health("healthy"))
    path = os.environ["PATH"]
    (docker / "daemon").write_text("Cannot connect to the Docker daemon\n")
    refused = machine.inv("host", "--stack", PATH=path)
    assert refused.returncode == 2 and "Runbook: Docker doesn't start" in refused.stderr
    assert not (machine.root / ".env").exists(), "nothing was begun"
    (docker / "daemon").write_text("")
    started = machine.inv("host", "--stack", PATH=path)
    assert started.returncode == 0, started.stderr
    assert "prometheus  up" in started.stdout and machine.journal()[-1]["detail"]["stack"] is True
    # Looked at by --check as well, where the project has one; it isn't required.
    states(docker, health("unhealthy"))
    checked = machine.inv("host", "--check", PATH=path)
    assert checked.returncode == 0 and "prometheus is unhealthy" in checked.stderr
    states(docker, health("unhealthy"))
    failed = machine.inv("host", "--stack", PATH=path)
    assert failed.returncode == 1 and "Runbook: Docker doesn't start" in failed.stderr


def test_a_fresh_clone_needs_no_run_before_it(docker: Path, tmp_path: Path) -> None:
    """The password that the stack wants is made by this very run."""
    machine = Machine(tmp_path / "fresh")
    machine.ready()
    (machine.root / "docker-compose.yml").write_text("services: {}\n")
    (machine.root / ".env.example").write_text("GRAFANA_ADMIN_PASSWORD=\n")
    (docker / "config").write_text("services: {}  # PASSWORD\n")
    states(docker, health("healthy"))
    path = os.environ["PATH"]
    assert "is missing a value" in stack.missing(Here(machine.root))
    started = machine.inv("host", "--stack", PATH=path)
    assert started.returncode == 0, started.stderr
    assert "GRAFANA_ADMIN_PASSWORD=any" not in (machine.root / ".env").read_text()
