"""The stack of docker-compose.yml, wherever it runs: looked at, started and waited for, ended.

The one place that drives Compose. Whoever uses it makes a Place first: `telemetry.composed.here`
for this machine, `telemetry.remote` for a host. Nothing here prints but `start`, `stop` and `logs`,
which show what Compose itself says.
"""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from .. import console
from ..errors import NotClosed, Refused
from .compose import Place, bound, config, mounted, why

LIMIT = 180.0  # seconds until the services have to be healthy
PAUSE = 0.5  # seconds between two looks
TAIL = 20  # lines of a log that are told with a failure
_FORMAT = (
    '{"id": {{json .Id}}, "name": {{json .Name}}, "state": {{json .State}}, '
    '"labels": {{json .Config.Labels}}, "ports": {{json .NetworkSettings.Ports}}}'
)


class Service(NamedTuple):
    """A container of the stack. name: its service's. said: "" where it is up, "starting", or else
    what is wrong. container: its own name. ports: those that it holds on the machine."""

    name: str
    said: str
    container: str = ""
    ports: tuple[int, ...] = ()


class Port(NamedTuple):
    """A port that the stack publishes. address: "" is every address. holder: who else has it now,
    "" where it is free or the stack's own."""

    service: str
    address: str
    port: int
    holder: str = ""


def missing(place: Place) -> str:
    """Return what keeps the stack from being started, "" where nothing does.

    Looks for Compose, Docker's daemon, and whether Compose takes the file: variables that have to
    have a value are told so. Taken ports are `ports`'.
    """
    if said := place.lacks():
        return said
    if not place.words:
        return "Docker Compose is not installed"
    told = place.run("docker", "version", "--format", "{{.Server.Version}}")
    if told.code:
        return f"Docker's daemon doesn't answer: {why(told)}"
    try:
        read = config(place)
    except Refused as error:
        return str(error)
    return place.unreadable(mounted(read))


def services(place: Place) -> tuple[Service, ...]:
    """Return the containers that the Compose file has made, and how each is. Raises Refused.

    One whose image can't ask itself is asked by the place's own URL.
    """
    told = place.run(*place.words, "ps", "--all", "--quiet")
    if told.code:  # 1.29 before it knew --all
        told = place.run(*place.words, "ps", "--quiet")
    ids = told.out.split()
    if told.code or not ids:
        return ()
    told = place.run("docker", "inspect", "--format", _FORMAT, *ids)
    found = (_service(json.loads(line)) for line in told.out.splitlines() if line.strip())
    return tuple(sorted(_asked(each, place.asks) for each in found))


def _service(read: Mapping[str, Any]) -> Service:
    container = str(read["name"]).lstrip("/")
    name = (read.get("labels") or {}).get("com.docker.compose.service", container)
    held = {
        int(each["HostPort"])
        for some in (read.get("ports") or {}).values()
        for each in some or ()
        if str(each.get("HostPort", "")).isdigit()
    }
    return Service(name, _said(read["state"]), container, tuple(sorted(held)))


def _asked(service: Service, asks: Mapping[str, str]) -> Service:
    url = asks.get(service.name, "")
    if not url or service.said:
        return service
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            well = session.get(url, timeout=2).ok
        except requests.RequestException:
            well = False
    return service if well else service._replace(said="starting")


def troubled(place: Place) -> str:
    """Return what of the stack is not up, "" where all of it is."""
    found = services(place)
    if not found:
        return "none of them was started"
    return ", ".join(f"{each.name} is {each.said}" for each in found if each.said)


def ports(place: Place) -> tuple[Port, ...]:
    """Return the ports that the stack publishes, and who else holds each. Raises Refused."""
    asked = [Port(*each) for each in bound(config(place))]
    own = services(place)
    found = [
        each if _own(each, own) else each._replace(holder=place.holder(each.port)) for each in asked
    ]
    if any(each.holder for each in found):
        own = services(place)  # a container that starts again and again may have it only now
        found = [each._replace(holder="") if _own(each, own) else each for each in found]
    return tuple(found)


def _own(port: Port, own: tuple[Service, ...]) -> bool:
    """Whether the stack's own container has a port, or had it a moment ago."""
    return any(
        port.port in each.ports
        or (each.name == port.service and each.said.startswith("restarting"))
        for each in own
    )


def taken(place: Place) -> str:
    """Return which ports of the stack others hold, and who, "" where none is. Raises Refused."""
    held = [each for each in ports(place) if each.holder]
    return "; ".join(f"{each.service}'s {each.port} is held by {each.holder}" for each in held)


def start(
    place: Place,
    limit: float = LIMIT,
    told: Callable[[tuple[Service, ...]], None] | None = None,
    again: str = "inv host --stack",
) -> tuple[Service, ...]:
    """Start the stack and return its containers when all are up, as `docker compose up --wait`.

    limit: seconds for that. told: is given the containers at every look, for a display that lives.
    again: the command that is to be run again after a failure.

    Raises Refused (kind "port") before anything is started where another holds one of its ports,
    and NotClosed (kind "docker") with the log of one that stopped or didn't become healthy.
    """
    if held := taken(place):
        raise Refused(
            f"{held}: end that, or take other ports under `stack:` in invoke.yaml, then run "
            f"`{again}`.",
            kind="port",
        )
    console.say("Starting the services of the Compose file …")
    if place.shown(*place.words, "up", "--detach"):
        raise NotClosed(
            "Docker Compose could not start the services: correct what it says above, then run "
            f"`{again}` again.",
            kind="docker",
        )
    return _awaited(place, time.monotonic() + limit, told or (lambda found: None), again)


def _awaited(
    place: Place, until: float, told: Callable[[tuple[Service, ...]], None], again: str
) -> tuple[Service, ...]:
    while True:
        found = services(place)
        told(found)
        waiting = [each for each in found if each.said == "starting"]
        wrong = [each for each in found if each.said and each not in waiting]
        if wrong or (waiting and time.monotonic() > until):
            raise _unhealthy(place, wrong or waiting, again)
        if not waiting:
            return found
        time.sleep(PAUSE)


def stop(place: Place) -> tuple[Service, ...]:
    """End the stack's containers and networks, and return what was there; its volumes stay.

    Raises NotClosed (kind "docker").
    """
    found = services(place)
    if place.shown(*place.words, "down"):
        raise NotClosed(
            "Docker Compose could not end the services: correct what it says above, then run "
            "`docker compose down`.",
            kind="docker",
        )
    return found


def logs(place: Place, *names: str, tail: int = 100, follow: bool = False) -> int:
    """Show the last `tail` lines of the services' logs (all without names), and with `follow` what
    comes, until Ctrl-C. Return Compose's exit code."""
    words = ["logs", f"--tail={tail}", *(["--follow"] if follow else []), *names]
    return place.shown(*place.words, *words)


def tail(place: Place, container: str, lines: int = TAIL) -> str:
    """Return the last lines of a container's log."""
    told = place.run("docker", "logs", "--tail", str(lines), container)
    return f"{told.out}{told.err}".strip()


def reload(place: Place, *names: str) -> None:
    """Have services read their files again (Prometheus and Alertmanager do so at a HUP).

    Targets and secrets are read again without that. Raises NotClosed (kind "docker").
    """
    told = place.run(*place.words, "kill", "-s", "HUP", *names)
    if told.code:
        raise NotClosed(
            f"{' and '.join(names)} could not be told to read again: {why(told)}", kind="docker"
        )


def reached(place: Place) -> str:
    """Return the address by which containers reach a service on this machine, "" where the stack
    doesn't run or loopback will do.

    On Linux host.docker.internal is the bridge's address: a service that listens on 127.0.0.1 alone
    is not reached there. Where Docker has a machine of its own (macOS, Windows), loopback is.
    """
    import psutil

    found = next((each for each in services(place) if each.name == "prometheus"), None)
    if found is None or found.said:
        return ""
    told = place.run("docker", "exec", found.container, "cat", "/etc/hosts")
    named = (line.split() for line in told.out.splitlines())
    address = next((line[0] for line in named if "host.docker.internal" in line[1:]), "")
    own = {each.address for some in psutil.net_if_addrs().values() for each in some}
    return address if address in own else ""


def _unhealthy(place: Place, wrong: Sequence[Service], again: str) -> NotClosed:
    told = "; ".join(f"{each.name} is {each.said}" for each in wrong)
    return NotClosed(
        f"The services are not up ({told}): see their logs with "
        f"`docker logs {wrong[0].container}`, then run `{again}` again.",
        kind="docker",
        evidence=tail(place, wrong[0].container),
    )


def _said(state: Mapping[str, Any]) -> str:
    """Return what a container's state comes to (`docker inspect`, .State)."""
    health = state.get("Health")
    told = str(health.get("Status", "")) if isinstance(health, dict) else ""
    if state.get("Status") == "running":
        return told if told not in ("", "none", "healthy") else ""
    if state.get("Status") == "exited" and state.get("ExitCode") == 0:
        return ""  # one that had something to do and did it
    if state.get("Status") == "created":
        return "starting"
    if state.get("OOMKilled"):
        return "out of the memory that it may have (mem_limit)"
    return f"{state.get('Status')} (exit code {state.get('ExitCode')})"
