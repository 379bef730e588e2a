"""
The way to a host: ssh_config read, and its ProxyJump taken apart into hops that are each checked.
"""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import address as addresses
from .address import Address
from .errors import Refused

if TYPE_CHECKING:
    from paramiko import SSHConfig

    from .target import Target

# `ssh -J` has no limit of its own; more than this is a loop that names its way differently each
# time.
MOST_HOPS = 8
# What paramiko reads past in silence (Include), or would run a shell for (Match exec).
_UNREAD = re.compile(r"^\s*(include\b|match\b.*\bexec\b)", re.IGNORECASE | re.MULTILINE)


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
    address: Address, config: SSHConfig | None, identity: Path | None, seen: tuple[str, ...]
) -> tuple[Hop, ...]:
    if address.host in seen or len(seen) >= MOST_HOPS:
        raise Refused(
            f"ProxyJump leads in a circle: {' -> '.join((*seen, address.host))}; "
            "mend it in ssh_config.",
            kind="config",
        )
    options = _lookup(config, address.host)
    before: tuple[Hop, ...] = ()
    jump = options.get("proxyjump", "none")
    if jump.lower() != "none":
        # Only the first jump may have a jump of its own: the rest say theirs by standing in the
        # list.
        first, *rest = [addresses.parse(_plain(each)) for each in jump.split(",")]
        before = _route(first, config, None, (*seen, address.host))
        before += tuple(_hop(each, _lookup(config, each.host), None) for each in rest)
    return (*before, _hop(address, options, identity))


def _plain(text: str) -> str:
    """Reduce the ssh:// form of a jump (RFC 3986's authority) to what it is short for."""
    return text.strip().removeprefix("ssh://").removesuffix("/")


def _hop(address: Address, options: dict[str, str], identity: Path | None) -> Hop:
    host = addresses.parse(_bracketed(options.get("hostname", address.host))).host
    port = address.port or int(options.get("port", 22))
    user = address.user or options.get("user", "") or getpass.getuser()
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


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _lookup(config: SSHConfig | None, host: str) -> dict[str, str]:
    return {} if config is None else dict(config.lookup(host))


def _read(path: Path | None) -> SSHConfig | None:
    """Read an ssh_config, or refuse what paramiko would silently read otherwise than ssh does."""
    from paramiko import SSHConfig
    from paramiko.ssh_exception import ConfigParseError

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
    unread = _UNREAD.search(text)
    if unread:
        line = text[unread.start() :].strip().splitlines()[0]
        raise Refused(
            f"{path} says {line!r}, which can't be followed here as ssh does; put what these hosts "
            "need into a file of its own and name it as ssh_config in invoke.yaml.",
            kind="config",
        )
    try:
        return SSHConfig.from_text(text)
    except (ConfigParseError, ValueError) as error:
        raise Refused(f"{path} can't be read: {error}.", kind="config") from error
