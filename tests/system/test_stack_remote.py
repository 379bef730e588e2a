"""An environment's own stack: over a real OpenSSH to a real engine, and in by TLS with a token.

The host is this machine, by its own sshd and with a home of the test's: an engine within a
container would need what test machines don't give.
"""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from tasks.lib.developer import stack
from tasks.lib.errors import Refused
from tasks.lib.preaggregate import away, world
from tasks.lib.preaggregate.record import Record
from tasks.lib.settings import Settings
from tasks.lib.telemetry import credentials, flows, hops, remote, shipping
from tasks.lib.telemetry.flow import BROKEN, HOLDS, UNKNOWN
from tasks.lib.telemetry.remote import There
from tasks.lib.telemetry.settings import Stack
from tests.support import composing, observed, openssh, otlp
from tests.system import stacked
from tests.system.engine import Engine
from tests.system.stacked import Stacked

SERVICES = tuple(sorted(stacked.PROGRAMS))
METRICS = otlp.metrics({"service.name": "demo"}, otlp.count("demo_sent", 7))


class Far(NamedTuple):
    """home: of the user there. files: the project here. endpoint: the way in."""

    home: Path
    files: Stacked
    settings: Settings
    endpoint: str

    def there(self) -> There:
        return There(self.settings, self.settings.environment("staging"), self.files.home)

    def world(self, place: There) -> world.World:
        flow = flows.local(self.settings)._replace(places=place.addresses)
        nothing = ("", "", "", False, "")
        return world.World(
            self.settings, self.files.home, "staging", flow, place, *nothing, Record()
        )


@pytest.fixture(scope="module")
def far(
    docker: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Far]:
    """A host that has Docker with Compose, nothing of the stack, and a key that is known."""
    if wrong := stacked.missing():
        pytest.skip(wrong)
    base = tmp_path_factory.mktemp("far")
    (home := base / "home").mkdir()
    docker_config = composing.configured(base / "docker")
    files = Stacked(docker, base / "project", {"DOCKER_CONFIG": str(docker_config)})
    # What tests alone need: the rest of it is what ships.
    overlay = yaml.safe_load((files.home / shipping.OVERLAY).read_text())
    overlay["services"][stacked.LEFT_OUT] = {"profiles": ["left-out"]}
    for name in ("prometheus", "alertmanager"):
        overlay["services"][name] = {"healthcheck": {"interval": "1s"}}
    (files.home / shipping.OVERLAY).write_text(yaml.safe_dump(overlay))
    port = observed.port()
    endpoint = f"https://127.0.0.1:{port}"
    given = {f"{name}_PORT": str(number) for name, number in files.ports.items()}
    given |= stacked.stand_ins(docker) | {"GRAFANA_ADMIN_PASSWORD": "not-admin"}
    given |= {"OTLP_TLS_ADDRESS": "127.0.0.1"}
    seen = {"HOME": home, "DOCKER_CONFIG": docker_config, "DOCKER_HOST": docker.env["DOCKER_HOST"]}
    said = "SetEnv " + " ".join(f"{key}={value}" for key, value in seen.items())
    with openssh.served(base / "sshd", said) as server, pytest.MonkeyPatch.context() as patch:
        for key, value in given.items():
            patch.setenv(key, value)
        (files.home / "known_hosts").write_text(server.known)
        config = base / "ssh_config"
        config.write_text(f'Host *\n  IdentityFile "{server.identity}"\n  IdentitiesOnly yes\n')
        raw = {
            "hosts": ["deploy@10.0.0.7"],
            "ssh_config": str(config),
            "observability": {"host": server.address, "otlp": endpoint},
        }
        for name in ("tasks", "tasks.py"):
            (files.home / name).symlink_to(stacked.ROOT / name)
        own = {"staging": {**raw, "url": "http://127.0.0.1:1"}}  # where nobody serves
        text = yaml.safe_dump({"app": "demo", "environments": own})
        (files.home / "invoke.yaml").write_text(text)
        settings = Settings(app="demo", environments={"sandbox": {}, "staging": raw})
        made = Far(home, files, settings, endpoint)
        try:
            yield made
        finally:
            with made.there() as place:
                place.run(*place.words, "down", "--volumes", "--timeout", "20")


@pytest.fixture(scope="module")
def up(far: Far) -> Iterator[Far]:
    with far.there() as place:
        away.bring(far.world(place), place)
    yield far


def test_nothing_is_left_there_by_a_look(far: Far) -> None:
    with far.there() as place:
        assert stack.missing(place) == "" and stack.taken(place) == ""
        assert stack.services(place) == ()
        assert len(list(far.home.iterdir())) == 1, "what this session has laid out"
    assert not list(far.home.iterdir())


def test_a_way_leads_on_after_nobody_listened_at_its_end(far: Far) -> None:
    with far.there() as place:
        here = place.forward(there := observed.port())
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", here), 10) as asking:
                assert asking.recv(1) == b"", "closed again"
        with socket.create_server(("127.0.0.1", there)) as server:
            with socket.create_connection(("127.0.0.1", here), 10) as asking:
                asking.sendall(b"who?")
                taken, _ = server.accept()
                with taken:
                    assert taken.recv(4) == b"who?"
                    taken.sendall(b"me")
                assert asking.recv(2) == b"me"


def test_it_is_brought_up_and_can_be_asked_from_here(up: Far) -> None:
    with up.there() as place:
        found = stack.services(place)
        assert [(each.name, each.said) for each in found] == [(name, "") for name in SERVICES]
        ready = requests.get(f"{place.addresses.prometheus}/-/ready", timeout=10)
        assert ready.status_code == 200
        flags = f"{place.addresses.prometheus}/api/v1/status/flags"
        assert requests.get(flags, timeout=10).json()["data"]["storage.tsdb.retention.time"]
    with pytest.raises(requests.ConnectionError):  # the way was this session's
        requests.get(ready.url, timeout=2)


def test_the_doctor_asks_through_the_connection_what_is_on_loopback_there(up: Far) -> None:
    """The service isn't looked at, as it has no address; the collector has had nothing from it."""
    with flows.opened(up.settings, "staging", up.files.home) as flow:
        steps = {step.kind: step for step in hops.walk(flow)}
    assert steps["service"].state == UNKNOWN
    assert steps["collector"].state == HOLDS, steps["collector"].said
    assert steps["received"].state == BROKEN and up.endpoint in steps["received"].said, steps


def test_only_its_user_gets_to_what_is_there(up: Far) -> None:
    kept = up.home / shipping.name("demo", "staging")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert [each.name for each in up.home.iterdir()] == [kept.name]
    secrets = kept / "collector" / "secrets"
    assert {each.name for each in secrets.iterdir()} == {"token", "certificate.pem", "key.pem"}
    here = up.files.home / ".circle" / "telemetry" / "staging"
    assert stat.S_IMODE(here.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in here.iterdir()} == {0o600}
    assert {each.name for each in here.iterdir()} == {"service.env", "certificate.pem"}
    local = kept / "prometheus" / "targets" / "service" / "local.yml"
    assert not local.exists(), "here is not there"


def test_only_who_has_the_token_is_let_in(up: Far) -> None:
    certificate = up.files.home / ".circle" / "telemetry" / "staging" / "certificate.pem"
    variables = (certificate.parent / "service.env").read_text()
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={up.endpoint}\n" in variables
    token = variables.partition("Bearer%20")[2].partition("\n")[0]
    for said, status in ((f"Bearer {token}", 200), ("Bearer another-token", 401), ("", 401)):
        headers = {"Authorization": said} if said else {}
        url = f"{up.endpoint}/v1/metrics"
        answer = requests.post(
            url, json=METRICS, headers=headers, verify=str(certificate), timeout=10
        )
        assert answer.status_code == status, said
    plain = requests.get(up.endpoint.replace("https", "http"), timeout=10)
    assert plain.status_code == 400
    with up.there() as place:
        shown = urlsplit(place.addresses.collector_metrics).netloc
        assert otlp.scraped(shown, "demo_sent_total")


def test_again_it_changes_nothing_and_keeps_its_credentials(up: Far) -> None:
    with up.there() as place:
        before = place.credentials()
        ids = place.run(*place.words, "ps", "--quiet").out
        assert place.ship() == []
        away.bring(up.world(place), place)
        assert place.credentials() == before and before is not None and before.key == ""
        assert credentials.faults(before) == ""
        assert place.run(*place.words, "ps", "--quiet").out == ids


def test_what_has_changed_is_shipped_and_its_readers_start_again(up: Far) -> None:
    rules = up.files.home / "prometheus" / "rules"
    (rules / "more.yml").write_text("groups: [{name: m, rules: [{record: 'a:b', expr: '1'}]}]\n")
    with up.there() as place:
        away.bring(up.world(place), place)
        said = requests.get(f"{place.addresses.prometheus}/api/v1/rules", timeout=10).text
        assert '"a:b"' in said
    (rules / "more.yml").unlink()
    with up.there() as place:
        assert place.ship() == ["prometheus"], "what is no more here is taken away there"
    assert not (up.home / "demo-staging-stack" / "prometheus" / "rules" / "more.yml").exists()


def test_no_secret_is_in_a_command_line(up: Far) -> None:
    with up.there() as place:
        token = getattr(place.credentials(), "token")
        processes = place.run("ps", "-ww", "-eo", "args").out
    assert "sshd" in processes
    assert token not in processes and "not-admin" not in processes


def test_what_is_open_beside_the_way_in_is_told(up: Far) -> None:
    overlay = up.files.home / shipping.OVERLAY
    right = overlay.read_text()
    said = yaml.safe_load(right)
    said["services"]["alertmanager"]["ports"] = [f"0.0.0.0:{observed.port()}:9093"]
    overlay.write_text(yaml.safe_dump(said))
    try:
        with up.there() as place:
            with pytest.raises(Refused, match="alertmanager's .* at 0.0.0.0 would be open"):
                away.bring(up.world(place), place)
    finally:
        overlay.write_text(right)


def test_its_programs_can_be_had_at_the_addresses_of_this_machine(
    up: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[int] = []
    here = Stack(**{key: f"http://127.0.0.1:{observed.port()}" for key in remote.PORTS})

    def waits() -> None:
        found.append(requests.get(f"{here.prometheus}/-/ready", timeout=10).status_code)
        raise KeyboardInterrupt

    with up.there() as place:
        with pytest.raises(Refused, match="Taken here"):
            away.tunnel(place, place.addresses)
        monkeypatch.setattr(away, "wait", waits)
        away.tunnel(place, here)
    assert found == [200]


def inv(far: Far, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a phase in the project, as its operator would; nobody is there to be asked."""
    argv = [sys.executable, "-m", "invoke", *words]
    none = subprocess.DEVNULL
    return subprocess.run(argv, cwd=far.files.home, stdin=none, capture_output=True, text=True)


def test_the_phase_says_what_of_it_holds(up: Far) -> None:
    """The stack is there; that no service is, is said as the first hop that is broken."""
    proven = inv(up, "preaggregate", "--env=staging")
    assert proven.returncode == 1 and "Broken at “the service answers”" in proven.stderr
    assert "Services send to" in proven.stdout and "Bearer" not in proven.stdout + proven.stderr
    checked = inv(up, "preaggregate", "--env=staging", "--check")
    assert "every container runs" not in checked.stderr, checked.stderr
    logged = inv(up, "preaggregate.logs", "--env=staging", "--service=prometheus", "--tail=2")
    assert logged.returncode == 0 and logged.stdout.count("prometheus-1") == 2
    nowhere = inv(up, "preaggregate.tunnel", "--env=sandbox")
    assert nowhere.returncode == 2 and "observability: host:" in nowhere.stderr


def test_the_other_phases_ask_what_is_there_too(up: Far) -> None:
    assert "Watchdog" in inv(up, "alert", "--env=staging", "--json").stdout


def test_logs_and_end(up: Far, capfd: pytest.CaptureFixture[str]) -> None:
    with up.there() as place:
        assert stack.logs(place, "prometheus", tail=3) == 0
        assert "prometheus" in capfd.readouterr().out
    ended = inv(up, "preaggregate.down", "--env=staging")
    assert ended.returncode == 0 and "Ended the stack on" in ended.stdout
    with up.there() as place:
        assert stack.services(place) == ()
        assert "staging-stack_prometheus" in place.run("docker", "volume", "ls", "-q").out


def test_a_host_whose_key_nobody_vouched_for_is_refused(far: Far) -> None:
    known = far.files.home / "known_hosts"
    text = known.read_text()
    known.write_text("")
    try:
        with pytest.raises(Refused, match="inv host.trust --env=staging"):
            far.there()
    finally:
        known.write_text(text)
