"""Bounded traffic to a service: so many requests, one after the other, and no more."""

from __future__ import annotations

import time
from typing import Callable, Sequence

LIMIT = 5.0  # seconds for one answer
ALL = 60.0  # seconds for all of them


def send(
    service: str, paths: Sequence[str], count: int, told: Callable[[int], None] = lambda done: None
) -> int:
    """Ask for `paths` in turn, `count` requests in all; return how many were answered.

    told: is called with how many were asked so far. What isn't answered is left; it stops early
    when ALL seconds are over or ten in a row had no answer.
    """
    import requests

    until, answered, missed = time.monotonic() + ALL, 0, 0
    with requests.Session() as session:
        session.trust_env = False
        session.headers["User-Agent"] = "circle-of-closure"
        for number in range(count):
            try:
                session.get(
                    service + paths[number % len(paths)], timeout=LIMIT, allow_redirects=False
                )
                answered, missed = answered + 1, 0
            except requests.RequestException:
                missed += 1
            told(number + 1)
            if missed == 10 or time.monotonic() > until:
                break
    return answered
