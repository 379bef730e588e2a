"""Moments as text and as Unix time, in seconds: who writes one down here does so in RFC 3339."""

from __future__ import annotations

from datetime import datetime, timezone


def unix(text: str) -> float:
    """Return the Unix time of RFC 3339 text; Go writes up to nine digits of a second. Where people
    left the zone out it is UTC, which all that is written down here is in.

    Raises ValueError for anything else.
    """
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def known(text: object) -> float | None:
    """Return the Unix time of what should be such text, None where it isn't."""
    try:
        return unix(str(text))
    except ValueError:
        return None


def second(text: str) -> str:
    """Return RFC 3339 text in UTC to the second, which is enough for people."""
    return text.partition(".")[0] + "Z" if "." in text else text


def iso(at: float) -> str:
    """Return a Unix time as RFC 3339 in UTC, to the millisecond."""
    text = datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
