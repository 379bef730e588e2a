"""Where containers look for a service on this machine, and from which addresses they come."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path

from ..developer import stack
from ..developer.compose import Place

TARGETS = "prometheus/targets/service"
_NAMED = re.compile(r"host\.docker\.internal:(\d+)")


def port(root: Path, usual: int) -> int:
    """Return the port at which Prometheus is told to find the service, `usual` where none is."""
    for path in sorted((root / TARGETS).glob("*.yml")):
        if found := _NAMED.search(path.read_text(encoding="utf-8")):
            return int(found[1])
    return usual


def of(place: Place, service: str) -> tuple[str, ...]:
    """Return the networks (`172.18.0.0/16`) that a service's container is in."""
    found = next((each for each in stack.services(place) if each.name == service), None)
    if found is None:
        return ()
    told = place.run(
        *("docker", "inspect", "--format", "{{json .NetworkSettings.Networks}}", found.container)
    )
    read = json.loads(told.out) if told.code == 0 else {}
    pairs = ((each.get("IPAddress"), each.get("IPPrefixLen")) for each in read.values())
    some = {ipaddress.ip_interface(f"{ip}/{length}").network for ip, length in pairs if ip}
    return tuple(sorted(map(str, some)))
