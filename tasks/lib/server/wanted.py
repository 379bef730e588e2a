"""What a server must have, from the configuration: the object that its half of `inv host` gets."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple, Sequence
from urllib.parse import urlsplit

from ..settings import Environment, Settings
from . import sound

_KINDS = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\x00-\x1f]*)?")


class Keys(NamedTuple):
    """Public keys, a line each, and what is wrong with those that are configured."""

    lines: tuple[str, ...]
    wrong: str


def site_name(app: str, path: str) -> str:
    """Return what the site is called: two places of one application have two sites."""
    if path == f"/srv/{app}":
        return app
    return f"{app}.{hashlib.sha256(path.encode()).hexdigest()[:6]}"


def wanted(
    settings: Settings,
    environment: Environment,
    user: str,
    keys: tuple[str, ...],
    reached: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what a host is to be like; `user`: whom deploys log in as there. reached: names that
    its site answers to beside the public one."""
    server = environment.server
    site = {
        "name": site_name(settings.app, environment.path),
        "path": environment.path,
        "port": port(environment),
        "names": names(environment),
        "reached": list(reached),
        "body": server.body,
        "timeout": float(server.timeout),
        "metrics": list(server.metrics),
        "metrics_from": list(server.metrics_from),
        "certificate": server.tls.certificate,
        "key": server.tls.key,
        "acme": server.tls.certbot,
    }
    return {"user": user, "packages": list(server.packages), "keys": list(keys), "site": site}


def names(environment: Environment) -> list[str]:
    """Return the names that the site answers to; none: it answers to all."""
    host = urlsplit(environment.url).netloc.rpartition("@")[2]
    found = [re.sub(r":\d+$", "", name.lower()) for name in (host, environment.host_header) if name]
    return list(dict.fromkeys(found))


def port(environment: Environment) -> int:
    """Return the port of http, which the front is asked at on the host itself."""
    front = urlsplit(environment.front)
    return (front.port or 80) if front.scheme == "http" else 80


def unfit(environment: Environment) -> str:
    """Return "" where a site can be written for the environment, else why not."""
    if not sound.PATH.fullmatch(environment.path):
        return f"path {environment.path} has characters other than letters, digits and ._/@+-"
    if len(f"{environment.path}/current/run/app.sock") > 107:  # unix(7)
        return f"path {environment.path} is too long for a socket under it"
    for name in names(environment):
        if not sound.NAME.fullmatch(name):
            return f"{name} is no host's name that nginx could take"
    return ""


def keys(environment: Environment, root: Path) -> Keys:
    """Return the public keys that are configured, read from their files; `root`: the project."""
    lines: list[str] = []
    wrong: list[str] = []
    for said in environment.server.authorized_keys:
        if _KINDS.fullmatch(said.strip()):
            lines.append(said.strip())
            continue
        file = root / Path(said).expanduser()
        try:
            found = [line.strip() for line in file.read_text().splitlines()]
        except (OSError, UnicodeDecodeError):
            wrong.append(f"{said} is neither a public key nor a file that can be read")
            continue
        public = [line for line in found if _KINDS.fullmatch(line)]
        if not public:
            wrong.append(f"{said} has no public key in it")
        lines += public
    return Keys(tuple(dict.fromkeys(lines)), "; ".join(wrong))
