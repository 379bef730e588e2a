"""Asking several at once, none for longer than there is time."""

from __future__ import annotations

import threading
import time
from typing import Callable, Mapping, TypeVar

T = TypeVar("T")


def ask(questions: Mapping[str, Callable[[], T]], until: float | None = None) -> dict[str, T]:
    """Return the answers that came, by their names.

    until: by the monotonic clock; who hasn't answered by then has not. None waits for all. A
    question is to raise nothing: what it would raise is lost, and it has not answered.
    """
    found: dict[str, T] = {}

    def one(name: str) -> None:
        found[name] = questions[name]()

    # Daemons, and no pool: who hangs must not keep the command, or Ctrl-C, from ending it.
    threads = [threading.Thread(target=one, args=(name,), daemon=True) for name in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(None if until is None else max(0.0, until - time.monotonic()))
    return dict(found)
