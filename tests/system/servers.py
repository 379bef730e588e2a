"""Servers for the tests of `inv host`: as they are rented, and what the tests ask of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from tests.support.project import Project
from tests.system.machine import Machine
from tests.system.site import ENVIRONMENT, Site

HOST = ("host", f"--env={ENVIRONMENT}")
# Every file but those that a system changes by itself, with mode, owner, time and size.
TREE = (
    "find / /srv -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp"
    " -o -path /var/log -o -path /var/lib/systemd \\) -prune -o"
    " -printf '%p %y %m %u %g %l %T@ %s\\n' | sort"
)


def fresh(site: Site, root: Path, **environment: Any) -> Project:
    """Return a project whose servers nobody has prepared."""
    others = {ENVIRONMENT: site.environment(**{"url": "", **environment})}
    project = Project(root, others=others, default=ENVIRONMENT)
    site.write(root)
    return project


def tree(site: Site) -> list[str]:
    """Return what is on each server's disk."""
    return [machine.run("sh", "-c", TREE) for machine in site.machines]


def ask(machine: Machine, path: str = "/", **more: Any) -> requests.Response:
    """Ask a server's nginx from this machine, on a connection of its own."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"http://{machine.address}{path}", timeout=20, **more)


def items(document: dict[str, Any], state: str) -> dict[str, list[str]]:
    """Return the items that a host has in a state, by host, from `inv host --json`."""
    hosts = document["detail"]["hosts"].items()
    return {name: [i["item"] for i in host["items"] if i["state"] == state] for name, host in hosts}


def allow(machine: Machine, user: str) -> None:
    """Make a user whom root's key lets in."""
    machine.run("useradd", "-m", "-s", "/bin/bash", user)
    home = f"/home/{user}"
    machine.run("install", "-d", "-m", "700", "-o", user, "-g", user, f"{home}/.ssh")
    words = ("-m", "600", "-o", user, "-g", user, "/root/.ssh/authorized_keys")
    machine.run("install", *words, f"{home}/.ssh/authorized_keys")
