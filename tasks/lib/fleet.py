"""All hosts of an environment, spoken to at once; what each answered is kept apart."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Sequence

from . import agent, ahead, alike
from .channel import Channel
from .errors import Refused
from .hostlist import compact, counted
from .session import BEAT, Busy, HostError, Lost, Session, Value

if TYPE_CHECKING:
    from .settings import Environment
    from .ssh import Link
    from .target import Target


class Member:
    """One host: its SSH connection and the session over it."""

    def __init__(self, target: Target, environment: Environment, hello: Value) -> None:
        self.target, self.name = target, target.name
        self._environment = environment
        self.link: Link | None = None
        self._used = False
        about = {"root": target.path, "adapter": target.adapter}
        self._hello = {**about, **hello}
        self.session = self._conversation()

    def _conversation(self) -> Session:
        limits = self._environment.limits
        return Session(self._channel, self._hello, limits.lease, limits.connect)

    def renew(self) -> None:
        """End the conversation; the next one goes over the same connection, where that is whole.

        A host hangs up after a log. It is for questions only: a run's session has a lease to keep.
        """
        self.session.close()
        self.session, self._used = self._conversation(), False

    def connect(self) -> None:
        """Open the SSH connection.

        Raises Refused.
        """
        from . import ssh

        if self.link is None or not self.link.alive():
            self.link = ssh.connect(self.target, self._environment.limits)

    def _channel(self) -> Channel:
        try:
            if self._used and self.link is not None:
                self.link.close()  # a way that broke may look whole for long: take a new one
                self.link = None
            self.connect()
            self._used = True
        except Refused as error:
            raise ConnectionError(error.message) from None
        assert self.link is not None
        return self.link.open(agent.command(self._environment.python))

    def close(self) -> None:
        self.session.close()
        if self.link is not None:
            self.link.close()


class HostErrors(Exception):
    """What went wrong, by host; the others did what was asked."""

    values: dict[str, Any] = {}

    def __init__(self, errors: Mapping[str, HostError]) -> None:
        self.said = {name: error.message for name, error in errors.items()}
        super().__init__(alike.told(self.said))
        self.errors = dict(errors)

    @property
    def kind(self) -> str:
        """The kind that most tells what to do: a lost host is named only where nothing else is."""
        kinds = [error.kind for error in self.errors.values()]
        return next((kind for kind in kinds if kind != "lost"), kinds[0])

    @property
    def evidence(self) -> str:
        """What the hosts showed, each under its name; of many that fail alike, one of them."""
        return alike.shown({n: error.evidence for n, error in self.errors.items()}, self.said)

    @property
    def names(self) -> str:
        """The hosts, in few words."""
        return counted(list(self.errors))

    def document(self) -> dict[str, dict[str, str]]:
        """Return all of it, host by host, for `--json`."""
        return {
            name: {"kind": each.kind, "message": each.message, "evidence": each.evidence}
            for name, each in self.errors.items()
        }


class Fleet:
    """Members in the order of the configuration.

    Use as a context manager: the connections end with it.
    """

    def __init__(
        self, targets: Sequence[Target], environment: Environment, hello: Value | None = None
    ) -> None:
        self.members = [Member(target, environment, hello or {}) for target in targets]
        self._pool = ThreadPoolExecutor(2 * len(self.members))
        self._every = min(BEAT, environment.limits.lease / 3)
        self._done = threading.Event()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for member in self.members:
            member.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def connect(self) -> dict[str, Refused]:
        """Connect to every host; returns why not, by host."""
        agent.packed()  # before several threads do, as the import
        ahead.need("fabric")
        futures = {m.name: self._pool.submit(m.connect) for m in self.members}
        errors: dict[str, Refused] = {}
        for name, future in futures.items():
            try:
                future.result()
            except Refused as error:
                errors[name] = error
        return errors

    def begin(self) -> None:
        """Start the run on every host: the first locks first, so that of two operators one wins
        everywhere.

        Raises HostErrors; nothing has changed on any host then.
        """
        for some in (self.members[:1], self.members[1:]):
            self.each(lambda member: member.session.open(start=True), some)
        threading.Thread(target=self._beat, daemon=True).start()

    def each(
        self, act: Callable[[Member], Any], members: Iterable[Member] | None = None
    ) -> dict[str, Any]:
        """Do `act` for each host at once; the values by host.

        Raises HostErrors when any failed.
        """
        chosen = list(self.members if members is None else members)
        futures = {member.name: self._pool.submit(act, member) for member in chosen}
        values: dict[str, Any] = {}
        errors: dict[str, HostError] = {}
        for name, future in futures.items():
            try:
                values[name] = future.result()
            except HostError as error:
                errors[name] = error
            except (OSError, EOFError) as error:
                errors[name] = Lost(str(error) or type(error).__name__)
        if errors:
            failed = HostErrors(errors)
            failed.values = values
            raise failed
        return values

    def call(
        self, do: str, within: float, members: Iterable[Member] | None = None, /, **words: Any
    ) -> dict[str, Any]:
        """The same step on each host at once; `within`: seconds until a host counts as hanging."""
        return self.each(lambda member: member.session.call(do, within, **words), members)

    def lost(self) -> dict[str, HostError]:
        """Hosts that were lost since, with why."""
        return {m.name: m.session.lost for m in self.members if m.session.lost is not None}

    def leave(self, reason: str, way: str = "", limit: float = 60.0) -> dict[str, Lost]:
        """Have every host settle by itself and say how it ended."""
        return self.each(lambda member: member.session.leave(reason, way, limit))

    def _beat(self) -> None:
        while not self._done.wait(self._every):
            for member in self.members:
                if member.session.lost is None:
                    self._pool.submit(member.session.beat)


def refusal(errors: dict[str, Refused], environment: str) -> Refused:
    """One sentence for the hosts that could not be reached, each named."""
    first = next(iter(errors.values()))
    if len(errors) == 1:
        return first
    same = {error.kind for error in errors.values()} == {first.kind}
    return Refused(
        f"{len(errors)} hosts of {environment} can't be used: {compact(list(errors))}.",
        kind=first.kind if same else "unreachable",
        evidence="\n".join(
            f"- {said}"
            for said in alike.sentences({name: str(error) for name, error in errors.items()})
        ),
        hosts={
            name: {"kind": each.kind, "message": str(each), "evidence": each.evidence}
            for name, each in errors.items()
        },
    )


def held(name: str, error: Busy, environment: str) -> Refused:
    """One sentence for a host that somebody else holds."""
    holder = error.holder
    since = time.strftime("%H:%M:%S", time.localtime(holder["since"])) if "since" in holder else "?"
    return Refused(
        f"{name} is held by {holder.get('who') or 'another operator'} since {since}"
        f" ({holder.get('kind') or 'run'} {holder.get('run', '?')}: {holder.get('doing', '?')});"
        f" wait for it, or look with `inv deploy.status --env={environment}`.",
        kind="locked",
    )
