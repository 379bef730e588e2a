"""The hosts of an environment, with all that is needed to reach each."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import address as addresses
from .address import Address
from .errors import Refused

if TYPE_CHECKING:
    from .settings import Environment, Settings

SANDBOX = "sandbox"


@dataclass(frozen=True)
class Target:
    """
    One host: `name` is the label that is shown, `path` the application's directory there, `front`
    the URL of its own front as seen from the host, `identity` the only key to offer (None: what
    ssh_config, the agent and ~/.ssh have), `environment` where it belongs, for the commands that a
    refusal names.
    """

    name: str
    address: Address
    path: str
    front: str
    identity: Path | None
    known_hosts: tuple[Path, ...]
    ssh_config: Path | None
    adapter: str
    environment: str = SANDBOX


def targets(settings: Settings, environment: Environment, root: Path) -> tuple[Target, ...]:
    """
    Name the hosts of an environment, in the order of the configuration.

    settings, environment: as read from the configuration; root: the project's directory, where its
    own `known_hosts` and the sandbox are. Raises Refused when an address is wrong or given twice,
    or the sandbox isn't running.
    """
    if environment.name == SANDBOX and not environment.hosts:
        return _sandbox(settings, root)
    config = _home(environment.ssh_config) if environment.ssh_config else None
    found = tuple(
        Target(
            name=text,
            address=addresses.parse(text),
            path=environment.path,
            front=environment.front,
            identity=None,
            known_hosts=(_home("~/.ssh/known_hosts"), known_hosts(root)),
            ssh_config=config,
            adapter=environment.adapter,
            environment=environment.name,
        )
        for text in environment.hosts
    )
    twice = sorted({each.name for each in found if environment.hosts.count(each.name) > 1})
    if twice:
        raise Refused(f"{environment.name} names {', '.join(twice)} more than once.", kind="config")
    return found


def stack_host(environment: Environment, root: Path) -> Target | None:
    """
    Return the host of an environment's own stack (observability.host), None where it has none.

    Raises Refused when its address is wrong.
    """
    text = environment.observability.host
    if not text:
        return None
    config = _home(environment.ssh_config) if environment.ssh_config else None
    return Target(
        name=text,
        address=addresses.parse(text),
        path="",
        front="",
        identity=None,
        known_hosts=(_home("~/.ssh/known_hosts"), known_hosts(root)),
        ssh_config=config,
        adapter="auto",
        environment=environment.name,
    )


def _home(path: str) -> Path:
    """Return a path with ~ as the home that it means; of a user who isn't known it stays, and that
    there is no such file is said by who reads it."""
    return Path(os.path.expanduser(path))


def known_hosts(root: Path) -> Path:
    """
    Return the project's own file of host keys, beside the user's, so that a fresh CI runner knows
    the hosts.
    """
    return root / "known_hosts"


def _answers(port: int) -> bool:
    """Tell whether anybody listens; who it is, its host key shows later."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        return True
    except OSError:
        return False


def _sandbox(settings: Settings, root: Path) -> tuple[Target, ...]:
    """
    Read the sandbox's hosts from its state: one that runs is enough, the others show up as not
    reachable.
    """
    from .sandbox import state

    base = root / settings.sandbox.directory
    hosts = state.read(base).hosts
    if not any(_answers(host.ssh_port) for host in hosts):
        raise Refused(
            "The sandbox isn't running; start it with `inv host --env=sandbox`.", kind="unreachable"
        )
    return tuple(
        Target(
            name=host.name,
            address=addresses.parse(f"{state.USER}@127.0.0.1:{host.ssh_port}"),
            path=str((base / host.name / "srv").resolve()),
            front=f"http://127.0.0.1:{host.front_port}",
            identity=base / state.USER_KEY,
            known_hosts=(base / state.KNOWN_HOSTS,),
            ssh_config=None,
            adapter="process",
        )
        for host in hosts
    )
