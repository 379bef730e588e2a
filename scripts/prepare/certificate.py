"""The site's certificate: files that somebody put there, or one that certbot asks for."""

from __future__ import annotations

import os
import ssl
import stat
from typing import Any, List, Mapping, Sequence

from item import Item, must
from place import changeable
from sitetext import WEBROOT
from wire import Failure

END = "-----END CERTIFICATE-----"


def lineage(name: str) -> str:
    """Where certbot keeps what it got for a site."""
    return "/etc/letsencrypt/live/%s" % name


def covers(path: str, names: Sequence[str]) -> bool:
    """Whether the first certificate of a PEM file is for all these names.

    Each stands in it as a dNSName: the tag 2, its length, and itself (RFC 5280, 4.2.1.6).
    """
    try:
        with open(path, encoding="ascii") as source:
            first = source.read().partition(END)[0] + END
        der = ssl.PEM_cert_to_DER_cert(first)
    except (OSError, ValueError):
        return False
    return all(bytes([0x82, len(name)]) + name.encode() in der for name in names)


class Given(Item):
    """A certificate and its key that are on the host, where nobody but root can change them.

    nginx reads them as root: from a link to any file, or a pipe that it would wait at for ever.
    """

    name = "certificate"

    def __init__(self, site: Mapping[str, Any]) -> None:
        self.files = (site["certificate"], site["key"])

    def drift(self) -> List[str]:
        for path in self.files:
            wrong = changeable(path)
            if wrong:
                raise Failure("tls", "%s, on the way to %s, is not only root's" % (wrong, path))
            try:
                with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as source:
                    mode = os.fstat(source.fileno()).st_mode
                    pem = stat.S_ISREG(mode) and b"-----BEGIN" in source.read(1 << 20)
            except OSError as error:
                raise Failure("tls", "%s can't be read: %s" % (path, error.strerror)) from None
            if not pem:
                raise Failure("tls", "%s is no PEM file" % path)
            if path == self.files[1] and mode & stat.S_IROTH:
                raise Failure("tls", "every user can read %s; `chmod o-r %s`" % (path, path))
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
        names = self.site["names"]
        if covers(self.site["certificate"], names):
            return []
        return ["get a certificate for %s" % ", ".join(names)]

    def mend(self) -> None:
        words = ["--webroot", "--webroot-path", WEBROOT, "--cert-name", self.site["name"]]
        words += ["--email", self.mail, "--agree-tos", "--non-interactive"]
        words += ["--deploy-hook", "systemctl reload nginx", "--renew-with-new-domains"]
        for name in self.site["names"]:
            words += ["--domain", name]
        must("certbot", "certbot", "certonly", *words)
