"""Many hosts: what is printed stays short, and each is connected to once."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator

import pytest

from tasks.lib.sandbox import state
from tests.faults.proxy import Proxy
from tests.support.project import Project

Make = Callable[..., Project]
MANY = 6


@pytest.fixture(scope="module")
def project(lasting: Make) -> Project:
    made = lasting(hosts=MANY)
    made.document("deploy")
    return made


def test_the_hosts_that_fail_alike_are_one_line_and_all_are_in_the_document(
    project: Project,
) -> None:
    project.quiet()
    before = project.current()
    for number in range(1, MANY + 1):
        project.env(number, GREETING="good day" if number < 3 else "go away")
    project.configure(smoke=[{"path": "/", "text": "good day"}])
    done = project.inv("deploy", "--json")
    assert done.returncode == 1
    said = done.stderr.splitlines()
    failed = next(line for line in said if "failed at verify" in line)
    assert "on 4 hosts: host[3-6]: / does not show 'good day'." in failed
    assert f"Every host went back to {before}." in failed
    assert len([line for line in said if '"greeting"' in line]) == 1, "one host's answer"
    assert "host3 (and host4, host5, host6, see --json):" in said
    assert len([line for line in said if "memory free" in line]) == 1
    hosts = json.loads(done.stdout)["error"]["hosts"]
    assert set(hosts) == {"host3", "host4", "host5", "host6"}
    for each in hosts.values():
        assert each["kind"] == "verify" and '"greeting"' in each["evidence"]
    for number in range(1, MANY + 1):
        project.env(number)
    project.configure(smoke=[{"path": "/", "text": "hello"}])


def test_hosts_that_agree_share_a_row_of_the_status(project: Project) -> None:
    project.quiet()
    shown = project.inv("deploy.status", "--env=sandbox").stdout
    assert len(re.findall(r"^host\[1-6\] ", shown, re.MULTILINE)) == 2, shown
    assert not re.search(r"^host\d ", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 120
    hosts = project.document("deploy.status", "--env=sandbox")["detail"]["hosts"]
    assert len(hosts) == MANY


@pytest.fixture
def counted(project: Project) -> Iterator[list[Proxy]]:
    """The hosts behind proxies that count their connections."""
    base = project.root / ".sandbox"
    known, there = base / state.KNOWN_HOSTS, state.read(base)
    lines = known.read_text()
    proxies = [Proxy(host.ssh_port) for host in there.hosts]
    ways = list(zip(there.hosts, proxies, strict=True))
    led = [dataclasses.replace(host, ssh_port=proxy.port) for host, proxy in ways]
    more = (lines.replace(f":{host.ssh_port} ", f":{proxy.port} ") for host, proxy in ways)
    known.write_text("".join([lines, *more]))
    state.write(base, state.State(tuple(led)))
    yield proxies
    known.write_text(lines)
    state.write(base, there)
    for proxy in proxies:
        proxy.close()


def test_a_deploy_connects_to_each_host_once(project: Project, counted: list[Proxy]) -> None:
    project.quiet()
    project.document("deploy", "--watch=300ms", "--strategy=canary:1")
    assert [proxy.used for proxy in counted] == [1] * MANY
