"""nginx: room for its connections, the site, and that it runs with what was written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from typing import Any, List, Mapping, Optional

from disk import replace
from item import Item, call, must
from ports import holder
from sitetext import MINE, WEBROOT, text
from wire import Failure

CONF = "/etc/nginx/nginx.conf"
DEFAULT = "/etc/nginx/sites-enabled/default"
CONNECTIONS = 4096  # of a worker: each request has two, the client's and the service's
FILES = 4 * CONNECTIONS
READ = "have nginx read its configuration"
PATIENCE = 20.0  # seconds that nginx may take to listen where it was told to


def read(path: str) -> Optional[str]:
    """A file's text, None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as source:
            return source.read()
    except FileNotFoundError:
        return None


class Written(Item):
    """Files of nginx's, which are tried before it has to live with them.

    `stale`: a mark in /run that stands until nginx has read what was written; a boot reads it too.
    """

    def __init__(self, stale: str) -> None:
        self.stale = stale

    def write(self, path: str, wanted: str) -> None:
        """Raises Failure with nginx's words; the file is as it was then."""
        before, marked = read(path), os.path.exists(self.stale)
        mark(self.stale)
        replace(path, wanted, 0o644)
        try:
            tried("nginx would not take %s, which is as it was" % path)
        except Failure:
            if before is None:
                os.unlink(path)
            else:
                replace(path, before, 0o644)
            if not marked:
                os.unlink(self.stale)
            raise


def mark(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def tried(message: str) -> None:
    """Raises Failure with nginx's words where it would not start with what is written."""
    code, said = call("nginx", "-t")
    if code:
        raise Failure("nginx", message, said)


class Connections(Written):
    """More than Debian's 768 connections of a worker, and the open files that they are."""

    name = "connections"

    def wanted(self, conf: str) -> str:
        def more(found: "re.Match[str]") -> str:
            return found[1] + str(max(int(found[2]), CONNECTIONS))

        conf = re.sub(r"(?m)^(\s*worker_connections\s+)(\d+)", more, conf)
        files = re.search(r"(?m)^\s*worker_rlimit_nofile\s+(\d+)", conf)
        if files and int(files[1]) >= FILES:
            return conf
        if files:
            return conf[: files.start(1)] + str(FILES) + conf[files.end(1) :]
        line = "worker_rlimit_nofile %d;\n" % FILES
        return re.sub(r"(?m)^events\b", line + "events", conf, count=1)

    def drift(self) -> List[str]:
        conf = read(CONF)
        if conf is not None and self.wanted(conf) == conf:
            return []
        return ["let a worker of nginx have %d connections" % CONNECTIONS]

    def mend(self) -> None:
        conf = read(CONF)
        if conf is None:
            raise Failure("nginx", "nginx has no %s" % CONF)
        self.write(CONF, self.wanted(conf))


class SiteFile(Written):
    """The site itself, in conf.d, which every nginx reads.

    secure: with TLS; None for as it is at the moment (before a certificate is asked for).
    """

    name = "site"

    def __init__(self, site: Mapping[str, Any], stale: str, secure: bool, name: str = "") -> None:
        super().__init__(stale)
        self.site, self.secure, self.name = site, secure, name or self.name
        self.path = "/etc/nginx/conf.d/%s.conf" % site["name"]

    def wanted(self) -> str:
        ipv6 = os.path.exists("/proc/net/if_inet6")
        given = self.secure and not self.site["acme"]
        digest = fingerprint(self.site["certificate"]) if given else ""
        return text(self.site, self.secure, ipv6, _http2(), digest)

    def untouched(self) -> bool:
        """Whether Debian's own default site is there as Debian made it, and in our way."""
        if self.site["names"] or not os.path.islink(DEFAULT):
            return False
        content = read(DEFAULT) or ""
        digest = hashlib.md5(content.encode("utf-8", "surrogateescape")).hexdigest()
        return digest in call("dpkg-query", "-W", "-f", "${Conffiles}", "nginx-common")[1]

    def drift(self) -> List[str]:
        changes = ["disable Debian's default site"] if self.untouched() else []
        there = read(self.path)
        if there is not None and not there.startswith(MINE):
            raise Failure("nginx", "%s is not of `inv host`; move it away" % self.path)
        if there != self.wanted():
            changes.append("%s %s" % ("write" if there is None else "rewrite", self.path))
        return changes

    def mend(self) -> None:
        if self.site["acme"]:
            os.makedirs(WEBROOT, 0o755, exist_ok=True)
        if not self.untouched():
            return self.write(self.path, self.wanted())
        target = os.readlink(DEFAULT)
        os.unlink(DEFAULT)
        try:
            self.write(self.path, self.wanted())
        except Failure:
            os.symlink(target, DEFAULT)
            raise


def fingerprint(path: str) -> str:
    """A digest of a certificate, so that nginx reads a new one of the same name."""
    with contextlib.suppress(OSError):
        with open(path, "rb") as source:
            return hashlib.sha256(source.read()).hexdigest()[:16]
    return ""


def _http2() -> str:
    """How this nginx is told of HTTP/2: since 1.25.1 with a directive."""
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", call("nginx", "-v")[1])
    if not found:
        return ""
    return "directive" if tuple(map(int, found.groups())) >= (1, 25, 1) else "listen"


class Front(Item):
    """nginx runs, from boot on, with what is written, and has the site's ports to itself."""

    name = "nginx"

    def __init__(self, site: Mapping[str, Any], stale: str, secure: bool, name: str = "") -> None:
        self.name = name or self.name
        self.ports = [site["port"]] + ([443] if secure else [])
        self.stale = stale

    def drift(self) -> List[str]:
        others = [(port, holder(port)) for port in self.ports]
        for port, who in others:
            if who not in ("", "nginx"):
                raise Failure("port", "port %d is taken by %s; end it or move it" % (port, who))
        changes = []
        if call("systemctl", "is-enabled", "-q", "nginx")[0]:
            changes.append("start nginx at boot")
        if call("systemctl", "is-active", "-q", "nginx")[0]:
            return changes + ["start nginx"]
        if os.path.exists(self.stale) or any(not who for _, who in others):
            changes.append(READ)
        return changes

    def mend(self) -> None:
        tried("nginx's configuration is broken")
        if call("systemctl", "is-enabled", "-q", "nginx")[0]:
            must("nginx", "systemctl", "enable", "-q", "nginx")
        running = not call("systemctl", "is-active", "-q", "nginx")[0]
        must("nginx", "systemctl", "reload" if running else "start", "nginx")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.stale)
        until = time.monotonic() + PATIENCE
        while self.drift() and time.monotonic() < until:  # a reload is only asked for
            time.sleep(0.1)
