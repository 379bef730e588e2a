"""What a prepared server lets in, keeps out, and answers: its nginx, its users, its certificate."""

from __future__ import annotations

import asyncio
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest
import requests

from tests.support import tabled
from tests.support.project import Project
from tests.support.rig import until
from tests.system.engine import Engine
from tests.system.machine import Machine
from tests.system.servers import HOST, allow, ask, fresh
from tests.system.site import ENVIRONMENT, Site

pytestmark = pytest.mark.system
One = tuple[Site, Project, Machine]
NAME = "demo.example.com"
DEPLOY = ("deploy", f"--env={ENVIRONMENT}")


@pytest.fixture(scope="module")
def served(docker: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[One]:
    """A server that is prepared and serves a release."""
    base = tmp_path_factory.mktemp("served")
    site = Site(docker, debian, count=1)
    try:
        project = fresh(site, base / "project")
        done = project.inv(*HOST)
        assert done.returncode == 0, done.stdout + done.stderr
        done = project.inv(*DEPLOY)
        assert done.returncode == 0, done.stdout + done.stderr
        yield site, project, site.machines[0]
    finally:
        site.close()


def configure(one: One, **environment: object) -> None:
    site, project, _ = one
    project.others = {ENVIRONMENT: site.environment(**{"url": "", **environment})}
    project.configure()


def test_nobody_else_on_the_host_gets_to_the_release(served: One) -> None:
    machine = served[2]
    allow(machine, "curious")
    socket_at = "/srv/demo/current/run/app.sock"
    for path in ("", "/releases", "/shared", "/repo.git", "/current/app.py", "/journal.jsonl"):
        for user in ("curious", "www-data"):
            with pytest.raises(AssertionError, match="Permission denied"):
                machine.run("sh", "-c", f"ls /srv/demo{path} && cat /srv/demo{path}", user=user)
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect({socket_at!r})"
    machine.run("python3", "-c", connect, user="www-data")  # or nginx couldn't either
    with pytest.raises(AssertionError, match="PermissionError"):
        machine.run("python3", "-c", connect, user="curious")
    assert machine.run("stat", "-c", "%U:%G %a", "/srv/demo") == "deploy:www-data 710"


def test_what_is_for_configured_addresses_is_refused_to_others(served: One) -> None:
    machine = served[2]
    paths = ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/x/../metrics", "/metrics/all")
    for path in paths:
        with socket.create_connection((machine.address, 80), timeout=20) as link:
            link.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            assert b" 403 " in link.recv(200), path
    local = "import urllib.request as r; print(r.urlopen('http://127.0.0.1/metrics').status)"
    assert machine.run("python3", "-c", local) == "200"
    assert ask(machine, "/metricsfoo").status_code == 200


def test_what_listens_is_what_is_listed(served: One) -> None:
    """Whoever gets to a host's addresses finds what docs/EXPOSURE.md has, and nothing else."""
    machine = served[2]
    shown = machine.run("ss", "-Hltnup").splitlines()
    found = {tuple(line.split()[4].rsplit(":", 1)) for line in shown}
    ports = {port for address, port in found if address != "127.0.0.11"}  # Docker's own, for names
    assert ports == {row.port for row in tabled.listed("A prepared host")} - {"443"}


def test_a_dead_service_is_a_bad_gateway_and_no_release_is_unavailable(served: One) -> None:
    machine = served[2]
    machine.run("mv", "/srv/demo/current/run/app.sock", "/srv/demo/current/run/gone.sock")
    assert ask(machine).status_code == 502
    machine.run("mv", "/srv/demo/current/run/gone.sock", "/srv/demo/current/run/app.sock")
    machine.run("mv", "/srv/demo/current", "/srv/demo/kept")
    answer = ask(machine)
    machine.run("mv", "/srv/demo/kept", "/srv/demo/current")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "30"
    assert ask(machine).status_code == 200


def test_the_site_bounds_requests_and_logs_upstream_times(served: One) -> None:
    machine = served[2]
    with requests.Session() as session:
        session.trust_env = False
        large = session.post(f"http://{machine.address}/", data=b"x" * (11 << 20), timeout=60)
    assert large.status_code == 413 and large.headers["Server"] == "nginx"
    ask(machine, "/?token=secret", headers={"X-Request-ID": "the-request"})
    log = machine.run("cat", "/var/log/nginx/demo.access.log")
    line = next(line for line in log.splitlines() if '"id":"the-request"' in line)
    assert '"upstream_status":"200"' in line and '"upstream_seconds":"0.' in line
    assert "secret" not in log


# A service that answers with the very request that it was sent, once for each connection.
ECHO = """
import os, socket
os.umask(0)
server = socket.socket(socket.AF_UNIX)
server.bind("/srv/demo/current/run/app.sock")
server.listen(9)
while True:
    link = server.accept()[0]
    said = b""
    while b"\\r\\n\\r\\n" not in said:
        said += link.recv(4096)
    link.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(said) + said)
"""


@pytest.fixture
def echo(served: One) -> Iterator[Machine]:
    machine = served[2]
    run = "/srv/demo/current/run"
    machine.run("mv", f"{run}/app.sock", f"{run}/kept.sock")
    machine.run("systemd-run", "-q", "--unit=echo", "python3", "-c", ECHO)
    machine.run("sh", "-c", f"until [ -S {run}/app.sock ]; do sleep 0.05; done")
    yield machine
    machine.run("systemctl", "stop", "echo")
    machine.run("mv", f"{run}/kept.sock", f"{run}/app.sock")


def test_the_service_is_told_who_asks_and_may_change_the_protocol(echo: Machine) -> None:
    given = {"X-Request-ID": "an id with spaces", "X-Forwarded-Proto": "https"}
    plain = ask(echo, "/a%20b?c=d", headers={**given, "Connection": "keep-alive"}).text
    first, *rest = plain.splitlines()
    said = dict(line.split(": ", 1) for line in rest if line)
    assert first == "GET /a%20b?c=d HTTP/1.1"
    assert (said["Connection"], said["Host"]) == ("close", echo.address)
    assert said["X-Forwarded-Proto"] == "http" and said["X-Forwarded-For"].endswith(".1")
    assert len(said["X-Request-ID"]) == 32
    wanted = {"Connection": "Upgrade", "Upgrade": "websocket", "X-Request-ID": "mine"}
    said = dict(line.split(": ", 1) for line in ask(echo, headers=wanted).text.splitlines()[1:-1])
    assert (said["Connection"], said["Upgrade"]) == ("upgrade", "websocket")
    assert said["X-Request-ID"] == "mine"


def test_a_thousand_requests_are_held_at_once(served: One) -> None:
    """Debian's nginx has 768 connections a worker, and each request is two."""
    _, project, machine = served
    project.commit("slow", "slow=3")
    deployed = project.inv(*DEPLOY)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    try:
        assert Counter(asyncio.run(_at_once(f"http://{machine.address}/", 1000))) == {200: 1000}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    project.commit("quick", "")
    assert project.inv(*DEPLOY).returncode == 0


async def _at_once(url: str, count: int) -> list[int]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def one() -> int:
            async with session.get(url) as answer:
                await answer.read()
                return answer.status

        return await asyncio.gather(*(one() for _ in range(count)))


def test_a_reboot_brings_the_release_back_by_itself(served: One) -> None:
    _, project, machine = served
    machine.power_off()
    machine.power_on()
    until(lambda: _status(machine) == 200, "the release did not come back")
    assert project.inv(*HOST, "--check").returncode == 0


def _status(machine: Machine) -> int:
    try:
        return ask(machine).status_code
    except requests.RequestException:
        return 0


LINKS = {
    "the folder": ("rm -rf .ssh; ln -s /root/.ssh .ssh", ".ssh is a link"),
    "the file": ("ln -sf /root/.ssh/authorized_keys .ssh/authorized_keys", "is a link"),
    "a pipe": ("rm .ssh/authorized_keys; mkfifo .ssh/authorized_keys", "is a link or the like"),
}


@pytest.mark.parametrize(("planted", "said"), LINKS.values(), ids=LINKS)
def test_root_follows_no_link_that_the_user_has_planted(
    served: One, planted: str, said: str
) -> None:
    _, project, machine = served
    before = machine.run("sh", "-c", "ls -la /root/.ssh; cat /root/.ssh/*")
    machine.run("sh", "-c", f"cp -a ~/.ssh ~/kept; cd; {planted}", user="deploy")
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1 and said in refused.stderr
        assert machine.run("sh", "-c", "ls -la /root/.ssh; cat /root/.ssh/*") == before
    finally:
        machine.run("sh", "-c", "rm -rf ~/.ssh; mv ~/kept ~/.ssh", user="deploy")
    assert project.inv(*HOST, "--check").returncode == 0


def test_a_directory_that_others_could_replace_is_refused(served: One) -> None:
    _, project, machine = served
    machine.run("ln", "-s", "/etc", "/home/deploy/app", user="deploy")
    mode = machine.run("stat", "-c", "%U %a", "/etc")
    configure(served, path="/home/deploy/app")
    refused = project.inv(*HOST)
    configure(served)
    assert refused.returncode == 1 and "is not only root's" in refused.stderr
    assert machine.run("stat", "-c", "%U %a", "/etc") == mode


def test_with_a_certificate_everybody_else_is_sent_to_https(served: One) -> None:
    """And the deploy goes on verifying the release through the host's own front, in plain HTTP."""
    _, project, machine = served
    files = {"certificate": "/etc/ssl/demo.pem", "key": "/etc/ssl/private/demo.pem"}
    configure(served, host_header=NAME, server={"tls": files})
    refused = project.inv(*HOST)
    assert refused.returncode == 1 and "/etc/ssl/demo.pem can't be read" in refused.stderr
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME}"
    words += (
        f" -addext subjectAltName=DNS:{NAME} -keyout {files['key']} -out {files['certificate']}"
    )
    machine.run("mkdir", "-p", "/etc/ssl/private")
    machine.run("openssl", *words.split())
    done = project.inv(*HOST)
    assert done.returncode == 0, done.stdout + done.stderr
    assert project.inv(*HOST, "--check").returncode == 0
    sent = ask(machine, "/a?b=c", headers={"Host": NAME}, allow_redirects=False)
    assert (sent.status_code, sent.headers["Location"]) == (308, f"https://{NAME}/a?b=c")
    assert "hello" in _https(machine, machine.run("cat", files["certificate"]))
    kept = ask(machine, "/metrics", headers={"Host": NAME}, allow_redirects=False)
    assert kept.status_code == 403, "for whom it is, it is in plain HTTP: others are refused"
    deployed = project.inv(*DEPLOY)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    configure(served)
    assert project.inv(*HOST).returncode == 0


def _https(machine: Machine, certificate: str) -> str:
    trusting = ssl.create_default_context(cadata=certificate)
    with socket.create_connection((machine.address, 443), timeout=20) as plain:
        with trusting.wrap_socket(plain, server_hostname=NAME) as link:
            link.sendall(f"GET / HTTP/1.0\r\nHost: {NAME}\r\n\r\n".encode())
            return b"".join(iter(lambda: link.recv(4096), b"")).decode()
