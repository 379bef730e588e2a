"""Which release this process is, and where it runs."""

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "pi-forge"
UNKNOWN = "unknown"
LOCAL = "local"


@dataclass(frozen=True)
class Release:
    """What the host called this process when it started it; "unknown" where it said nothing.

    environment: "local" where nobody said one, as on a developer's machine. host: "" likewise.
    """

    version: str = UNKNOWN
    commit: str = UNKNOWN
    id: str = UNKNOWN
    environment: str = LOCAL
    host: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Release":
        """Return the release that VERSION, COMMIT and RELEASE_ID name, in the environment and on
        the host that ENVIRONMENT and HOST_NAME do; empty says nothing."""
        return cls(
            version=environ.get("VERSION") or UNKNOWN,
            commit=environ.get("COMMIT") or UNKNOWN,
            id=environ.get("RELEASE_ID") or UNKNOWN,
            environment=environ.get("ENVIRONMENT") or LOCAL,
            host=environ.get("HOST_NAME") or "",
        )
