"""docs/EXPOSURE.md, held against what listens. Containers and prepared hosts: tests/system/."""

from __future__ import annotations

import json
import re
import subprocess

import psutil
import yaml

from tasks.lib.developer import compose
from tasks.lib.sandbox import state
from tasks.lib.telemetry import shipping
from tests.conftest import Make
from tests.support.observed import ROOT, need
from tests.support.tabled import Row, listed

STACK, REMOTE = "The stack on this machine", "An environment's own stack"


def published(*files: str) -> set[Row]:
    """Return what Compose itself publishes of files that are laid over one another."""
    need("docker-compose")
    words = ["docker-compose", *(word for name in files for word in ("-f", name)), "config"]
    env = {"PATH": "/usr/bin:/bin", "GRAFANA_ADMIN_PASSWORD": "any"}
    told = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    found = compose.bound(yaml.safe_load(told.stdout))
    return {Row(each.service, each.address, str(each.port)) for each in found}


def test_each_port_of_the_stack_is_listed_with_its_address() -> None:
    here, there = listed(STACK), listed(REMOTE)
    assert published("docker-compose.yml") == here
    assert {each.address for each in here} == {"127.0.0.1"}
    assert published("docker-compose.yml", shipping.OVERLAY) == here | there
    assert {each.port for each in there} == {str(shipping.TLS_PORT)}


def test_nothing_of_the_stack_may_listen_but_what_is_published() -> None:
    """No service has the machine's own network, or is let at its devices or Docker's socket."""
    for name in ("docker-compose.yml", shipping.OVERLAY):
        said = json.dumps(yaml.safe_load((ROOT / name).read_text()))
        assert not re.search(r"network_mode|privileged|docker\.sock|\"pid\"|devices|cap_add", said)


def test_the_sandbox_listens_on_loopback_alone(make: Make) -> None:
    project = make(hosts=2)
    hosts = [psutil.Process(host.pid) for host in state.read(project.root / ".sandbox").hosts]
    held = [process.net_connections(kind="inet") for process in hosts]
    listening = [[each for each in some if each.status == psutil.CONN_LISTEN] for some in held]
    assert [len(some) for some in listening] == [2, 2], "SSH and the front, of each host"
    addresses = {each.laddr.ip for some in listening for each in some}
    rows = [each for each in listed("What else runs on this machine") if "sandbox" in each.what]
    assert addresses == {each.address for each in rows} == {"127.0.0.1"}
