"""The phase `host` for real servers: what it checks, does, and says when it fails."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, NamedTuple

from .. import console, ssh, target
from ..declare import Check, Next, Outcome, Phase, Row
from ..errors import Interrupted, NotClosed, Trouble
from ..settings import Environment, Settings
from . import scraped, wanted
from .preparing import Host, Hosts
from .talk import Event
from .telling import FEW, reason, show, sums, told


class World(NamedTuple):
    """An environment's hosts, and who prepares them."""

    settings: Settings
    environment: Environment
    root: Path
    targets: tuple[target.Target, ...]
    admin: str

    def command(self, more: str = "") -> str:
        """Return the command that prepares these hosts, as the same administrator."""
        admin = "" if self.admin == self.environment.server.admin else f" --admin={self.admin}"
        return f"inv host --env={self.environment.name}{admin}{more}"


def read(settings: Settings, name: str, root: Path, admin: str = "") -> World:
    """Return the world of an environment; `admin`: who prepares it, "" as configured.

    Raises Refused.
    """
    environment = settings.environment(name)
    found = target.targets(settings, environment, root)
    return World(settings, environment, root, found, admin or environment.server.admin)


def _keys(world: World) -> str:
    """Probe: every configured key is one, or a file of them."""
    return wanted.keys(world.environment, world.root).wrong


def _fit(world: World) -> str:
    """Probe: nginx can be told of the environment's path and names."""
    return wanted.unfit(world.environment)


def _let_in(world: World) -> str:
    """Probe: every host lets in whom deploys log in as."""
    wrong = []
    for each in world.targets:
        try:
            ssh.connect(each, world.environment.limits).close()
        except Trouble as error:
            wrong.append(str(error.message))
    return " ".join(wrong)


PHASE = Phase(
    number=2,
    name="host",
    closure="Environment closure",
    purpose="Make servers that can be deployed to, all the same, and no more open than they must.",
    prerequisites=(
        Check("public keys", _keys, "Correct server.authorized_keys in invoke.yaml."),
        Check("a site that nginx can have", _fit, "Correct path and url in invoke.yaml."),
    ),
    procedure=(
        "Log in as the administrator (`server.admin`), and be root for this phase only.",
        "Look at each item on each host, and show what would be changed.",
        "Make it so, item by item, and look again; stop a host at the first that can't be.",
    ),
    validation=(
        Check(
            "deploys can log in", _let_in, "Add the key to server.authorized_keys in invoke.yaml."
        ),
    ),
    troubleshooting=(
        Row(
            "The host key is not known",
            "Look at it and vouch for it: `inv host.trust --env=ENV`.",
            kinds=("hostkey-unknown", "hostkey-changed"),
        ),
        Row(
            "The administrator is not let in",
            "Name the user that the server came with: `--admin=NAME`, or server.admin.",
            kinds=("auth", "login"),
        ),
        Row(
            "The administrator has no right to be root",
            "Add the user to the group sudo on the host, or prepare it as root.",
            kinds=("sudo",),
        ),
        Row(
            "Somebody else prepares the host",
            "Wait for them; what they have made so need not be made again.",
            kinds=("locked",),
        ),
        Row(
            "Another program holds apt's lock",
            "A fresh server updates itself first: wait for it (`systemctl status apt-daily`).",
            kinds=("apt-lock",),
        ),
        Row(
            "A package can't be had",
            "See whether the host reaches its archive: `apt-get update` there.",
            kinds=("apt",),
        ),
        Row(
            "It is neither Debian nor Ubuntu",
            "Prepare it by hand as the README describes; deploys need no more than that.",
            kinds=("distribution",),
        ),
        Row(
            "nginx does not take its configuration",
            "Mend the file that it names, or move it away; the site was put back as it was.",
            kinds=("nginx",),
        ),
        Row(
            "A port is taken by another program",
            "End that program, or have it listen elsewhere: `ss -ltnp` there.",
            kinds=("port",),
        ),
        Row(
            "The certificate can't be read, or certbot got none",
            "Put the files there, or see that the name points at the host and port 80 is open.",
            kinds=("tls", "certbot"),
        ),
        Row(
            "A directory or file is not whose it must be",
            "Do what the sentence says: root never follows what another user could have put there.",
            kinds=("directory", "keys", "account"),
        ),
    ),
    next=Next(closed="inv deploy --env={env} --plan", troubled="inv host --env={env} --plan"),
)


def hosts(world: World) -> Hosts:
    """Return the hosts, not connected yet."""
    keys = wanted.keys(world.environment, world.root).lines

    reached = scraped.names(world.targets)

    def wants(user: str) -> dict[str, Any]:
        return wanted.wanted(world.settings, world.environment, user, keys, reached)

    return Hosts(world.targets, world.environment, world.admin, wants)


def plan(world: World) -> Outcome:
    """Show what would be changed, and change nothing. Raises NotClosed for what can't be."""
    with hosts(world) as all_of:
        all_of.connect()
        all_of.look()
        own = scraped.item(world.environment, world.targets, world.root)
        show(all_of.all, own=own)
        detail = _detail(world, all_of.all, own)
    drifted = sum(len(host.of("drifted")) for host in all_of.all) + _drifted(own)
    console.say(f"{drifted} would be changed.")
    _let_prometheus_in(world)
    _judge(all_of.all, detail)
    return Outcome(detail, next=world.command())


def check(world: World) -> Outcome:
    """Show what differs from what is wanted, and change nothing. Raises NotClosed where it does."""
    command = world.command()
    with hosts(world) as all_of:
        all_of.connect()
        all_of.look()
        own = scraped.item(world.environment, world.targets, world.root)
        show(all_of.all, mend=command, own=own)
        detail = _detail(world, all_of.all, own)
    _judge(all_of.all, detail)
    drifted = [host.name for host in all_of.all if host.of("drifted")]
    drifted += [str(own["item"])] if own and _drifted(own) else []
    if drifted:
        raise NotClosed(
            f"{', '.join(drifted)} differ from what is wanted; run `{command}`.",
            kind="drift",
            detail=detail,
            next=command,
        )
    if wrong := _let_in(world):
        raise NotClosed(wrong, kind="auth", detail=detail)
    return Outcome(detail)


def prepare(world: World) -> Outcome:
    """Show the plan and do it. Raises Refused where nothing was changed, NotClosed."""
    lock = threading.Lock()

    def heard(host: Host, event: Event) -> None:
        if len(world.targets) <= FEW and event["changes"]:
            with lock:
                console.say(f"{host.name}: {event['item']}: {'; '.join(event['changes'])}")

    with hosts(world) as all_of:
        all_of.connect()
        all_of.look()
        show(all_of.all, own=scraped.item(world.environment, world.targets, world.root))
        try:
            all_of.make(heard)
        except KeyboardInterrupt:
            raise Interrupted(
                "Interrupted: each host ends what it is at, and keeps what it has; see"
                f" `{world.command(' --check')}`."
            ) from None
        # Whatever became of the hosts: it says how they are asked, not that they answer.
        own = scraped.make(world.environment, world.targets, world.root)
        detail = _detail(world, all_of.all, own)
    sums(all_of.all)
    if own and own["state"] == "changed":
        console.say(f"{scraped.ON}: {own['item']}: {'; '.join(own['changes'])}")
    _let_prometheus_in(world)
    _judge(all_of.all, detail)
    return Outcome(detail)


def _drifted(own: Event | None) -> int:
    return 1 if own and own["state"] == "drifted" else 0


def _let_prometheus_in(world: World) -> None:
    if scraped.file(world.environment, world.root) and (
        said := scraped.shut_out(world.environment)
    ):
        console.warn(said)


def _detail(world: World, hosts: list[Host], own: Event | None) -> dict[str, Any]:
    found = {"environment": world.environment.name, "hosts": told(hosts)}
    return found if own is None else {**found, "here": own}


def _judge(hosts: list[Host], detail: dict[str, Any]) -> None:
    """Raises NotClosed that names the hosts that failed, and why."""
    wrong = {host.name: reason(host) for host in hosts if not host.well}
    if not wrong:
        return
    first = next(host for host in hosts if not host.well)
    failed = first.of("failed")
    kind = first.error.kind if first.error else str(failed[0]["error"]["kind"])
    named = {host.name for host in hosts if host.error}  # in its own sentence
    shown = [why if name in named else f"{name}: {why}" for name, why in wrong.items()]
    for host in hosts:
        more = [host.error.evidence] if host.error else []
        more += [str(each["error"]["evidence"]) for each in host.of("failed")]
        shown += [text.strip()[-2000:] for text in more if text.strip()]
    evidence = "\n".join(shown)
    raise NotClosed(
        f"{', '.join(wrong)} could not be prepared.", kind=kind, evidence=evidence, detail=detail
    )
