"""What a host is called: `user@host:port`, read strictly, because it comes from a file."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from .errors import Refused

_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.+-]{0,63}"
_HOST = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}"
_SHAPE = re.compile(
    rf"(?:(?P<user>{_USER})@)?(?:(?P<host>{_HOST})|\[(?P<v6>[^\]]*)\])(?::(?P<port>\d+))?"
)


@dataclass(frozen=True)
class Address:
    """
    A host as the operator wrote it, taken apart.

    `user` is "" and `port` is 0 where the text doesn't say: ssh_config or SSH's defaults then
    decide.
    """

    user: str
    host: str
    port: int
    text: str


def parse(text: str) -> Address:
    """
    Take `host`, `user@host`, `host:port`, `[v6]:port` or any mixture apart.

    Nothing that could be an option, a shell word or a path is a name: letters, digits, `.`, `_` and
    `-` are, and an IPv6 address in brackets (RFC 3986, 3.2.2).

    Returns the Address. Raises Refused (kind "config") for anything else.
    """
    match = _SHAPE.fullmatch(text) if text.isascii() else None
    if match is None or _numbers_wrong(match):
        raise Refused(
            f"{text!r} is no address of a host; "
            "write host, user@host, host:port or user@[IPv6]:port.",
            kind="config",
        )
    return Address(
        user=match["user"] or "",
        host=match["host"] or match["v6"],
        port=int(match["port"] or 0),
        text=text,
    )


def _numbers_wrong(match: re.Match[str]) -> bool:
    """Tell whether a port is out of range, or what stands in brackets is not IPv6."""
    if match["port"] is not None and not 1 <= int(match["port"][:6]) <= 65535:
        return True
    if match["v6"] is None:
        return False
    # A zone (fe80::1%eth0) is kept to names of interfaces: ipaddress would take any text.
    address, _, zone = match["v6"].partition("%")
    if "%" in match["v6"] and not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", zone):
        return True
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return True
    return False
