"""From what YAML and INVOKE_* say to typed objects; what doesn't fit is told in one sentence."""

from __future__ import annotations

import difflib
import re
import threading
from typing import Any, Callable, TypeVar

import msgspec

from .duration import Seconds, parse
from .errors import Refused
from .strategy import EXPECTED, Strategy, decoded

T = TypeVar("T")

# msgspec 0.22 reads a type when it first meets it, and a second thread that comes meanwhile reads
# what is half made: that ends the process (SIGSEGV).
ONE = threading.Lock()

WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "strategy": EXPECTED,
    "str | object": "text or a mapping of keys to values",
}
CHOICES = {
    "overlap": "watch or drain",
    "adapter": "auto, systemd or process",
    "schema": "compatible or breaking",
    "thresholds.nodata": "fail or pass",
}

# Keys of before, with what to write in their place.
GONE = {
    "require_tag": "`gates: [lint, test, release]`, or `gates: []` for none",
    "untagged": "`gates:` without release",
}

_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `(\w+(?: \| \w+)*)`")


def convert(raw: object, kind: type[T], where: Callable[[str], str]) -> T:
    """Return `raw` (plain dicts, lists and scalars) as a `kind`.

    where: gives, from a key path such as `limits.connect`, the words that name the place it was
    read from. Text that reads as a number or truth value is taken as one, because that is all a
    variable of the environment can carry. Raises Refused (kind "config").
    """
    try:
        with ONE:
            return msgspec.convert(raw, kind, strict=False, dec_hook=_decoded)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), raw, kind, where) from None


def wrong(place: str, expected: str, value: object) -> Refused:
    """Return the refusal of `value`, read from `place`, where `expected` should be."""
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:77]}…"
    return Refused(f"{place} should be {expected}, not {shown}.", kind="config")


def _decoded(kind: type, value: object) -> object:
    if kind is Strategy:
        return decoded(value)
    if kind is not Seconds:
        raise NotImplementedError(f"no conversion to {kind.__name__} is known")
    try:
        return Seconds(parse(value))
    except Refused:
        # msgspec adds the path to a ValueError, and only to that.
        raise ValueError("Expected `duration`") from None


def _refusal(message: str, raw: object, kind: type, where: Callable[[str], str]) -> Refused:
    parts = _MESSAGE.fullmatch(message)
    what, path = (parts["what"], parts["path"] or "") if parts else (message, "")
    path = path.replace("[...]", "").lstrip(".")
    if unknown := _UNKNOWN.fullmatch(what):
        place = where(f"{path}.{unknown[1]}".lstrip("."))
        if unknown[1] in GONE:
            return Refused(f"{place} is gone: write {GONE[unknown[1]]}.", kind="config")
        return Refused(f"{place} is not a known key{_near(unknown[1], kind)}.", kind="config")
    if missing := _MISSING.fullmatch(what):
        return Refused(f"{where(path)} lacks the key {missing[1]}.", kind="config")
    expected = _EXPECTED.match(what)
    words = WORDS.get(expected[1], "") if expected else CHOICES.get(path, "")
    words = words or "a duration such as 90s, 15m or 1h30m"
    return wrong(where(path), words, _at(raw, path))


def _near(key: str, kind: type) -> str:
    known = sorted(_fields(kind))
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _fields(kind: Any) -> set[str]:
    """Return the keys that a struct and the structs in it know."""
    found: set[str] = set()
    for field in msgspec.structs.fields(kind):
        found.add(field.name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            found |= _fields(field.type)
    return found


def _at(raw: Any, path: str) -> object:
    """Return the value at `path` of `raw`; where msgspec doesn't say which, the whole of it."""
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            raw = raw[int(part)] if isinstance(raw, (list, tuple)) else raw[part]
        except (KeyError, IndexError, ValueError, TypeError):
            break
    return raw
