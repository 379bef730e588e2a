"""What the configuration's values for servers must look like beyond their types."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Callable, Iterator

if TYPE_CHECKING:
    from ..settings import Environment
    from .settings import Server

Fault = tuple[str, str, object]

# They become words of nginx's configuration, where nothing is quoted.
PATH = re.compile(r"/[A-Za-z0-9._/@+-]*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-f:]+\]")
ADMIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]{0,63}")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]")  # to apt, `name-` means: remove it
_BODY = re.compile(r"[0-9]{1,9}[kKmMgG]?")
_MAIL = re.compile(r"[A-Za-z0-9._%+][A-Za-z0-9._%+-]*@[A-Za-z0-9.-]+")
_MEMORY = re.compile(r"[1-9][0-9]{0,14}[KMGT]?")
_CPU = re.compile(r"[1-9][0-9]{0,5}%")

KEY = "a public key in one line, or a file of them"


def faults(environment: Environment) -> Iterator[Fault]:
    """Yield, for each unsound value: its key path, what was expected, and the value."""
    server = environment.server
    rules: tuple[tuple[str, object, bool, str], ...] = (
        ("admin", server.admin, _is(ADMIN)(server.admin), "a user's name"),
        ("body", server.body, _is(_BODY)(server.body), "a size such as 10m"),
        ("timeout", server.timeout, 0 < server.timeout < 86400, "more than 0s and less than a day"),
        *_each("authorized_keys", server.authorized_keys, _key, KEY),
        *_each("packages", server.packages, _is(_PACKAGE), "a list of packages' names"),
        *_each("metrics", server.metrics, _is(PATH), "a list of paths that begin with /"),
        *_each("metrics_from", server.metrics_from, _network, "a list of addresses or networks"),
    )
    yield from ((f"server.{key}", said, value) for key, value, holds, said in rules if not holds)
    yield from _tls(server, environment.url)
    yield from _resources(environment)


def _is(shape: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: bool(shape.fullmatch(value))


def _each(
    key: str, values: tuple[str, ...], holds: Callable[[str], bool], said: str
) -> Iterator[tuple[str, object, bool, str]]:
    yield from ((key, value, holds(value), said) for value in values)


def _key(value: str) -> bool:
    return bool(value.strip()) and not re.search(r"[\x00-\x1f\x7f]", value)


def _network(value: str) -> bool:
    if "%" in value:  # a zone, which nginx doesn't know and which ipaddress lets be any text
        return False
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _tls(server: Server, url: str) -> Iterator[Fault]:
    tls = server.tls
    for key in ("certificate", "key"):
        path = getattr(tls, key)
        if path and not PATH.fullmatch(path):
            yield f"server.tls.{key}", "a path on the host, in letters, digits and ._/@+-", path
    if bool(tls.certificate) != bool(tls.key):
        missing = "key" if tls.certificate else "certificate"
        yield f"server.tls.{missing}", "a path, as the other one is given", ""
    if tls.certbot and not _MAIL.fullmatch(tls.certbot):
        yield "server.tls.certbot", "a mail address", tls.certbot
    if tls.certbot and tls.certificate:
        yield "server.tls.certbot", "empty where a certificate is given", tls.certbot
    if tls.certbot and not url:
        yield "server.tls.certbot", "empty where the environment has no url", tls.certbot


def _resources(environment: Environment) -> Iterator[Fault]:
    resources = environment.resources
    shapes: tuple[tuple[str, re.Pattern[str], str], ...] = (
        ("memory", _MEMORY, "bytes, as 512M"),
        ("cpu", _CPU, "a share of one processor, as 150%"),
    )
    for key, shape, said in shapes:
        value: Any = getattr(resources, key)
        if value and not shape.fullmatch(value):
            yield f"resources.{key}", said, value
    for key in ("tasks", "files"):
        if not 0 <= getattr(resources, key) <= 1_000_000:
            yield f"resources.{key}", "0 to 1000000", getattr(resources, key)
