"""Whom Prometheus asks of an environment: prometheus/targets/service/ENV.yml, an item of `inv host`
that is on the operator's side."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any, Sequence

from .. import hops
from ..errors import Refused
from ..settings import Environment
from ..target import Target
from . import sound
from .wanted import port

PLACE = Path("prometheus/targets/service")
ON = "this machine"
_HEAD = """\
# Written by `inv host --env={name}`: how Prometheus reaches each host's own front.
"""


def file(environment: Environment, root: Path) -> Path | None:
    """Return where the targets of an environment are, None in a project without that directory."""
    return root / PLACE / f"{environment.name}.yml" if (root / PLACE).is_dir() else None


def reached(targets: Sequence[Target]) -> tuple[str, ...]:
    """Return the names or addresses by which Prometheus asks the hosts, in their order.

    As ssh_config resolves them; a host behind others (ProxyJump) needs a way of its own.
    """
    return tuple(hops.route(each)[-1].host for each in targets)


def names(targets: Sequence[Target]) -> list[str]:
    """Return those that a site may be asked by beside its public name."""
    found = (f"[{each}]" if ":" in each else each.lower() for each in reached(targets))
    return [each for each in dict.fromkeys(found) if sound.NAME.fullmatch(each)]


def text(environment: Environment, targets: Sequence[Target]) -> str:
    """Return the file's content: a target a host, labelled as what the host itself sends is."""
    import yaml

    said: list[dict[str, Any]] = []
    for target, host in zip(targets, reached(targets)):
        at = f"[{host}]" if ":" in host else host
        name = target.address.host
        labels = {"environment": environment.name, "host": name, "instance": name}
        said.append({"targets": [f"{at}:{port(environment)}"], "labels": labels})
    return _HEAD.format(name=environment.name) + yaml.safe_dump(said, sort_keys=False)


def item(environment: Environment, targets: Sequence[Target], root: Path) -> dict[str, Any] | None:
    """Return the item as it is, in the form of a host's; None where the project has no such place.

    Raises Refused where the file can't be read.
    """
    place = file(environment, root)
    if place is None:
        return None
    wanted = text(environment, targets)
    try:
        now = place.read_text() if place.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{place} can't be read ({error}): move it away.", kind="config") from None
    change = f"name {len(targets)} to Prometheus" if now != wanted else ""
    return {
        "item": str(PLACE / place.name),
        "state": "drifted" if change else "holds",
        "changes": [change] if change else [],
    }


def make(environment: Environment, targets: Sequence[Target], root: Path) -> dict[str, Any] | None:
    """Write the file where it differs, and return the item as it was left."""
    found = item(environment, targets, root)
    place = file(environment, root)
    if found is None or place is None or not found["changes"]:
        return found
    new = place.with_name(f".{place.name}.new")  # Prometheus never reads half of it
    new.write_text(text(environment, targets))
    new.chmod(0o644)
    os.replace(new, place)
    return {**found, "state": "changed"}


def shut_out(environment: Environment) -> str:
    """Return why Prometheus can't get what this is for, "" where it is let in, as far as is known.

    A host's front lets in what `server.metrics_from` has, which by default is the host itself.
    """
    server = environment.server
    if "/metrics" not in server.metrics:
        return ""
    networks = [ipaddress.ip_network(each, strict=False) for each in server.metrics_from]
    if any(not each.is_loopback for each in networks):
        return ""
    return (
        f"{environment.name}'s hosts give /metrics to themselves alone: add the address that "
        "Prometheus asks from to server.metrics_from in invoke.yaml."
    )
