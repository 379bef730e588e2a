"""The types of what the configuration says of servers."""

from __future__ import annotations

from ..duration import Seconds
from ..strict import Strict


class Tls(Strict, frozen=True):
    """A certificate for the site: files on the host, or one that certbot gets; all "" is none.

    certificate, key: paths there. certbot: the mail address that the authority writes to.
    """

    certificate: str = ""
    key: str = ""
    certbot: str = ""


class Server(Strict, frozen=True):
    """What `inv host` makes of an environment's hosts.

    admin: who prepares them, by sudo where that isn't root. authorized_keys: who may deploy, as
    public keys or files of them. packages: of the distribution, beside those that are needed
    anyway. body: the largest request that nginx takes, as nginx writes it. timeout: how long the
    service may be silent. metrics: paths that only the addresses or networks in metrics_from get.
    """

    admin: str = "root"
    authorized_keys: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    body: str = "10m"
    timeout: Seconds = Seconds(60)
    metrics: tuple[str, ...] = ("/metrics",)
    metrics_from: tuple[str, ...] = ("127.0.0.1", "::1")
    tls: Tls = Tls()


class Resources(Strict, frozen=True):
    """What each process of a release may use, under systemd; "" and 0 are no limit of ours.

    memory: bytes, as 512M. cpu: of one processor, as 150%. tasks: processes and threads. files:
    open at once, without asking for more: a connection is one.
    """

    memory: str = ""
    cpu: str = ""
    tasks: int = 0
    files: int = 16384
