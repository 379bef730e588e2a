"""Prometheus's HTTP API, as far as it is asked here.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/ (version 2.42 and 3).
"""

from __future__ import annotations

import math
from typing import Any, Mapping, NamedTuple

from ..errors import NotClosed
from .client import Client


class Unanswered(NotClosed):
    """Prometheus did not answer, or refused the question: nothing is known of the service.

    kind: "prometheus" where it is away, "query" where the question is wrong.
    """


class Value(NamedTuple):
    """One element of an instant vector: its labels, the time (Unix, seconds), and its value."""

    labels: Mapping[str, str]
    at: float
    value: float


class Series(NamedTuple):
    """One element of a range: its labels, and its points as (Unix time in seconds, value)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


class Prometheus(Client):
    """One Prometheus. Every method raises Unanswered."""

    def answers(self) -> str:
        """Return "" where it evaluates queries, else what is wrong: asked first, so that "it is
        away" is never read as something about the service. Raises nothing."""
        try:
            found = self.query("vector(1)")
        except Unanswered as error:
            return str(error)
        return "" if [each.value for each in found] == [1.0] else f"{self.url} can't count to one"

    def query(self, expression: str, at: float | None = None) -> tuple[Value, ...]:
        """Return the instant vector of `expression`; a scalar is a vector of one without labels.

        at: Unix time in seconds, now where None.
        """
        words: dict[str, Any] = {"query": expression} | ({} if at is None else {"time": at})
        data = self.get("query", words)
        try:
            if data["resultType"] == "scalar":
                return (Value({}, float(data["result"][0]), _number(data["result"][1])),)
            return tuple(
                Value(each["metric"], float(each["value"][0]), _number(each["value"][1]))
                for each in data["result"]
                if "value" in each
            )
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._away("gave what is no answer to a query") from None

    def range(self, expression: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        """Return `expression` from `start` to `end` (Unix time), every `step` seconds."""
        words = {"query": expression, "start": start, "end": end, "step": step}
        return tuple(
            Series(
                each["metric"], tuple((float(at), _number(value)) for at, value in each["values"])
            )
            for each in self.get("query_range", words)["result"]
        )

    def samples(self, selector: str, seconds: float, end: float) -> tuple[Series, ...]:
        """Return every sample that was stored of `selector` in the `seconds` until `end`, at the
        very time that it was: a range would ask at times of its own."""
        words = {"query": f"{selector}[{max(1, round(seconds))}s]", "time": end}
        return tuple(
            Series(
                each["metric"], tuple((float(at), _number(value)) for at, value in each["values"])
            )
            for each in self.get("query", words)["result"]
        )

    def get(self, path: str, words: Mapping[str, Any] | None = None) -> Any:
        """Return the `data` of /api/v1/`path`, with `words` as its parameters."""
        import requests

        # POST takes queries of any length; the others know GET alone.
        post = path.startswith("query")
        try:
            answer = self._session.request(
                "POST" if post else "GET",
                f"{self.url}/api/v1/{path}",
                data=words if post else None,
                params=None if post else words,
                timeout=self._limit,
            )
            said = answer.json()
        except ValueError:
            raise self._away(f"answered {answer.status_code} with no JSON") from None
        except requests.RequestException as error:
            raise self._away(f"did not answer ({type(error).__name__})") from None
        if not isinstance(said, dict) or said.get("status") not in ("success", "error"):
            raise self._away("is no Prometheus")
        if said["status"] == "error":
            asked = (words or {}).get("query", path)
            raise Unanswered(
                f"Prometheus refused `{asked}`: {said.get('error', 'it does not say why')}.",
                kind="query",
            )
        return said["data"]

    def _away(self, what: str) -> Unanswered:
        return Unanswered(
            f"Prometheus at {self.url} {what}: start it with `inv preaggregate`, or name another "
            "one in invoke.yaml.",
            kind="prometheus",
        )


def _number(text: str) -> float:
    return {"+Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan}.get(text) or float(text)


def matching(labels: Mapping[str, str]) -> str:
    """Return `labels` as a selector, `{job="a", environment="b"}`, whatever is in the values."""
    said = (f"{name}={quoted(value)}" for name, value in labels.items())
    return "{" + ", ".join(said) + "}"


def quoted(value: str) -> str:
    """Return text as selectors and Alertmanager's filters write it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
