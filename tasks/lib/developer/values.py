"""What a value in .env must look like. What is said of one never shows it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Callable, Mapping
from urllib.parse import urlsplit

_PLACEHOLDER = re.compile(
    r"<.*>|\.{3,}|…|x{3,}"
    r"|.*\b(your|change|replace|insert|fill)[-_ ](me|this|it|in|here|own|\w+)\b.*"
    r"|.*\b(changeme|changeit|placeholder|example|todo|fixme)\b.*",
    re.IGNORECASE,
)
_SECRET = re.compile(r"(^|_)(KEY|SECRET|PASSWORD|TOKEN)$")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def placeholder(value: str) -> bool:
    """Tell whether a value only stands for one, such as `your-key` or `<changeme>`."""
    return bool(_PLACEHOLDER.fullmatch(value.strip()))


def lacking(
    keys: tuple[str, ...], values: Mapping[str, str], example: Mapping[str, str]
) -> tuple[str, ...]:
    """Return, by kind and in words, those of `keys` that have no value of their own in `values`.

    example: what .env.example says: a secret that is as it stands there is everybody's.
    """
    found: dict[str, list[str]] = {}
    for key in keys:
        value = values.get(key, "")
        if not value.strip():
            found.setdefault("none for", []).append(key)
        elif placeholder(value):
            found.setdefault("only a placeholder for", []).append(key)
        elif _SECRET.search(key) and value == example.get(key):
            found.setdefault("what .env.example tells everybody for", []).append(key)
    return tuple(f"{what} {', '.join(names)}" for what, names in found.items())


def malformed(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return, in words, what of `values` can't be what its key stands for.

    What has no value, or a placeholder, is somebody else's to tell.
    """
    found = ((key, values.get(key, ""), wrong) for key, wrong in FORMS.items())
    told = ((key, wrong(value)) for key, value, wrong in found if value and not placeholder(value))
    return tuple(f"{key} {said}" for key, said in told if said)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if not host or re.search(r"[\s\x00-\x1f]", value):
        return "is no URL: it should be as https://abc.supabase.co"
    if parts.username or parts.password:
        return "holds a user or a password"
    local = parts.scheme == "http" and host in _LOOPBACK  # what `supabase start` serves here
    return "" if parts.scheme == "https" or local else "doesn't begin with https://"


def _key(value: str) -> str:
    """Supabase's keys are sb_publishable_… and sb_secret_…, and formerly tokens of RFC 7519."""
    if re.fullmatch(r"sb_(publishable|secret)_[A-Za-z0-9_-]{8,}", value):
        return ""
    if value.startswith("sb_"):
        return "begins as a new key (sb_publishable_… or sb_secret_…) and doesn't go on as one"
    parts = value.split(".")
    if len(parts) != 3:
        return f"is neither a new key (sb_…) nor a JWT: that has 3 parts, not {len(parts)}"
    return "" if all(parts) and _header(parts[0]) else "has 3 parts, but is no JWT"


def _header(part: str) -> bool:
    try:
        told = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError):
        return False
    return isinstance(told, dict) and "alg" in told


FORMS: dict[str, Callable[[str], str]] = {"SUPABASE_URL": _url, "SUPABASE_KEY": _key}
