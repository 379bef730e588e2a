"""Durations as people write them: `90s`, `15m`, `1h30m`, `500ms`. Inside, always seconds."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from .errors import Refused

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
ORDER = ("d", "h", "m", "s", "ms")

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_BARE = re.compile(_NUMBER)
_PART = re.compile(rf"({_NUMBER})(ms|[dhms])")
_WHOLE = re.compile(rf"(?:{_NUMBER}(?:ms|[dhms]))+")


if TYPE_CHECKING:
    Seconds = float  # to everybody who reads one
else:

    class _AnyFloat(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, float)

    class Seconds(float, metaclass=_AnyFloat):
        """A duration in seconds, which the configuration may write as `15m`.

        The type only tells msgspec where durations are. The values are plain floats, because
        msgspec can write no type of ours.
        """

        def __new__(cls, value: float) -> float:
            return float(value)


def parse(value: object) -> float:
    """Return the seconds that `value` means.

    value: text such as `90s` or `1h30m` (each unit at most once, the larger first), or a number of
    seconds, as a number or as text. Raises Refused (kind "config") for anything else, for what is
    negative and for what isn't finite.
    """
    if isinstance(value, str):
        return _parts(value.strip())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # A float that isn't finite would make every comparison with a clock silently false.
        if math.isfinite(value) and value >= 0:
            return float(value)
    raise _refusal(value)


def _parts(text: str) -> float:
    if _BARE.fullmatch(text):
        return float(text)
    parts = _PART.findall(text) if _WHOLE.fullmatch(text) else []
    ranks = [ORDER.index(unit) for _, unit in parts]
    if not parts or ranks != sorted(set(ranks)):
        raise _refusal(text)
    return math.fsum(float(number) * UNITS[unit] for number, unit in parts)


def _refusal(value: object) -> Refused:
    return Refused(
        f"{value!r} is not a duration: write it as 90s, 15m, 1h30m, 500ms or 0s.", kind="config"
    )


def show(seconds: float) -> str:
    """Return `seconds` as people write it: `45ms`, `1.25s`, `1m30s`; `parse` reads it back."""
    if seconds < 0:
        return f"-{show(-seconds)}"
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds >= 0.0005 else "0s"
    if seconds < 60:
        text = f"{seconds:.2f}".rstrip("0").rstrip(".")
        return f"{text}s" if text != "60" else "1m"
    left, shown = round(seconds), ""
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, int(UNITS[unit]))
        shown += f"{count}{unit}" if count else ""
    return shown
