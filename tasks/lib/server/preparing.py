"""All hosts of an environment prepared at once: looked at, told, made so, each for itself."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .. import ahead, hops
from ..errors import NotClosed, Refused, Trouble
from .login import Login, administrator
from .talk import Event, talk

if TYPE_CHECKING:
    from ..settings import Environment
    from ..target import Target

MAKES = 300.0  # seconds beyond limits.stage that an item may take: apt's lock is waited for

Wants = Callable[[str], dict[str, Any]]


@dataclass
class Host:
    """One host: what its items are, and why it can't be prepared, if so."""

    target: Target
    login: Login | None = None
    items: list[Event] = field(default_factory=list)
    error: Trouble | None = None

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def admin(self) -> str:
        return self.login.target.address.user if self.login else ""

    def of(self, *states: str) -> list[Event]:
        """Return the items in one of these states: holds, drifted, changed, failed."""
        return [item for item in self.items if item["state"] in states]

    @property
    def well(self) -> bool:
        """Whether nothing failed so far."""
        return self.error is None and not self.of("failed")


class Hosts:
    """The hosts of an environment. Use as a context manager: the connections end with it.

    wants: given whom deploys log in as, returns what a host is to be like.
    """

    def __init__(
        self, targets: Iterable[Target], environment: Environment, admin: str, wants: Wants
    ) -> None:
        self.all = [Host(target) for target in targets]
        self.environment, self.admin, self.wants = environment, admin, wants
        self._limit = environment.limits.stage + MAKES

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connections. May be repeated."""
        for host in self.all:
            if host.login is not None:
                host.login.close()

    def connect(self) -> None:
        """Log in to every host as its administrator, and ask for sudo's password where it has to
        be.

        Raises Refused where that can't be asked for, or where no host can be reached.
        """
        ahead.need("fabric")  # before several threads do
        self._each(self._login)
        asking = [host for host in self.all if host.login and host.login.asks]
        if asking:
            password = _password(asking)
            self._each(lambda host: _allowed(host, password), asking)
        if not any(host.well for host in self.all):
            raise _refusal(self.all)

    def look(self) -> None:
        """Have each host look at its items; nothing is changed."""
        self._each(lambda host: self._talk(host, make=False))

    def make(self, told: Callable[[Host, Event], None]) -> None:
        """Have each host make its items so; `told` is given each as it is done."""
        self._each(lambda host: self._make(host, told))

    def _each(self, act: Callable[[Host], None], hosts: Iterable[Host] | None = None) -> None:
        def one(host: Host) -> None:
            try:
                act(host)
            except Trouble as error:
                host.error = error
            except OSError as error:
                said = str(error) or type(error).__name__
                host.error = NotClosed(f"{host.name} was lost: {said}.", kind="lost")

        chosen = [host for host in (self.all if hosts is None else hosts) if host.well]
        with ThreadPoolExecutor(max(1, len(chosen))) as pool:
            try:
                list(pool.map(one, chosen))
            except KeyboardInterrupt:
                self.close()  # or the pool would wait for what the hosts are at
                raise

    def _login(self, host: Host) -> None:
        host.login = Login(administrator(host.target, self.admin), self.environment.limits)

    def _talk(self, host: Host, make: bool) -> None:
        assert host.login is not None
        if not host.login.ground.python:
            change = "install python3, then see what else is to be done"
            host.items = [{"item": "python3", "state": "drifted", "changes": [change]}]
            return
        wanted = self.wants(hops.route(host.target)[-1].user)
        talk(host.login, wanted, make, self._limit, host.items.append)

    def _make(self, host: Host, told: Callable[[Host, Event], None]) -> None:
        assert host.login is not None
        host.items = []

        def heard(event: Event) -> None:
            host.items.append(event)
            told(host, event)

        if not host.login.ground.python:
            host.login.install_python(self._limit)
            heard({"item": "python3", "state": "changed", "changes": ["install python3"]})
        wanted = self.wants(hops.route(host.target)[-1].user)
        talk(host.login, wanted, True, self._limit, heard)


def _password(hosts: list[Host]) -> str:
    names = ", ".join(host.name for host in hosts)
    if not sys.stdin.isatty():
        raise Refused(
            f"sudo asks for a password on {names}, and there is nobody to ask: run this on a"
            " terminal, or allow it without one in sudoers(5).",
            kind="sudo",
        )
    return getpass.getpass(f"Password of {hosts[0].admin} for sudo on {names}: ")


def _allowed(host: Host, password: str) -> None:
    assert host.login is not None
    if not host.login.allows(password):
        raise Refused(f"sudo on {host.name} did not take the password.", kind="sudo")


def _refusal(hosts: list[Host]) -> Refused:
    errors = {host.name: host.error for host in hosts if host.error is not None}
    first = next(iter(errors.values()))
    if len(errors) == 1:
        return Refused(first.message or "", kind=first.kind, evidence=first.evidence)
    return Refused(
        f"None of {', '.join(errors)} can be prepared.",
        kind=first.kind,
        evidence="\n".join(f"- {error.message}" for error in errors.values()),
    )
