"""The shipped docker-compose.yml on a real engine, with Compose v2.

The images are stand-ins under the pinned names, of Debian's programs and of the collector's own
modules (see stacked.py). Grafana is left out: its image can't be had where the tests run, nor made.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import yaml

from tasks.lib.developer import compose, stack
from tasks.lib.errors import NotClosed, Refused
from tasks.lib.monitor.local import Local
from tests.support import composing, otlp, tabled
from tests.system import stacked
from tests.system.engine import Engine
from tests.system.stacked import Stacked

SERVICES = tuple(sorted(stacked.PROGRAMS))
METRICS = otlp.metrics({"service.name": "demo"}, otlp.count("demo_sent", 7))
LIMIT = 60.0  # seconds; only ever ends a test that has failed


class Service(BaseHTTPRequestHandler):
    """A service on this machine, as far as Prometheus sees one."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"pi_forge_said 42\n")

    def log_message(self, *_: object) -> None:
        pass


def wait_for(told: Callable[[], Any], what: str) -> Any:
    until = time.monotonic() + LIMIT
    while not (found := told()):
        assert time.monotonic() < until, what
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def engine(docker: Engine) -> Iterator[Engine]:
    """An engine that has every image but Grafana's."""
    if wrong := stacked.missing():
        pytest.skip(wrong)
    with stacked.images(docker):
        yield docker


@pytest.fixture(scope="module")
def up(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacked]:
    """The stack, brought up by the runbook's own command."""
    home = tmp_path_factory.mktemp("stack")
    config = str(composing.configured(home / "docker"))
    made = Stacked(engine, home / "project", {"DOCKER_CONFIG": config})
    try:
        made.compose("up", "--detach", "--wait")
        yield made
    finally:
        made.remove()


def query(up: Stacked, expression: str) -> list[dict[str, Any]]:
    found = requests.get(f"{up.url('PROMETHEUS')}/api/v1/query", {"query": expression}, timeout=5)
    result: list[dict[str, Any]] = found.json()["data"]["result"]
    return result


def test_each_is_up_and_healthy(up: Stacked) -> None:
    assert up.place.words == ("docker", "compose")
    found = stack.services(up.place)
    assert [(each.name, each.said) for each in found] == [(name, "") for name in SERVICES]
    assert stack.troubled(up.place) == "" and stack.missing(up.place) == ""
    checked = {name: "Health" in up.inspect(name)["State"] for name in SERVICES}
    assert checked == {"alertmanager": True, "otel-collector": False, "prometheus": True}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_nothing_that_it_need_not_have(up: Stacked, service: str) -> None:
    found = up.inspect(service)
    held = found["HostConfig"]
    assert held["ReadonlyRootfs"] is True and held["Privileged"] is False
    assert held["CapDrop"] == ["ALL"] and not held["CapAdd"]
    assert held["SecurityOpt"] == ["no-new-privileges:true"]
    assert 0 < held["Memory"] <= 1 << 30 and held["PidsLimit"] == 512
    assert held["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert held["RestartPolicy"]["Name"] == "unless-stopped"
    writable = {m["Destination"] for m in found["Mounts"] if m["RW"]}
    assert writable <= {"/prometheus", "/alertmanager"}
    user = 10001 if service == "otel-collector" else 65534
    assert set(psutil.Process(found["State"]["Pid"]).uids()) == {user}


@pytest.mark.parametrize("service", ["prometheus", "alertmanager"])
def test_only_its_own_data_can_be_written(up: Stacked, service: str) -> None:
    for place in ("/new", "/tmp/new", f"/etc/{service}/new", f"/etc/{service}/{service}.yml"):
        refused = up.inside(service, "touch", place)
        assert refused.code and ("Read-only" in refused.err or "No such" in refused.err), place
    assert up.inside(service, "touch", f"/{service}/new").code == 0


def test_every_port_is_on_loopback_alone(up: Stacked) -> None:
    published = stack.ports(up.place)
    assert {each.address for each in published} == {"127.0.0.1"}
    assert {each.holder for each in published} == {""}, "those that are its own are not taken"
    bound = {
        tabled.Row(name, each["HostIp"], inside.partition("/")[0])
        for name in SERVICES
        for inside, some in up.inspect(name)["NetworkSettings"]["Ports"].items()
        for each in some or ()
    }
    shown = tabled.listed("The stack on this machine")
    assert bound == {each for each in shown if each.what != stacked.LEFT_OUT}
    # By the bridge's address, which a neighbour in Docker's networks has, nobody answers.
    gateway = stack.reached(up.place)
    for port in (each.port for each in published):
        with pytest.raises(OSError):
            socket.create_connection((gateway, port), timeout=2)


def test_networks_keep_the_intake_from_what_tells_people(up: Stacked) -> None:
    networks = {name: set(up.inspect(name)["NetworkSettings"]["Networks"]) for name in SERVICES}
    own = {kind: f"{up.project}_{kind}" for kind in ("intake", "judged")}
    assert networks == {
        "otel-collector": {own["intake"]},
        "prometheus": {own["intake"], own["judged"]},
        "alertmanager": {own["judged"]},
    }
    for service, network, port, code in (
        ("prometheus", "judged", 9090, 0),
        ("otel-collector", "intake", 13133, 1),
    ):
        address = up.inspect(service)["NetworkSettings"]["Networks"][own[network]]["IPAddress"]
        asks = (
            "nsenter",
            "-t",
            str(up.inspect("alertmanager")["State"]["Pid"]),
            "-n",
            sys.executable,
        )
        connect = f"import socket; socket.create_connection(({address!r}, {port}), timeout=2)"
        assert up.place.run(*asks, "-c", connect).code == code, service


def test_both_keep_what_they_have_for_90_days(up: Stacked) -> None:
    flags = requests.get(f"{up.url('PROMETHEUS')}/api/v1/status/flags", timeout=5).json()["data"]
    assert flags["storage.tsdb.retention.time"] in ("90d", "12w6d")
    assert flags["web.enable-lifecycle"] == flags["web.enable-admin-api"] == "false"
    assert "--data.retention=2160h" in up.inside("alertmanager", "cat", "/proc/1/cmdline").out
    kept = requests.get(f"{up.url('ALERTMANAGER')}/api/v2/status", timeout=5).json()
    assert kept["cluster"]["status"] == "disabled"


def test_the_flow_from_a_sender_and_from_a_service_here(up: Stacked) -> None:
    """What is sent to the collector's port, and what a service on this machine says at /metrics."""
    server = HTTPServer((stack.reached(up.place), 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    targets = up.home / "prometheus" / "targets" / "service"
    (targets / "here.yml").write_text(
        yaml.safe_dump(
            [
                {
                    "targets": [f"host.docker.internal:{server.server_port}"],
                    "labels": {"environment": "here"},
                }
            ]
        )
    )
    try:
        otlp.send(up.url("OTLP"), "metrics", METRICS)
        up_there = 'up{job="pi-forge", environment="here"} == 1'
        wait_for(lambda: query(up, up_there), "the service on this machine is scraped")
        (found,) = wait_for(lambda: query(up, "demo_sent_total"), "the collector is scraped")
        assert found["metric"]["job"] == "demo" and found["value"][1] == "7"
    finally:
        server.shutdown()
        server.server_close()
        (targets / "here.yml").unlink()


def test_a_second_start_changes_nothing(up: Stacked) -> None:
    before = {name: up.inspect(name)["State"]["StartedAt"] for name in SERVICES}
    up.compose("up", "--detach", "--wait")
    looks: list[tuple[stack.Service, ...]] = []
    assert stack.start(up.place, told=looks.append) == looks[-1]
    assert {name: up.inspect(name)["State"]["StartedAt"] for name in SERVICES} == before


def test_logs_are_those_of_who_is_asked_for(up: Stacked, capfd: pytest.CaptureFixture[str]) -> None:
    assert stack.logs(up.place, "otel-collector", tail=5) == 0
    said = capfd.readouterr().out
    assert "otel-collector" in said and "prometheus-1" not in said
    assert len(said.splitlines()) <= 6


def test_the_board_reads_the_logs_of_all(up: Stacked) -> None:
    told = Local(up.place, 50).read()
    assert sorted(told.errors) == list(SERVICES) and not told.absent


def test_what_was_kept_outlives_the_containers(up: Stacked) -> None:
    """A silence and a sample, over a restart, and over `down` and `up`."""
    silences = f"{up.url('ALERTMANAGER')}/api/v2/silences"
    made = requests.post(silences, json=SILENCE, timeout=5)
    assert made.ok, made.text
    (sample,) = wait_for(lambda: query(up, 'up{job="otel-collector"}[1h]')[:1], "a scrape")

    def kept() -> None:
        found = requests.get(silences, timeout=5).json()
        assert [each["comment"] for each in found] == [SILENCE["comment"]]
        now = query(up, 'up{job="otel-collector"}[1h]')
        assert any(each["values"][0] == sample["values"][0] for each in now)

    up.compose("restart")
    stack.start(up.place)
    kept()
    ended = stack.stop(up.place)
    assert [each.name for each in ended] == list(SERVICES) and stack.services(up.place) == ()
    volumes = up.engine.run("volume", "ls", "-q", "--filter", f"name={up.project}").split()
    assert {f"{up.project}_{name}" for name in ("prometheus", "alertmanager")} <= set(volumes)
    stack.start(up.place)
    kept()


SILENCE = {
    "matchers": [{"name": "alertname", "value": "None", "isRegex": False}],
    "startsAt": "2020-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "a test",
    "comment": "kept",
}


def test_one_that_does_not_start_is_named_with_what_its_log_says(up: Stacked) -> None:
    config = up.home / "otel-collector-config.yaml"
    right = config.read_text()
    config.write_text(right.replace("receivers: [otlp/service]", "receivers: [otlp/nobody]"))
    up.compose("restart", "otel-collector")
    with pytest.raises(NotClosed, match="otel-collector is (restarting|exited)") as caught:
        stack.start(up.place, limit=20)
    assert "otlp/nobody" in caught.value.evidence
    config.write_text(right)
    up.compose("restart", "otel-collector")
    stack.start(up.place)


def test_a_port_that_another_holds_is_named_before_anything_starts(
    engine: Engine, up: Stacked, tmp_path: Path
) -> None:
    other = Stacked(engine, tmp_path / "other", {"DOCKER_CONFIG": up.variables["DOCKER_CONFIG"]})
    with socket.socket() as held:
        held.bind(("127.0.0.1", other.ports["PROMETHEUS"]))
        held.listen()
        with pytest.raises(Refused, match=rf"prometheus's {other.ports['PROMETHEUS']} is held by"):
            stack.start(other.place)
    assert stack.services(other.place) == ()


def test_without_a_password_it_is_one_sentence(up: Stacked) -> None:
    place = compose.Here(up.home, {**up.variables, "GRAFANA_ADMIN_PASSWORD": ""})
    said = stack.missing(place)
    assert said.count("\n") == 0 and "inv host makes GRAFANA_ADMIN_PASSWORD in .env" in said
    assert place.run(*place.words, "up", "--detach").code != 0


def test_what_a_container_could_not_read_is_named(up: Stacked) -> None:
    (up.home / "prometheus.yml").chmod(0o600)
    try:
        said = stack.missing(up.place)
        assert f"prometheus can't read {up.home}/prometheus.yml: run `chmod" in said
    finally:
        (up.home / "prometheus.yml").chmod(0o644)
