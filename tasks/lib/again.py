"""A connection that is dropped before it is greeted, tried again after a random wait."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from .errors import Refused
from .refusals import Dropped

T = TypeVar("T")

FIRST, MOST = 0.1, 1.0  # seconds that a wait takes at the most: the first one, and any


def until_greeted(connect: Callable[[], T], limit: float) -> T:
    """Return what `connect` gives; while it raises Dropped, ask it again, for `limit` seconds.

    An sshd drops connections at random while too many wait for their login at once (sshd_config(5),
    MaxStartups: from the tenth on, by default). Waits are random up to a bound that doubles, so
    that those who were dropped together don't come again together. Raises Refused.
    """
    began, most = time.monotonic(), FIRST
    while True:
        try:
            return connect()
        except Dropped as error:
            wait = random.uniform(0, most)
            most = min(2 * most, MOST)
            if time.monotonic() + wait > began + limit:
                raise Refused(f"{error}", kind=error.kind) from error
            time.sleep(wait)
