"""Which release this process is."""

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "pi-forge"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Release:
    """What the host called this process when it started it; "unknown" where it said nothing."""

    version: str = UNKNOWN
    commit: str = UNKNOWN
    id: str = UNKNOWN

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Release":
        """Return the release that VERSION, COMMIT and RELEASE_ID name; empty says nothing."""
        return cls(
            version=environ.get("VERSION") or UNKNOWN,
            commit=environ.get("COMMIT") or UNKNOWN,
            id=environ.get("RELEASE_ID") or UNKNOWN,
        )
