"""What the service itself answers: its health, check by check, and its own numbers."""

from __future__ import annotations

import json
from typing import Any, Callable, Mapping, NamedTuple, Sequence

LIMIT = 5.0  # seconds for an answer; a health check gives each of its own checks less


class Answer(NamedTuple):
    """What was answered. wrong: "" where it is as it should be. checks: by name, "ok" or what is
    wrong. known: whether there was anybody to ask."""

    wrong: str = ""
    checks: Mapping[str, str] = {}
    known: bool = True


# Given the URL, the status, the JSON object and why there is no answer, returns what that comes to.
Judge = Callable[[str, int, Mapping[str, Any], str], Answer]


def health(places: Sequence[str], path: str, host: str = "") -> Answer:
    """Ask for health at each place; the first that is not well speaks for all.

    host: in place of the name in the address, "" for that. Raises nothing.
    """
    return _all(places, path, host, _well)


def metrics(places: Sequence[str], path: str, host: str = "") -> Answer:
    """Ask for the service's numbers, which are JSON for people. Raises nothing."""
    return _all(places, path, host, _shown)


def _all(places: Sequence[str], path: str, host: str, judge: Judge) -> Answer:
    """Ask at each place, up to the first whose answer isn't as it should be."""
    found = Answer(f"no address to ask for {path}", known=False)
    for place in places:
        status, body, wrong = _get(place, path, host)
        found = judge(f"{place}{path}", status, _object(body), wrong)
        if found.wrong:
            break
    return found


def _well(url: str, status: int, body: Mapping[str, Any], wrong: str) -> Answer:
    said = body.get("checks")
    checks = {str(k): str(v) for k, v in said.items()} if isinstance(said, dict) else {}
    bad = ", ".join(f"{name}: {what}" for name, what in checks.items() if what != "ok")
    if not wrong and (status != 200 or bad):
        wrong = f"{url} answered {status}{f' ({bad})' if bad else ''}"
    return Answer(wrong, checks)


def _shown(url: str, status: int, body: Mapping[str, Any], wrong: str) -> Answer:
    if not wrong and status != 200:
        wrong = f"{url} answered {status}"
    elif not wrong and not body:
        wrong = f"{url} gave no JSON object"
    return Answer(wrong)


def _get(place: str, path: str, host: str) -> tuple[int, str, str]:
    """Return the status, the body, and why there is neither."""
    import requests

    url = place.rstrip("/") + path
    headers = {"User-Agent": "circle-of-closure", "Connection": "close"}
    if host:
        headers["Host"] = host
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(url, headers=headers, timeout=LIMIT, allow_redirects=False)
            return answer.status_code, answer.text, ""
    except requests.RequestException as error:
        return 0, "", f"{url} did not answer ({type(error).__name__})"


def _object(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
