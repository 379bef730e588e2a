"""The types of the configuration, with their defaults. Durations are seconds.

msgspec is imported here, so the phases import this module (and `config`) inside functions or under
TYPE_CHECKING: `inv --list` must not pay for it.
"""

from __future__ import annotations

from typing import Any, Callable, Literal, Union

import msgspec

from . import sound
from .alert.settings import Alerting, Contact
from .circle.settings import Circle
from .convert import convert, wrong
from .developer.settings import Host
from .duration import Seconds
from .errors import Refused
from .gates.settings import LISTED, Freeze
from .incident.settings import Incidents
from .lint.settings import Lint
from .monitor.settings import Monitor
from .notify.settings import Notify
from .release.settings import Release
from .scorecard.settings import Scorecard
from .server.settings import Resources, Server
from .strategy import ALL, Strategy
from .strict import Strict
from .preaggregate.settings import Preaggregate
from .telemetry.settings import Observability, Stack
from .testing.settings import Testing
from .visualize.settings import Visualize


class Smoke(Strict, frozen=True):
    """A request that must be answered as expected before a release is believed.

    path: begins with `/`. status: the HTTP status expected. text: what the body must contain.
    """

    path: str
    status: int = 200
    text: str = ""


class Hooks(Strict, frozen=True):
    """The service's own commands at fixed points of a deploy or rollback; "" is none."""

    build: str = ""
    backup: str = ""
    before_start: str = ""
    after_switch: str = ""
    after_close: str = ""
    before_rollback: str = ""


class Limits(Strict, frozen=True):
    """How long each part may take on a host."""

    connect: Seconds = Seconds(10)
    stage: Seconds = Seconds(600)
    hook: Seconds = Seconds(600)
    start: Seconds = Seconds(60)
    drain: Seconds = Seconds(30)
    lease: Seconds = Seconds(30)
    verify: Seconds = Seconds(10)
    step: Seconds = Seconds(60)


class Thresholds(Strict, frozen=True):
    """What a watched release must stay under.

    error_ratio: failed requests per request. p95: seconds. interval: seconds between checks.
    failures: failed requests that end the watch at once, where they are over error_ratio so far.
    requests: those of our own to each address within an interval, over all of `paths`; the fewer,
    the longer it takes to see a low error ratio. nodata: what it counts as when nothing could be
    measured.
    """

    error_ratio: float = 0.01
    p95: Seconds = Seconds(1)
    interval: Seconds = Seconds(1)
    failures: int = 3
    requests: int = 20
    nodata: Literal["fail", "pass"] = "fail"
    paths: tuple[str, ...] = ("/",)


class Sandbox(Strict, frozen=True):
    """The sandbox: how many hosts, the port of the first one's front, and where they live."""

    hosts: int = 1
    port: int = 8000
    directory: str = ".sandbox"


class Environment(Strict, frozen=True):
    """One environment, complete: what `service:` and `environments:` say over these defaults.

    standby: the last closed release keeps running, so that a rollback need not start it. gates:
    what a version has to pass, beside `after` and `freeze` (see `gates.every`).
    """

    name: str = ""
    hosts: tuple[str, ...] = ()
    url: str = ""
    front: str = "http://127.0.0.1:80"
    path: str = ""  # filled with /srv/<app>
    after: str = ""
    watch: Seconds = Seconds(900)
    confirm: bool = False
    approve: bool = False
    strategy: Strategy = ALL
    overlap: Literal["watch", "drain"] = "watch"
    standby: bool = False
    keep: int = 5
    python: str = "python3"
    adapter: Literal["auto", "systemd", "process"] = "auto"
    gates: tuple[str, ...] = LISTED
    freeze: tuple[Freeze, ...] = ()
    directory: str = ""
    requirements: str = "server/requirements.txt"
    run: str = "python -m uvicorn server.main:app --uds {socket} --no-access-log"
    processes: dict[str, str] = {}
    health: str = "/api/health"
    version_path: str = "/api/version"
    host_header: str = ""
    smoke: tuple[Smoke, ...] = ()
    hooks: Hooks = Hooks()
    required: tuple[str, ...] = ()
    shared_paths: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    schema: Literal["compatible", "breaking"] = "compatible"
    limits: Limits = Limits()
    thresholds: Thresholds = Thresholds()
    server: Server = Server()
    resources: Resources = Resources()
    observability: Observability = Observability()
    ssh_config: str = "~/.ssh/config"

    def but(self, **changes: Any) -> Environment:
        """Return the same with some values changed, by what one command line says."""
        return msgspec.structs.replace(self, **changes)


# What the sandbox has whatever `service:` says: it is a host of our own on this machine, with no
# remote, no approval and no one to wait for. `environments: sandbox:` may still change any of it.
SANDBOX: dict[str, Any] = {
    "hosts": [],
    "url": "",
    "after": "",
    "watch": "5s",
    "confirm": False,
    "approve": False,
    "adapter": "process",
    "gates": [],
    "freeze": [],
    "ssh_config": "",
}


def _nameless(environment: str, key: str) -> str:
    return f"environments.{environment}.{key}"


class Settings(Strict, frozen=True):
    """The whole configuration, checked.

    environments: what is said of each, `service:` included, as it was read. where: how to name the
    place that a key of an environment was read from, for the sentence of a refusal.
    """

    app: str = "app"
    remote: str = "origin"
    default_environment: str = "sandbox"
    sandbox: Sandbox = Sandbox()
    contacts: dict[str, Union[str, Contact]] = {}
    stack: Stack = Stack()
    host: Host = Host()
    lint: Lint = Lint()
    notify: Notify = Notify()
    test: Testing = Testing()
    preaggregate: Preaggregate = Preaggregate()
    release: Release = Release()
    monitor: Monitor = Monitor()
    visualize: Visualize = Visualize()
    alert: Alerting = Alerting()
    circle: Circle = Circle()
    scorecard: Scorecard = Scorecard()
    incident: Incidents = Incidents()
    environments: dict[str, dict[str, Any]] = msgspec.field(
        default_factory=lambda: {"sandbox": dict(SANDBOX)}
    )
    where: Callable[[str, str], str] = _nameless

    def environment(self, name: str = "") -> Environment:
        """Return the environment `name` ("" is the default one).

        Raises Refused (kind "config") where there is none of that name, where it has no hosts, or
        where one of its values is wrong.
        """
        name = name or self.default_environment
        if name not in self.environments:
            known = ", ".join(sorted(self.environments))
            raise Refused(f"There is no environment {name!r}; there are: {known}.", kind="config")
        if "name" in self.environments[name]:  # the key above it is its name
            raise Refused(f"{self.where(name, 'name')} is not a known key.", kind="config")
        raw = {"path": f"/srv/{self.app}", **self.environments[name], "name": name}
        raw["path"] = raw["path"] or f"/srv/{self.app}"
        found = convert(raw, Environment, lambda key: self.where(name, key))
        for key, expected, value in sound.faults(found):
            raise wrong(self.where(name, key), expected, value)
        self._complete(found)
        return found

    def _complete(self, found: Environment) -> None:
        if found.name != "sandbox" and not found.hosts:
            raise Refused(
                f"Environment {found.name} has no hosts: add them to invoke.yaml as "
                f"`environments: {found.name}: hosts: [user@host]`.",
                kind="config",
            )
        others = sorted(set(self.environments) - {found.name})
        if found.after and found.after not in others:
            expected = f"another environment ({', '.join(others)})"
            raise wrong(self.where(found.name, "after"), expected, found.after)
