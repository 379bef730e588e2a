"""The types of what the configuration says of notifications, and what is unsound in it."""

from __future__ import annotations

from typing import Iterator

from ..duration import Seconds
from ..strict import Strict


class Notify(Strict, frozen=True):
    """Whom a deploy or rollback is told to, beyond the webhooks' addresses, which are secrets.

    environments: those that are told of; none named is every one but the sandbox. begun: whether
    it is also told that one begins. limit: seconds that all telling together may take. board: the
    uid of the dashboard that is linked to, where the environment has a Grafana of its own.
    """

    environments: tuple[str, ...] = ()
    begun: bool = False
    limit: Seconds = Seconds(3)
    board: str = "pi-forge"

    def of(self, environment: str) -> bool:
        """Tell whether deploys to `environment` are told of."""
        return environment in self.environments or (
            not self.environments and environment != "sandbox"
        )


def faults(notify: Notify) -> Iterator[tuple[str, str, object]]:
    """Yield, for each unsound value: its key, what was expected, and the value."""
    from ..sound import name

    for environment in notify.environments:
        if not name(environment):
            yield "environments", "a list of environments", environment
    if not 0 < notify.limit <= 60:
        yield "limit", "more than 0s and at most 1m", notify.limit
    if notify.board and not name(notify.board):
        yield "board", "the uid of a dashboard", notify.board
