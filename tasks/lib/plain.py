"""From our objects to one line of JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import PurePath
from typing import Any

# What JSON leaves as it is, and a terminal obeys or no encoding has.
_BARE = re.compile(r"[\x7f-\x9f\ud800-\udfff]")


def dumps(value: object) -> str:
    """Return `value` as one line of JSON; structs and dataclasses become objects, sets lists.

    Raises TypeError for what has no such form, ValueError for NaN and infinity: JSON has neither.
    """
    text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False)
    return _BARE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "__struct_fields__"):  # msgspec's, without importing it
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
