"""What the clients of the stack's programs have in common: one session, which each gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import requests

LIMIT = 10.0  # seconds for one answer


class Client:
    """Asks one program over HTTP. Use as a context manager, or `close` it."""

    def __init__(
        self, url: str, limit: float = LIMIT, session: requests.Session | None = None
    ) -> None:
        """Be about the server at `url`, giving each question `limit` seconds. Asks nothing yet.

        session: one that logs in, where something that wants that is in between.
        """
        import requests

        self.url, self._limit = url.rstrip("/"), limit
        self._session = session or requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        """Let go of its connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
