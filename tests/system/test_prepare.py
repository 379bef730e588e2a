"""`inv host --env=…` on real Debian servers: prepared, prepared again, and mended."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.project import Project
from tests.support.rig import until
from tests.system.engine import Engine
from tests.system.servers import HOST, allow, ask, fresh, items, tree
from tests.system.site import ENVIRONMENT, Site

pytestmark = pytest.mark.system
Pair = tuple[Site, Project]


@pytest.fixture(scope="module")
def pair(
    docker: Engine, debian: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Project]]:
    """Two servers, as they are rented."""
    base = tmp_path_factory.mktemp("prepared")
    site = Site(docker, debian, count=2)
    try:
        yield site, fresh(site, base / "project")
    finally:
        site.close()


@pytest.fixture
def prepared(pair: Pair) -> Pair:
    done = pair[1].inv(*HOST)
    assert done.returncode == 0, done.stdout + done.stderr
    return pair


def test_a_fresh_server_is_planned_prepared_and_serves(pair: Pair) -> None:
    site, project = pair
    before = tree(site)
    planned = items(project.document(*HOST, "--plan"), "drifted")
    checked = project.inv(*HOST, "--check")
    assert tree(site) == before
    assert checked.returncode == 1 and f"run `inv host --env={ENVIRONMENT}`" in checked.stdout
    assert items(project.document(*HOST), "changed") == planned
    assert [ask(machine).status_code for machine in site.machines] == [503, 503]
    deployed = project.inv("deploy", f"--env={ENVIRONMENT}")
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert [ask(machine).json()["text"] for machine in site.machines] == ["hello", "hello"]


def test_the_second_run_changes_nothing(prepared: Pair) -> None:
    site, project = prepared
    before, workers = tree(site), [each.run("pgrep", "-x", "nginx") for each in site.machines]
    done = project.document(*HOST)
    assert [host["changed"] for host in done["detail"]["hosts"].values()] == [0, 0]
    assert project.inv(*HOST, "--check").returncode == 0
    assert tree(site) == before
    assert [each.run("pgrep", "-x", "nginx") for each in site.machines] == workers


NONE = "[Service]\\nDelegate=no\\n"
# What somebody may have done to each item, a few at a time: a round takes as long as an item.
DRIFTS = {
    "one": {
        "account": "usermod -s /usr/sbin/nologin deploy",
        "authorized keys": "rm /home/deploy/.ssh/authorized_keys",
        "journal": "rm -rf /var/log/journal",
        "limits": "mkdir -p /etc/systemd/system/user@.service.d;"
        f" printf '{NONE}' >/etc/systemd/system/user@.service.d/10-none.conf;"
        " systemctl daemon-reload",
        "lingering": "loginctl disable-linger deploy",
        "directory": "chmod 755 /srv/demo",
        "connections": "sed -i 's/4096/512/; /nofile/d' /etc/nginx/nginx.conf",
        "site": "echo '# by hand' >>/etc/nginx/conf.d/demo.conf",
        "nginx": "systemctl disable -q nginx",
    },
    "another": {
        "authorized keys": "cd /home/deploy; chmod 666 .ssh/authorized_keys; chmod 777 . .ssh",
        "directory": "chown root: /srv/demo",
        "connections": "sed -i 's/nofile .*;/nofile 512;/' /etc/nginx/nginx.conf",
        "site": "rm /etc/nginx/conf.d/demo.conf",
        "nginx": "systemctl stop nginx",
    },
    "the third": {
        "authorized keys": "chmod 755 /home/deploy/.ssh",
        "nginx": "touch /run/demo.nginx-is-stale",
    },
}


@pytest.mark.parametrize("broken", DRIFTS.values(), ids=DRIFTS)
def test_what_drifted_is_found_and_mended(prepared: Pair, broken: dict[str, str]) -> None:
    site, project = prepared
    first, other = (f"deploy@{machine.name}" for machine in site.machines)
    for command in broken.values():
        site.machines[0].run("sh", "-c", command)
    before = tree(site)
    found = project.document(*HOST, "--check", code=1)
    assert items(found, "drifted") == {first: list(broken), other: []}
    assert tree(site) == before
    mended = items(project.document(*HOST), "changed")
    assert mended == {first: list(broken), other: []}
    assert project.inv(*HOST, "--check").returncode == 0
    until(lambda: ask(site.machines[0]).status_code == 200)
    assert "512" not in site.machines[0].run("cat", "/etc/nginx/nginx.conf")


def test_a_host_that_cannot_be_prepared_is_named_and_keeps_no_other_from_it(prepared: Pair) -> None:
    """nginx would not start with what somebody else has written: its words are told."""
    site, project = prepared
    broken, whole = site.machines
    site_file = broken.run("cat", "/etc/nginx/conf.d/demo.conf")
    broken.run("sh", "-c", "echo 'nonsense;' >/etc/nginx/conf.d/other.conf")
    try:
        project.others = {ENVIRONMENT: site.environment(url="", server={"body": "20m"})}
        project.configure()
        done = project.inv(*HOST)
        assert done.returncode == 1
        assert f"deploy@{broken.name} could not be prepared" in done.stderr
        assert 'unknown directive "nonsense"' in done.stderr and "Runbook: nginx" in done.stderr
        assert "20m" in whole.run("cat", "/etc/nginx/conf.d/demo.conf")
        assert broken.run("cat", "/etc/nginx/conf.d/demo.conf") == site_file
        assert ask(broken).json()["text"] == "hello"
    finally:
        broken.run("rm", "/etc/nginx/conf.d/other.conf")
    assert project.inv(*HOST).returncode == 0


def test_who_has_the_port_is_named(prepared: Pair) -> None:
    site, project = prepared
    machine = site.machines[0]
    machine.run("systemctl", "stop", "nginx")
    machine.run("systemd-run", "-q", "--unit=taken", "python3", "-m", "http.server", "80")
    machine.run("sh", "-c", "until ss -Hltn sport = :80 | grep -q .; do sleep 0.1; done")
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1
        assert "port 80 is taken by python3" in refused.stderr and "ss -ltnp" in refused.stderr
    finally:
        machine.run("systemctl", "stop", "taken")
    assert project.inv(*HOST).returncode == 0


def test_another_administrator_needs_sudo(prepared: Pair) -> None:
    site, project = prepared
    for machine in site.machines:
        allow(machine, "ops")
    site.machines[0].run("chmod", "755", "/srv/demo")
    refused = project.inv(*HOST, "--admin=ops")
    assert refused.returncode == 2 and "sudo asks for a password" in refused.stderr
    assert "terminal" in refused.stderr
    for machine in site.machines:
        machine.run("sh", "-c", "echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops")
    done = project.document(*HOST, "--admin=ops")
    assert [host["changed"] for host in done["detail"]["hosts"].values()] == [1, 0]


def test_sudo_has_its_password_from_a_terminal_and_nobody_else(prepared: Pair) -> None:
    site, project = prepared
    machine = site.machines[0]
    allow(machine, "asked")
    machine.run("usermod", "-aG", "sudo", "asked")
    machine.run("chpasswd", data="asked:sentinel-word\n")
    machine.run("chmod", "755", "/srv/demo")
    one = {**site.environment(url=""), "hosts": [f"deploy@{machine.name}"]}
    project.others = {**project.others, "one": one}
    project.configure()
    for word, code in (("wrong-word", 2), ("sentinel-word", 0)):
        ours, theirs = os.openpty()
        inv = project.popen("host", "--env=one", "--admin=asked", stdin=theirs)
        assert inv.stdout
        said = ""
        while "for sudo on" not in said:  # what is typed before it asks is not taken
            said += inv.stdout.read(1)
        os.write(ours, f"{word}\n".encode())
        said += inv.communicate(timeout=100)[0]
        os.close(ours)
        os.close(theirs)
        assert inv.returncode == code, said
        assert word not in said + (project.root / ".circle" / "journal.jsonl").read_text()
    assert "change the mode 0755 to 0710 of /srv/demo" in said
    assert "sentinel-word" not in machine.run("journalctl", "--no-pager")


def test_two_operators_do_not_prepare_one_host_at_once(prepared: Pair) -> None:
    site, project = prepared
    machine = site.machines[0]
    words = ("flock", "/run/circle-host.lock", "sleep", "600")
    machine.run("systemd-run", "-q", "--unit=other", *words)
    machine.run("sh", "-c", "until ! flock -n /run/circle-host.lock true; do sleep 0.1; done")
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 1 and "somebody else prepares this host" in refused.stderr
        assert "Runbook: Somebody else prepares the host" in refused.stderr
        assert project.inv(*HOST, "--check").returncode == 0  # which changes nothing
    finally:
        machine.run("systemctl", "stop", "other")


def test_a_host_that_lets_nobody_in_changes_nothing(prepared: Pair) -> None:
    refused = prepared[1].inv(*HOST, "--admin=nobody-here")
    assert refused.returncode == 2 and "refused authentication of nobody-here" in refused.stderr
    assert "--admin=NAME" in refused.stderr


def test_an_unknown_host_key_is_refused_and_can_be_trusted(prepared: Pair) -> None:
    site, project = prepared
    known = (project.root / "known_hosts").read_text()
    (project.root / "known_hosts").unlink()
    try:
        refused = project.inv(*HOST)
        assert refused.returncode == 2 and f"inv host.trust --env={ENVIRONMENT}" in refused.stderr
        assert project.inv("host.trust", f"--env={ENVIRONMENT}", "--yes").returncode == 0
        assert project.inv(*HOST, "--check").returncode == 0
    finally:
        (project.root / "known_hosts").write_text(known)
