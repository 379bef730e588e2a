"""Grafana's HTTP API, as far as it is asked here.

Source: https://grafana.com/docs/grafana/latest/developer-resources/api-reference/http-api/. It is
the older of Grafana's two APIs (`/api`, not `/apis`): version 13 still has it, and so has each
before it.
"""

from __future__ import annotations

import base64
import os
import time
from typing import Any, Mapping, NamedTuple, Sequence

from ..errors import NotClosed
from .client import LIMIT, Client
from .prometheus import Prometheus

USER = "admin"

_WRONG = (
    "it doesn't take what .env has: set GRAFANA_TOKEN to a service account's token, or "
    f"GRAFANA_ADMIN_PASSWORD to the password of its user {USER}"
)


class Unreachable(NotClosed):
    """Grafana did not answer as asked.

    kind: "grafana" where it is away or isn't one, "login" where it takes neither password nor
    token, "absent" where it doesn't have what was asked for.
    """


class Source(NamedTuple):
    """A data source: its unique id, name, type (such as "prometheus") and its URL, as Grafana's
    own machine sees it."""

    uid: str
    name: str
    type: str
    url: str


class Board(NamedTuple):
    """A dashboard as Grafana has it: its model, the title of its folder, and its address."""

    model: Mapping[str, Any]
    folder: str
    url: str


class Grafana(Client):
    """One Grafana. Every method but `answers` raises Unreachable."""

    def __init__(self, url: str, limit: float = LIMIT) -> None:
        """Be about the server at `url`, giving each question `limit` seconds. Asks nothing yet.

        Whoever asks is said by the variables GRAFANA_TOKEN or GRAFANA_ADMIN_PASSWORD, and shown
        nowhere.
        """
        super().__init__(url, limit)
        if said := _login():
            self._session.headers["Authorization"] = said

    def answers(self) -> str:
        """Return "" where it is up, its database too, else what is wrong. Needs no login."""
        try:
            said = self.get("health")
        except Unreachable as error:
            return str(error)
        state = said.get("database") if isinstance(said, dict) else None
        return "" if state == "ok" else f"Grafana at {self.url} has no database: {state}"

    def sources(self) -> tuple[Source, ...]:
        """Return the data sources that it has."""
        return tuple(
            Source(each["uid"], each["name"], each["type"], each.get("url", ""))
            for each in self.get("datasources")
        )

    def source_trouble(self, uid: str) -> str:
        """Return "" where the data source `uid` works as seen from Grafana, else what is wrong."""
        answer = self._asked("GET", f"datasources/uid/{uid}/health", refused=(400,))
        return "" if answer.get("status") == "OK" else str(answer.get("message", answer))

    def board(self, uid: str) -> Board:
        """Return the dashboard `uid`."""
        said = self.get(f"dashboards/uid/{uid}")
        meta = said.get("meta", {})
        url = meta.get("url") or f"/d/{uid}"
        return Board(said["dashboard"], meta.get("folderTitle", ""), self.link(url))

    def boards(self, text: str = "") -> tuple[Mapping[str, Any], ...]:
        """Return what its search finds of dashboards: uid, title, folderTitle, url, tags."""
        return tuple(self.get("search", {"type": "dash-db", "query": text}))

    def prometheus(self, uid: str, limit: float | None = None) -> Prometheus:
        """Return the Prometheus that is the data source `uid`, asked through Grafana."""
        through = f"{self.url}/api/datasources/proxy/uid/{uid}"
        return Prometheus(through, limit or self._limit, self._session)

    def annotate(
        self,
        text: str,
        tags: Sequence[str],
        start: float | None = None,
        end: float | None = None,
    ) -> int:
        """Mark a moment, or what lies between two, on every dashboard that shows these tags.

        start, end: Unix time in seconds; now where there is no start. Returns the mark's id.
        """
        at = time.time() if start is None else start
        said: dict[str, Any] = {"text": text, "tags": list(tags), "time": _milliseconds(at)}
        if end is not None:
            said["timeEnd"] = _milliseconds(end)
        return int(self._asked("POST", "annotations", said).get("id", 0))

    def annotations(
        self, start: float, end: float, tags: Sequence[str] = (), limit: int = 1000
    ) -> tuple[Mapping[str, Any], ...]:
        """Return the marks between two times (Unix, seconds) that have all of `tags`."""
        words = {"from": _milliseconds(start), "to": _milliseconds(end), "limit": limit}
        return tuple(self.get("annotations", words | {"tags": list(tags)}))

    def link(self, path: str) -> str:
        """Return the address of a page, of the path that Grafana gives for it."""
        from urllib.parse import urljoin, urlsplit

        base = urlsplit(self.url).path
        return urljoin(f"{self.url}/", path.removeprefix(base).lstrip("/"))

    def get(self, path: str, words: Mapping[str, Any] | None = None) -> Any:
        """Return what GET /api/`path` gives, with `words` as its parameters."""
        return self._asked("GET", path, words)

    def _asked(
        self,
        method: str,
        path: str,
        words: Mapping[str, Any] | None = None,
        refused: tuple[int, ...] = (),
    ) -> Any:
        """Ask, and return the JSON; an answer with a status of `refused` is one, too."""
        import requests

        try:
            answer = self._session.request(
                method,
                f"{self.url}/api/{path}",
                params=words if method == "GET" else None,
                json=None if method == "GET" else words,
                timeout=self._limit,
                allow_redirects=False,  # the password is for this place only
            )
            said = answer.json()
        except ValueError:
            raise self._away(_odd(answer)) from None
        except requests.RequestException as error:
            raise self._away(f"did not answer ({type(error).__name__})") from None
        if answer.status_code in (200, *refused):
            return said
        raise self._refusal(answer.status_code, path, said)

    def _refusal(self, status: int, path: str, said: Any) -> Unreachable:
        told = said.get("message", "") if isinstance(said, dict) else ""
        if status in (401, 403):
            return Unreachable(f"Grafana at {self.url}: {_WRONG}.", kind="login")
        if status == 404:
            return Unreachable(f"Grafana at {self.url} has no {path}.", kind="absent")
        return self._away(f"answered {status} to {path}: {told or 'it does not say why'}")

    def _away(self, what: str) -> Unreachable:
        return Unreachable(
            f"Grafana at {self.url} {what}: start it with `inv preaggregate`, or name another one "
            "in invoke.yaml.",
            kind="grafana",
        )


def _login() -> str:
    """Return what says who asks, "" where nobody is named. In UTF-8, which a password may be in."""
    if token := os.environ.get("GRAFANA_TOKEN"):
        return f"Bearer {token}"
    if password := os.environ.get("GRAFANA_ADMIN_PASSWORD"):
        return f"Basic {base64.b64encode(f'{USER}:{password}'.encode()).decode()}"
    return ""


def _odd(answer: Any) -> str:
    to = answer.headers.get("Location", "")
    leads = f", and leads to {to.split('?')[0]}" if to else ""
    return f"answered {answer.status_code} with no JSON{leads}"


def _milliseconds(at: float) -> int:
    return round(at * 1000)
