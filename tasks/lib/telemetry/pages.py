"""What the stack's programs and the service show over HTTP, as the hops read it."""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Mapping, NamedTuple

LIMIT = 5.0  # seconds for one page
_SAMPLE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


class Away(Exception):
    """Nothing answers at a URL; the message says how."""


class Page(NamedTuple):
    """An answer: its status and its text."""

    status: int
    text: str


class Sample(NamedTuple):
    """One line of Prometheus's text format."""

    name: str
    labels: Mapping[str, str]
    value: float


def get(url: str) -> Page:
    """Return what `url` answers, whatever its status. Raises Away."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, timeout=LIMIT, allow_redirects=False)
            return Page(answer.status_code, answer.text)
    except requests.Timeout:
        raise Away(f"no answer within {LIMIT:g} s") from None
    except requests.ConnectionError as error:
        raise Away(_why(str(error))) from None
    except requests.RequestException as error:
        raise Away(type(error).__name__) from None


def samples(text: str) -> Iterator[Sample]:
    """Yield the samples of a page in Prometheus's text format; what is none is passed over.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    for line in text.splitlines():
        if line.startswith("#") or not (found := _SAMPLE.match(line)):
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        labels = {name: _plain(said) for name, said in _LABEL.findall(found[2] or "")}
        yield Sample(found[1], labels, value)


def total(found: Iterable[Sample], name: str, leaving: str = "\0", only: str = "") -> float | None:
    """Return the sum of what is called `name`, with or without a counter's _total; None for none.

    leaving: text that marks, in the value of a label, what isn't counted. only: what one has to
    have for it.
    """
    values = [
        each.value
        for each in found
        if each.name.removesuffix("_total") == name
        and not any(leaving in said for said in each.labels.values())
        and (not only or any(only in said for said in each.labels.values()))
    ]
    return sum(values) if values else None


def _why(said: str) -> str:
    if "refused" in said:
        return "connection refused"
    return "no host of that name" if "resolve" in said else "no connection"


def _plain(said: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], said)
