"""Asking several at once, none for longer than there is time: what can't be had is said."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Callable, Generic, Mapping, NamedTuple, TypeVar

from invoke.exceptions import Exit, Failure

from .. import atonce
from ..declare import sentence
from ..duration import show

T = TypeVar("T")


class Had(NamedTuple, Generic[T]):
    """What was asked for, or why it is not known. why: a clause, "" where it is."""

    value: T | None
    why: str = ""


def ask(questions: Mapping[str, Callable[[], Any]], until: float) -> dict[str, Had[Any]]:
    """Ask all at once. until: by the monotonic clock; who hasn't answered by then has not.

    Raises nothing: also a bug in one is a reason why something isn't known.
    """
    begun = time.monotonic()
    found = atonce.ask({key: partial(_asked, each) for key, each in questions.items()}, until)
    late = f"there was no answer within {show(round(max(0.0, until - begun), 1))}"
    return {name: found.get(name) or Had(None, late) for name in questions}


def _asked(question: Callable[[], T]) -> Had[T]:
    try:
        return Had(question())
    except (Exit, Failure, OSError) as error:
        return Had(None, (sentence(error) or type(error).__name__).rstrip("."))
    except Exception as error:
        return Had(None, f"{type(error).__name__} in the recipes")
