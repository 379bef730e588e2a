"""Alertmanager's HTTP API, version 2, and its own counters, as far as they are asked here.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (0.25 to 0.34).
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Mapping, NamedTuple

from ..errors import NotClosed
from ..moment import iso, unix
from . import pages
from .client import Client
from .prometheus import quoted


class Unanswered(NotClosed):
    """Alertmanager did not answer, or refused what was asked: nothing is known of the alerts.

    kind: "alertmanager" where it is away, "alert" where what was asked is wrong.
    """


class Alert(NamedTuple):
    """An alert that Alertmanager has.

    since: when it began (Unix time, seconds). receivers: whom its routes lead to. state: active,
    suppressed or unprocessed. silenced: the ids of the silences that keep it from them. inhibited:
    whether another alert does.
    """

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    since: float
    receivers: tuple[str, ...]
    state: str
    silenced: tuple[str, ...]
    inhibited: bool


class Matcher(NamedTuple):
    """What a label has to be for a silence to hold."""

    name: str
    value: str
    regex: bool = False
    equal: bool = True

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it holds of `labels`; one that isn't there is empty, as in Alertmanager."""
        said = labels.get(self.name, "")
        same = bool(re.fullmatch(self.value, said)) if self.regex else said == self.value
        return same == self.equal


class Silence(NamedTuple):
    """A silence; start, end: Unix time in seconds. state: active, pending or expired."""

    id: str
    matchers: tuple[Matcher, ...]
    start: float
    end: float
    by: str
    comment: str
    state: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it is about an alert with these labels."""
        return all(matcher.fits(labels) for matcher in self.matchers)


class Alertmanager(Client):
    """One Alertmanager. Every method raises Unanswered."""

    def answers(self) -> str:
        """Return "" where it answers, else what is wrong. Raises nothing."""
        try:
            self.status()
        except Unanswered as error:
            return str(error)
        return ""

    def status(self) -> Any:
        """Return what it says of itself: versionInfo, uptime, config.original (as YAML), …"""
        return self._asked("GET", "status", dict)

    def receivers(self) -> tuple[str, ...]:
        """Return the names of its receivers."""
        return tuple(each["name"] for each in self._asked("GET", "receivers", list))

    def alerts(self, labels: Mapping[str, str] | None = None) -> tuple[Alert, ...]:
        """Return the alerts that it has, silenced and inhibited ones too; `labels` choose some."""
        words = [("filter", f"{key}={quoted(value)}") for key, value in (labels or {}).items()]
        return tuple(map(_alert, self._asked("GET", "alerts", list, words)))

    def post(
        self,
        labels: Mapping[str, str],
        annotations: Mapping[str, str],
        start: float,
        end: float,
    ) -> None:
        """Raise an alert, or with an `end` that has come, resolve it; times are Unix seconds."""
        said = {"labels": dict(labels), "annotations": dict(annotations)}
        self._asked("POST", "alerts", None, [said | {"startsAt": iso(start), "endsAt": iso(end)}])

    def silences(self) -> tuple[Silence, ...]:
        """Return all silences that it still has, expired ones too."""
        return tuple(map(_silence, self._asked("GET", "silences", list)))

    def silence(
        self, matchers: Iterable[Matcher], start: float, end: float, by: str, comment: str
    ) -> str:
        """Make a silence and return its id; one that starts in the past starts now."""
        said = {
            "matchers": [
                {"name": m.name, "value": m.value, "isRegex": m.regex, "isEqual": m.equal}
                for m in matchers
            ],
            "startsAt": iso(start),
            "endsAt": iso(end),
            "createdBy": by,
            "comment": comment,
        }
        return str(self._asked("POST", "silences", dict, said)["silenceID"])

    def expire(self, silence: str) -> None:
        """End a silence now."""
        self._asked("DELETE", f"silence/{silence}", None)

    def reload(self) -> None:
        """Have it read its configuration again."""
        answer = self._request("POST", "-/reload")
        if answer.status_code != 200:
            raise Unanswered(
                f"Alertmanager at {self.url} keeps its old configuration: {answer.text.strip()}.",
                kind="alert",
            )

    def counters(self) -> dict[tuple[str, str, str], float]:
        """Return its counters of notifications, by name (without alertmanager_ and _total),
        integration and, where it tells them apart, receiver; reasons of failures are added up."""
        found: dict[tuple[str, str, str], float] = {}
        for sample in pages.samples(self._request("GET", "metrics").text):
            if not sample.name.startswith("alertmanager_notification"):
                continue
            labels = sample.labels
            name = sample.name.removeprefix("alertmanager_").removesuffix("_total")
            key = (name, labels.get("integration", ""), labels.get("receiver_name", ""))
            if key[1] and "le" not in labels:
                found[key] = found.get(key, 0.0) + sample.value
        return found

    def _asked(self, method: str, path: str, kind: type | None, said: Any = None) -> Any:
        words = said if method == "GET" else None
        answer = self._request(method, f"api/v2/{path}", words, said if words is None else None)
        try:
            told = answer.json() if answer.content else None
        except ValueError:
            raise self._away(f"answered {answer.status_code} with no JSON") from None
        if answer.status_code >= 400:
            why = told.get("message") if isinstance(told, dict) else told
            raise Unanswered(f"Alertmanager refused `{path}`: {why}.", kind="alert")
        if kind is not None and not isinstance(told, kind):
            raise self._away("is no Alertmanager")
        return told

    def _request(self, method: str, path: str, words: Any = None, body: Any = None) -> Any:
        import requests

        try:
            return self._session.request(
                method, f"{self.url}/{path}", params=words, json=body, timeout=self._limit
            )
        except requests.RequestException as error:
            raise self._away(f"did not answer ({type(error).__name__})") from None

    def _away(self, what: str) -> Unanswered:
        return Unanswered(
            f"Alertmanager at {self.url} {what}: start it with `inv preaggregate`, or name another "
            "one in invoke.yaml.",
            kind="alertmanager",
        )


def _alert(said: Mapping[str, Any]) -> Alert:
    status = said["status"]
    return Alert(
        said["labels"],
        said["annotations"],
        unix(said["startsAt"]),
        tuple(each["name"] for each in said["receivers"]),
        status["state"],
        tuple(status["silencedBy"]),
        bool(status["inhibitedBy"]),
    )


def _silence(said: Mapping[str, Any]) -> Silence:
    matchers = (
        Matcher(each["name"], each["value"], each["isRegex"], each.get("isEqual", True))
        for each in said["matchers"]
    )
    start, end = unix(said["startsAt"]), unix(said["endsAt"])
    state = said["status"]["state"]
    return Silence(
        said["id"], tuple(matchers), start, end, said["createdBy"], said["comment"], state
    )
