"""Whether the service can serve, as named checks."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

Check = Callable[[], Awaitable[str]]
"""A check returns "" when what it is about holds, else in a few words what is wrong."""

LIMIT = 2.0
"""Seconds that one check may take. Whoever asks for a health check gives up not much later."""


class Health:
    """The checks that all have to hold before a request may be sent here.

    A service adds its own to `checks`, such as one that asks its database.
    """

    def __init__(self) -> None:
        """Begin as a service that is still starting."""
        self.phase = "starting"
        self.checks: dict[str, Check] = {"started": self._started, "event_loop": event_loop}

    async def _started(self) -> str:
        return "" if self.phase == "started" else f"the service is {self.phase}"

    async def report(self) -> tuple[bool, dict[str, str]]:
        """Ask all checks at once.

        Returns whether all of them hold, and by name "ok" or what is wrong. A check that raises
        or is late does not hold, so this raises nothing.
        """
        found = await asyncio.gather(*(_ask(check) for check in self.checks.values()))
        return not any(found), {
            n: wrong or "ok" for n, wrong in zip(self.checks, found, strict=True)
        }


async def _ask(check: Check) -> str:
    try:
        return await asyncio.wait_for(check(), LIMIT)
    except TimeoutError:
        return f"no answer within {LIMIT:g} s"
    except Exception as error:
        # Its text may hold a connection string with a password, and this is shown to whoever asks.
        return f"failed with {type(error).__name__}"


async def event_loop() -> str:
    """Check that a turn of the event loop takes under a second: every request waits for one."""
    asked = monotonic()
    await asyncio.sleep(0)
    lag = monotonic() - asked
    return "" if lag < 1 else f"a turn of the event loop took {lag:.1f} s"
