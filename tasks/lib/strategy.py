"""In which stages the hosts of a deploy switch: all at once, a few first, or some at a time.

Whatever the strategy, everything is prepared on all hosts before the first one switches, and all
of them confirm and close together at the end. A rollback is always all at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from .errors import Refused

if TYPE_CHECKING:
    from .settings import Environment

EXPECTED = "all, canary: N or batch: N, where N is a number of hosts or a percentage such as 10%"

Stages = tuple[tuple[str, ...], ...]

_SHAPE = re.compile(r"(canary|batch)\s*:\s*([1-9][0-9]{0,5})(%?)")


if TYPE_CHECKING:
    Strategy = str  # to everybody who reads one
else:

    class _AnyText(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, str)

    class Strategy(str, metaclass=_AnyText):
        """A strategy in its one canonical form: `all`, `canary: 1`, `canary: 10%`, `batch: 2`.

        The type only tells msgspec where strategies are, as `duration.Seconds` does: the values are
        plain text, so that plans and journals hold them as they are.
        """

        def __new__(cls, value: str) -> str:
            return str(value)


ALL = Strategy("all")


def parse(value: object) -> Strategy:
    """Return the strategy that `value` means.

    value: that text, with or without the space, or a mapping of its one key to its number. Raises
    Refused (kind "config") for anything else, for no hosts and for more than 100 %.
    """
    found = _SHAPE.fullmatch(_text(value))
    if _text(value) == ALL:
        return ALL
    if found is None or (found[3] and int(found[2]) > 100):
        raise Refused(f"{value!r} is not a strategy: write {EXPECTED}.", kind="config")
    return Strategy(f"{found[1]}: {int(found[2])}{found[3]}")


def _text(value: object) -> str:
    if isinstance(value, Mapping) and len(value) == 1:
        ((key, number),) = value.items()
        return "" if isinstance(number, bool) else f"{key}: {number}"
    return value.strip() if isinstance(value, str) else ""


def stages(strategy: Strategy, hosts: Sequence[str]) -> Stages:
    """Return the hosts of each stage, in the order in which they switch, that of `hosts`.

    `canary` is two stages, the first so many and then the rest; `batch` is as many stages of so
    many as it takes. A percentage of the hosts is rounded up, so it is one host at the least. So
    many that nobody is left for another stage is all at once.
    """
    names, found = tuple(hosts), _SHAPE.fullmatch(strategy)
    if found is None:
        return (names,)
    size = int(found[2])
    if found[3]:
        size = -(-size * len(names) // 100)
    if size >= len(names):
        return (names,)
    if found[1] == "canary":
        return names[:size], names[size:]
    return tuple(names[at : at + size] for at in range(0, len(names), size))


def pause(environment: Environment, count: int) -> float:
    """Return how long the hosts that have switched are watched before the next stage, in seconds.

    count: how many stages there are. After a canary it is the environment's whole `watch`: that is
    what a canary is for. Between batches it is the `watch` divided by the number of stages, so that
    all of them together take no longer than one; but never less than it takes to see a bad release
    (`failures` checks at `interval`, and as late as Prometheus knows of it, where it is asked), nor
    more than `watch`. No `watch`, no pause.
    """
    whole, limits = float(environment.watch), environment.thresholds
    if not environment.strategy.startswith("batch"):
        return whole
    least = limits.interval * limits.failures
    if environment.observability.watch:
        from .telemetry.watched import needed

        least = needed(environment)
    return min(whole, max(whole / count, least))


def refuse_unfit(environment: Environment) -> None:
    """Raise Refused where stages can't be: hosts on the release before need the schema before."""
    if environment.strategy != ALL and environment.schema == "breaking":
        raise Refused(
            f"{environment.name} has schema: breaking, which the release before can't use, so no"
            f" host may stay on it: `inv deploy --env={environment.name} --strategy=all`.",
            kind="config",
        )


def decoded(value: Any) -> Strategy:
    """Return `parse(value)` for msgspec, to which a value is wrong by a ValueError."""
    try:
        return parse(value)
    except Refused:
        raise ValueError("Expected `strategy`") from None
