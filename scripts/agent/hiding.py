"""Secrets in what is shown: each in every form in which a program is likely to print it."""

from __future__ import annotations

import codecs
import json
from typing import Callable, Iterable, List

SHORT = 3  # a value no longer than this is found everywhere, and hiding it would hide nothing
LIMIT = 1 << 20  # characters that are kept back at the most while they may be half of a secret


def forms(values: Iterable[str]) -> List[str]:
    """What to look for, the longest first: each value and each of its lines.

    As it is, in JSON, as Python's repr, in a URL.
    """
    from urllib.parse import quote

    found = set()
    for value in values:
        parts = {value, value.strip(), *value.splitlines()}
        for part in (part for part in parts if len(part) > SHORT):
            found |= {part, json.dumps(part)[1:-1]}
            found.add(json.dumps(part, ensure_ascii=False)[1:-1])
            found |= {repr(part)[1:-1], quote(part), quote(part, safe="")}
    return sorted(found, key=len, reverse=True)


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` with *** for each of `secrets`, as `forms` gives them."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


class Curtain:
    """Hides secrets in output that comes in pieces, also one that is cut in two between them."""

    def __init__(self, secrets: Callable[[], List[str]]) -> None:
        self.secrets = secrets
        self.held = ""
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def show(self, piece: bytes) -> str:
        """What can be shown by now; b"" ends the output."""
        text, secrets = self.held + self.decode(piece, not piece), self.secrets()
        at = len(text) if not piece or text.endswith("\n") else self._safe(text, secrets)
        self.held = text[at:]
        return hide(text[:at], secrets)

    @staticmethod
    def _safe(text: str, secrets: List[str]) -> int:
        """Where `text` can be cut: behind it is all that may turn out to begin a secret."""
        if len(text) > LIMIT:
            return len(text)
        at = max(0, len(text) - len(secrets[0])) if secrets else len(text)
        moved = True
        while moved:
            moved = False
            for secret in secrets:
                found = text.find(secret, max(0, at - len(secret) + 1), at + len(secret) - 1)
                if 0 <= found < at:
                    at, moved = found, True
        return at
