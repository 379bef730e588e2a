"""What all types of the configuration have in common."""

from __future__ import annotations

import msgspec


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frozen, and a key that isn't declared is an error rather than ignored."""
