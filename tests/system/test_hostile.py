"""A prepared server as somebody meets it who means it ill: another user of it, or the deploy user.

docs/decisions/ has the review that these come from.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.support.project import Project
from tests.system.engine import Engine
from tests.system.machine import Machine
from tests.system.servers import HOST, allow, ask, fresh, items
from tests.system.site import ENVIRONMENT, Site

pytestmark = pytest.mark.system
One = tuple[Site, Project, Machine]
DEPLOY = ("deploy", f"--env={ENVIRONMENT}")
SECRET = "sentinel-9f31c7"

# What is on a server after a deploy, with who may do what. A directory's "x" without "r": it can be
# passed, and not listed. <id>: a release's.
MODES = {
    "/srv/demo": "deploy:www-data 710",
    "/srv/demo/repo.git": "deploy:deploy 750",
    "/srv/demo/releases": "deploy:deploy 711",
    "/srv/demo/releases/<id>": "deploy:deploy 711",
    "/srv/demo/releases/<id>/app.py": "deploy:deploy 640",
    "/srv/demo/releases/<id>/.env": "deploy:deploy 600",
    "/srv/demo/releases/<id>/.release.json": "deploy:deploy 640",
    "/srv/demo/releases/<id>/run": "deploy:deploy 711",
    "/srv/demo/releases/<id>/run/app.sock": "deploy:deploy 666",
    "/srv/demo/venvs": "deploy:deploy 711",
    "/srv/demo/shared": "deploy:deploy 750",
    "/srv/demo/shared/.env": "deploy:deploy 600",
    "/srv/demo/run": "deploy:deploy 700",
    "/srv/demo/run/agent.py": "deploy:deploy 600",
    "/srv/demo/lock": "deploy:deploy 640",
    "/srv/demo/journal.jsonl": "deploy:deploy 640",
    "/home/deploy": "deploy:deploy 750",
    "/home/deploy/.ssh": "deploy:deploy 700",
    "/home/deploy/.ssh/authorized_keys": "deploy:deploy 600",
    "/home/deploy/.config": "deploy:deploy 750",
    "/home/deploy/.config/systemd/user/demo@.service": "deploy:deploy 644",
    "/etc/nginx/conf.d/demo.conf": "root:root 644",
    "/etc/nginx/nginx.conf": "root:root 644",
    "/var/log/nginx": "root:adm 755",
    "/var/log/nginx/demo.access.log": "www-data:adm 640",
    "/var/log/nginx/demo.error.log": "www-data:adm 640",
    "/var/log/journal": "root:systemd-journal 2755",
    "/var/lib/systemd/linger/deploy": "root:root 644",
    "/run/circle-host.lock": "root:root 600",
    "/run/user/1000": "deploy:deploy 700",
}


@pytest.fixture(scope="module")
def served(docker: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[One]:
    """A server that serves a release, with a secret in its environment, and another user on it."""
    base = tmp_path_factory.mktemp("hostile")
    site = Site(docker, debian, count=1)
    try:
        project = fresh(site, base / "project")
        prepare(project)
        machine = site.machines[0]
        allow(machine, "mallory")
        machine.run("sh", "-c", "umask 077; mkdir -m 750 /srv/demo/shared", user="deploy")
        line = f"PASSWORD={json.dumps(SECRET)}\n"
        put = "umask 077; cat >/srv/demo/shared/.env"
        machine.run("sh", "-c", put, user="deploy", data=line)
        done = project.inv(*DEPLOY)
        assert done.returncode == 0, done.stdout + done.stderr
        yield site, project, machine
    finally:
        site.close()


def prepare(project: Project) -> None:
    done = project.inv(*HOST)
    assert done.returncode == 0, done.stdout + done.stderr


def configure(one: One, **environment: object) -> None:
    site, project, _ = one
    project.others = {ENVIRONMENT: site.environment(**environment)}
    project.configure()


def test_modes_are_as_the_review_has_them(served: One) -> None:
    machine = served[2]
    release = machine.run("readlink", "/srv/demo/current").rpartition("/")[2]
    paths = [path.replace("<id>", release) for path in MODES]
    shown = machine.run("stat", "-c", "%U:%G %a", *paths).splitlines()
    assert dict(zip(MODES, shown)) == MODES


# Whatever another user can open, or sees of processes and logs. What is looked for comes from a
# file of its own, for a command line would be found, too.
SEEN = r"""
cd /home/mallory
find / \( -path /proc -o -path /sys -o -path /home/mallory \) -prune -o -type f -readable -print0 \
    2>/dev/null | xargs -0 grep -l -a -s -F -f sought
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -c -a -F -f sought
journalctl --no-pager -q 2>/dev/null | grep -a -F -f sought
true
"""


def test_another_user_sees_no_secret_of_the_environment(served: One) -> None:
    _, project, machine = served
    assert ask(machine, f"/gone/{SECRET}").status_code in (200, 404)
    machine.run("mv", "/srv/demo/current/run/app.sock", "/srv/demo/current/run/kept")
    assert ask(machine, f"/?token={SECRET}").status_code == 502  # nginx logs that whole request
    machine.run("mv", "/srv/demo/current/run/kept", "/srv/demo/current/run/app.sock")
    assert SECRET in machine.run("cat", "/var/log/nginx/demo.error.log")
    machine.run("sh", "-c", "cat >/home/mallory/sought", data=SECRET + "\n")
    assert machine.run("sh", "-c", SEEN, user="mallory").splitlines() == ["0"]
    assert "shared/.env" in machine.run("sh", "-c", SEEN)  # root sees it


def test_logs_that_anybody_can_read_are_closed(served: One) -> None:
    _, project, machine = served
    machine.run("chmod", "644", "/var/log/nginx/demo.access.log")
    machine.run("rm", "/var/log/nginx/demo.error.log")
    found = project.document(*HOST, "--check", code=1)
    assert list(items(found, "drifted").values()) == [["logs"]]
    prepare(project)
    machine.run("systemctl", "reload", "nginx")
    for kind in ("access", "error"):
        path = f"/var/log/nginx/demo.{kind}.log"
        assert machine.run("stat", "-c", "%U:%G %a", path) == MODES[path]


# Changes the protocol for whoever wants that, and says from then on what it is told.
WILLING = """
import os, socket
os.umask(0)
server = socket.socket(socket.AF_UNIX)
server.bind("/srv/demo/current/run/app.sock")
server.listen(9)
while True:
    link = server.accept()[0]
    said = link.recv(4096)
    if b"upgrade:" in said.lower():
        link.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\n"
                     b"Connection: Upgrade\\r\\nUpgrade: x\\r\\n\\r\\n")
        link.sendall(b"SMUGGLED " + link.recv(4096))
    else:
        link.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    link.close()
"""


@pytest.mark.parametrize(
    ("protocol", "passes"), [("h2c", False), ("websocket, h2c", False), ("websocket", True)]
)
def test_only_websocket_is_a_way_past_what_nginx_refuses(
    served: One, protocol: str, passes: bool
) -> None:
    machine = served[2]
    run = "/srv/demo/current/run"
    machine.run("mv", f"{run}/app.sock", f"{run}/kept.sock")
    try:
        machine.run("systemd-run", "-q", "--unit=willing", "python3", "-c", WILLING)
        machine.run("sh", "-c", f"until [ -S {run}/app.sock ]; do sleep 0.05; done")
        with socket.create_connection((machine.address, 80), timeout=20) as link:
            asked = f"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n"
            link.sendall(f"{asked}\r\n".encode())
            first = link.recv(4096)
            link.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = first + b"".join(iter(lambda: link.recv(4096), b""))
        assert (b"SMUGGLED GET /metrics" in answer) == passes
        assert passes or b" 200 OK" in first and b" 403 " in answer
    finally:
        machine.run("systemctl", "stop", "willing")
        machine.run("mv", f"{run}/kept.sock", f"{run}/app.sock")


def test_a_directory_of_somebody_elses_is_not_taken(served: One) -> None:
    """A slip in `path` must not give /opt, or another application, to the deploy user."""
    _, project, machine = served
    machine.run("sh", "-c", "mkdir -p /opt/other; echo x >/opt/other/file")
    for path in ("/opt/other", "/opt"):
        before = machine.run("stat", "-c", "%U:%G %a", path)
        configure(served, path=path)
        refused = project.inv(*HOST)
        assert refused.returncode == 1 and "which no deploy put there" in refused.stderr
        assert machine.run("stat", "-c", "%U:%G %a", path) == before
    configure(served)
    prepare(project)


def test_a_site_that_somebody_else_wrote_stays(served: One) -> None:
    _, project, machine = served
    path = "/etc/nginx/conf.d/demo.conf"
    kept = machine.run("cat", path)
    machine.run("sh", "-c", f"echo '# mine' >{path}")
    refused = project.inv(*HOST)
    assert refused.returncode == 1 and f"{path} is not of `inv host`" in refused.stderr
    assert machine.run("cat", path) == "# mine"
    machine.run("sh", "-c", f"cat >{path}", data=kept + "\n")
    prepare(project)


@pytest.mark.parametrize("user", ["www-data", "backup"])
def test_a_user_of_the_system_is_not_opened(served: One, user: str) -> None:
    site, project, machine = served
    before = machine.run("getent", "passwd", user)
    configure(served, hosts=[f"{user}@{machine.name}"])
    refused = project.inv(*HOST)
    configure(served)
    assert refused.returncode == 1 and f"{user} is a user of the system" in refused.stderr
    assert machine.run("getent", "passwd", user) == before


def test_a_program_that_calls_itself_nginx_is_not_it(served: One) -> None:
    """Whoever has the front's port answers in a release's place, and sees what users send."""
    _, project, machine = served
    machine.run("sh", "-c", "cp /usr/bin/python3 /tmp/nginx", user="mallory")
    command = "systemd-run -q --unit=false --uid=mallory /tmp/nginx -m http.server 8080"
    machine.run(*command.split())
    machine.run("sh", "-c", "until ss -Hltn sport = :8080 | grep -q .; do sleep 0.1; done")
    configure(served, front="http://127.0.0.1:8080")
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1
        assert re.search("port 8080 is taken by .* of mallory", refused.stderr)
    finally:
        machine.run("systemctl", "stop", "false")
        machine.run("rm", "/tmp/nginx")
        configure(served)
        prepare(project)


CERTIFICATES = {
    "a pipe": ("mkfifo -m 600 /etc/ssl/a.pem", "/etc/ssl/a.pem", "is no PEM file"),
    "in a home": (
        "install -o deploy -m 600 /etc/ssl/good.pem /home/deploy/a.pem",
        "/home/deploy/a.pem",
        "is not only root's",
    ),
    "led there by a link": (
        "install -o deploy -m 600 /etc/ssl/good.pem /home/deploy/a.pem;"
        " ln -s /home/deploy/a.pem /etc/ssl/a.pem",
        "/etc/ssl/a.pem",
        "is not only root's",
    ),
    "a key for all": (
        "install -m 644 /etc/ssl/good.pem /etc/ssl/a.pem",
        "/etc/ssl/a.pem",
        "every user can read",
    ),
}


@pytest.mark.parametrize(("made", "path", "said"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_root_reads_no_certificate_that_others_lead_it_to(
    served: One, made: str, path: str, said: str
) -> None:
    _, project, machine = served
    machine.run("sh", "-c", f"echo '-----BEGIN X-----' >/etc/ssl/good.pem; {made}")
    tls = {"certificate": "/etc/ssl/good.pem", "key": path}
    configure(served, server={"tls": tls})
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1 and said in refused.stderr, refused.stderr
    finally:
        machine.run("rm", "-f", "/etc/ssl/a.pem", "/home/deploy/a.pem")
        configure(served)


def test_the_deploy_user_holds_no_preparation_up(served: One) -> None:
    """Neither by stopping what root does as it, nor by taking its own manager's socket away."""
    _, project, machine = served
    keys = "/home/deploy/.ssh/authorized_keys"
    machine.run("sh", "-c", f"cp -p {keys} ~/kept; yes '' | head -c 900000 >>{keys}", user="deploy")
    loop = "while :; do kill -STOP -1; done"  # all of its processes but this one
    machine.run("systemd-run", "-q", "--unit=stopper", "--uid=deploy", "bash", "-c", loop)
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1 and "nothing could be done as deploy" in refused.stderr
    finally:
        machine.run("systemctl", "stop", "stopper")
        machine.run("bash", "-c", f"kill -CONT -1; mv ~/kept {keys}", user="deploy")
    place = "/run/user/1000/systemd"
    machine.run("mv", f"{place}/private", f"{place}/kept")
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1 and "`systemctl restart user@1000" in refused.stderr
    finally:
        machine.run("mv", f"{place}/kept", f"{place}/private")
    prepare(project)  # and nobody is left that holds it
