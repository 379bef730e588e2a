"""
The way to a host: ssh_config read, and its ProxyJump taken apart into hops that are each checked.
"""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import address as addresses
from .address import Address
from .errors import Refused

if TYPE_CHECKING:
    from .target import Target

# `ssh -J` has no limit of its own; more than this is a loop that names its way differently each
# time.
MOST_HOPS = 8
# The criteria of Match that paramiko knows; it takes others as fulfilled, and runs exec's command.
_ALONE, _WITH_VALUE = ("all", "canonical", "final"), ("host", "originalhost", "user", "localuser")


@dataclass(frozen=True)
class Hop:
    """
    One SSH server on the way, the last being the host itself.

    `known_as` is its name in known_hosts; `identities` are the keys of ssh_config; `only` offers no
    others; `command` is a ProxyCommand that carries the bytes of the first hop ("" = a TCP
    connection).
    """

    text: str
    user: str
    host: str
    port: int
    known_as: str
    identities: tuple[Path, ...] = ()
    only: bool = False
    command: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host} port {self.port}"


def route(target: Target) -> tuple[Hop, ...]:
    """
    List the SSH servers to go through, in order, the target last (ssh_config(5), ProxyJump).

    Raises Refused (kind "config") for an ssh_config that can't be read as ssh would, and for a
    loop.
    """
    return _route(target.address, _read(target.ssh_config), target.identity, ())


def _route(
    address: Address, config: str | None, identity: Path | None, seen: tuple[str, ...]
) -> tuple[Hop, ...]:
    if address.host in seen or len(seen) >= MOST_HOPS:
        raise Refused(
            f"ProxyJump leads in a circle: {' -> '.join((*seen, address.host))}; "
            "mend it in ssh_config.",
            kind="config",
        )
    options = _lookup(config, address)
    before: tuple[Hop, ...] = ()
    jump = options.get("proxyjump", "none")
    if jump.lower() != "none":
        # Only the first jump may have a jump of its own: the rest say theirs by standing in the
        # list.
        first, *rest = [addresses.parse(_plain(each)) for each in jump.split(",")]
        before = _route(first, config, None, (*seen, address.host))
        before += tuple(_hop(each, _lookup(config, each), None) for each in rest)
    return (*before, _hop(address, options, identity))


def _plain(text: str) -> str:
    """Reduce the ssh:// form of a jump (RFC 3986's authority) to what it is short for."""
    return text.strip().removeprefix("ssh://").removesuffix("/")


def _hop(address: Address, options: dict[str, Any], identity: Path | None) -> Hop:
    host = addresses.parse(_bracketed(options.get("hostname", address.host))).host
    port = _port(options.get("port") or str(address.port or 22))
    user = options.get("user") or address.user or getpass.getuser()
    alias = options.get("hostkeyalias", "")
    files = (
        (identity,) if identity else tuple(Path(each) for each in options.get("identityfile", []))
    )
    return Hop(
        text=address.text,
        user=user,
        host=host,
        port=port,
        known_as=(alias or (host if port == 22 else f"[{host}]:{port}")).lower(),
        identities=files,
        only=identity is not None or options.get("identitiesonly", "no").lower() == "yes",
        command="" if "proxyjump" in options else (options.get("proxycommand") or ""),
    )


def _port(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Refused(
            f"ssh_config says Port {text!r}, which is no number.", kind="config"
        ) from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _lookup(config: str | None, address: Address) -> dict[str, Any]:
    """Return what an ssh_config says about a host, its tokens filled in."""
    from paramiko import SSHConfig
    from paramiko.ssh_exception import ConfigParseError

    if config is None:
        return {}
    # What the address says comes first and so wins, in the tokens (%p, %r) too.
    port = f"Port {address.port}" if address.port else ""
    user = f"User {address.user}" if address.user else ""
    text = "\n".join([f"Host {address.host}", port, user, "Host *", config])
    try:
        return dict(SSHConfig.from_text(text).lookup(address.host))
    except (ConfigParseError, ValueError, KeyError) as error:
        raise Refused(f"ssh_config can't be read: {error}.", kind="config") from error


def _read(path: Path | None) -> str | None:
    """Read an ssh_config, or refuse what paramiko would silently read otherwise than ssh does."""
    if path is None:
        return None
    try:
        text = path.read_text()
    except FileNotFoundError:
        if path == Path("~/.ssh/config").expanduser():
            return None
        raise Refused(
            f"{path}, named by ssh_config in invoke.yaml, doesn't exist.", kind="config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} can't be read: {error}.", kind="config") from error
    for line in filter(_misread, text.splitlines()):
        raise Refused(
            f"{path} says {line.strip()!r}, which can't be followed here as ssh does; put what "
            "these hosts need into a file of its own and name it as ssh_config in invoke.yaml.",
            kind="config",
        )
    return text


def _misread(line: str) -> bool:
    """Tell whether paramiko would pass over what this line means to ssh: Include, most of Match."""
    words = line.replace("=", " ").lower().split()
    if not words or words[0] not in ("include", "match"):
        return False
    criteria = iter(each.removeprefix("!") for each in words[1:])
    for each in criteria:
        if each in _WITH_VALUE:
            next(criteria, "")
        elif each not in _ALONE:
            return True
    return words[0] == "include"
