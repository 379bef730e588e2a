"""The site's certificate: files that somebody put there, or one that certbot asks for."""

from __future__ import annotations

import os
from typing import Any, List, Mapping

from item import Item, must
from sitetext import WEBROOT
from wire import Failure


def lineage(name: str) -> str:
    """Where certbot keeps what it got for a site."""
    return "/etc/letsencrypt/live/%s" % name


class Given(Item):
    """A certificate and its key that are on the host."""

    name = "certificate"

    def __init__(self, site: Mapping[str, Any]) -> None:
        self.files = (site["certificate"], site["key"])

    def drift(self) -> List[str]:
        for path in self.files:
            try:
                with open(path, "rb") as source:
                    if b"-----BEGIN" not in source.read(1 << 20):
                        raise Failure("tls", "%s is no PEM file" % path)
            except OSError as error:
                raise Failure("tls", "%s can't be read: %s" % (path, error.strerror)) from None
        return []

    def mend(self) -> None:
        """There is nothing that could be made here."""


class Certbot(Item):
    """A certificate from an ACME server, by the webroot that the site serves; renewed by itself.

    certbot's own timer renews it, and nginx reads it again each time.
    """

    name = "certificate"

    def __init__(self, site: Mapping[str, Any], mail: str) -> None:
        self.site, self.mail = site, mail

    def drift(self) -> List[str]:
        if os.path.exists(self.site["certificate"]):
            return []
        return ["get a certificate for %s" % ", ".join(self.site["names"])]

    def mend(self) -> None:
        words = ["--webroot", "--webroot-path", WEBROOT, "--cert-name", self.site["name"]]
        words += ["--email", self.mail, "--agree-tos", "--non-interactive"]
        words += ["--deploy-hook", "systemctl reload nginx"]
        for name in self.site["names"]:
            words += ["--domain", name]
        must("certbot", "certbot", "certonly", *words)
