"""What a host says, before it is believed: it may be another's by now, and mean it ill."""

from __future__ import annotations

import json
from typing import Any

LONG_AGO, FAR_AHEAD = 0, 1 << 35  # seconds since the epoch that a clock can show


def parsed(data: bytes | str) -> dict[str, Any]:
    """Return the JSON object in `data`. Raises ValueError for all else, however deep it is."""
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return as_object(value, strict=True)


def as_object(value: Any, strict: bool = False) -> dict[str, Any]:
    """Return `value` when it is an object, else an empty one; `strict`: else raise ValueError."""
    if isinstance(value, dict):
        return value
    if strict:
        raise ValueError("it is no object")
    return {}


def failure(said: Any) -> dict[str, str]:
    """Return the kind, message and evidence of what a host says has failed, texts in any case."""
    usual = {"kind": "protocol", "message": "it failed and did not say why", "evidence": ""}
    given = as_object(said)
    return {key: str(given.get(key, text)) for key, text in usual.items()}


def holder(said: Any) -> dict[str, Any]:
    """Return who holds a host, without a `since` that is no time."""
    given = dict(as_object(said))
    since: Any = given.pop("since", None)
    if type(since) in (int, float) and LONG_AGO <= since < FAR_AHEAD:
        given["since"] = since
    return given


# The facts that are decided by, and what each has to be; a number may not be known.
FACTS: dict[str, tuple[type, ...]] = {
    "adapter": (str,),
    "closed": (list,),
    "complete": (list,),
    "current": (str,),
    "disk_free": (int,),
    "environment": (list,),
    "git": (str,),
    "lock": (dict, type(None)),
    "memory_available": (int, type(None)),
    "pending": (dict, type(None)),
    "python": (str,),
    "running": (dict,),
    "service_memory": (int,),
    "standby": (str,),
}


def facts(said: Any) -> dict[str, Any]:
    """Return a host's facts when each is of the type that it has. Raises ValueError that names one.

    A fact that isn't there at all is for the one who wants it: a question may ask for some only.
    """
    given = as_object(said, strict=True)
    for key, types in FACTS.items():
        if key in given and not isinstance(given[key], types):
            raise ValueError(key)
    texts = ("complete", "environment")
    wrong = [key for key in texts if not all(isinstance(each, str) for each in given.get(key, ()))]
    closed = given.get("closed", ())
    if not all(isinstance(each, dict) and isinstance(each.get("release"), str) for each in closed):
        wrong.append("closed")
    for key in wrong:
        raise ValueError(key)
    return given
