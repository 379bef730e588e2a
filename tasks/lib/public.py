"""What users see: the public address of an environment, and the requests that have to be answered
there."""

from __future__ import annotations

import json
from typing import Any, Sequence

from .settings import Environment
from .target import Target

RELEASE = "release"


def urls(environment: Environment, targets: Sequence[Target]) -> list[str]:
    """Return the public addresses: the configured one, or in the sandbox each host's own front."""
    if environment.url:
        return [environment.url]
    local = environment.name == "sandbox" and not environment.hosts
    return [target.front for target in targets] if local else []


def host(environment: Environment) -> str:
    """Return the name that users ask for, as requests to a host's own front have to say it."""
    return environment.host_header or environment.url.partition("://")[2].partition("/")[0]


def requests_for(environment: Environment, release: str) -> list[dict[str, Any]]:
    """Return what must be answered, as the agent's step `verify` takes it; `release`: "" for
    any."""
    asked: list[dict[str, Any]] = [{"path": environment.health, "status": 200, "throttled": True}]
    if environment.version_path:
        asked.append({"path": environment.version_path, "status": 200, RELEASE: release})
    asked += [{"path": s.path, "status": s.status, "text": s.text} for s in environment.smoke]
    return [{**request, "host": host(environment)} for request in asked]


def wrong(environment: Environment, places: Sequence[str], release: str, kinds: str = "all") -> str:
    """Ask at each public address; return "" or what the first answer that isn't as wanted was.

    kinds: "health", "version", "smoke" or "all" of them. release: the id that must be named, "" for
    any.
    """
    if not places:
        return ""
    import requests

    headers = {"User-Agent": "circle-of-closure", "Connection": "close"}
    if environment.host_header:
        headers["Host"] = environment.host_header
    for place in places:
        for request in _chosen(environment, release, kinds):
            url = place.rstrip("/") + request["path"]
            try:
                # A session each: a pool would use a connection again that was asked to close.
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.get(
                        url,
                        headers=headers,
                        timeout=environment.limits.verify,
                        allow_redirects=False,  # as through the fronts: a smoke may want a 302
                    )
            except requests.RequestException as error:
                return f"{url} did not answer ({type(error).__name__})"
            said = _unlike(url, request, answer.status_code, answer.text)
            if said:
                return said
    return ""


def _chosen(environment: Environment, release: str, kinds: str) -> list[dict[str, Any]]:
    asked = requests_for(environment, release)
    if kinds == "health":
        return asked[:1]
    if kinds == "version":
        return [request for request in asked if RELEASE in request]
    if kinds == "smoke":
        return [request for request in asked if "text" in request]
    return asked


def _unlike(url: str, request: dict[str, Any], status: int, body: str) -> str:
    if status == 429 and request.get("throttled"):
        return ""
    if status != request["status"]:
        return f"{url} answered {status}, not {request['status']}"
    if request.get("text") and request["text"] not in body:
        return f"{url} does not show {request['text']!r}"
    if request.get(RELEASE):
        named = _named(body)
        if named != request[RELEASE]:
            return f"{url} names release {named!r}, not {request[RELEASE]}"
    return ""


def _named(body: str) -> object:
    """Return the release that a version's answer names: JSON says which, plain text is its id."""
    try:
        said = json.loads(body)
    except ValueError:
        return body.strip()[:100]
    return said.get(RELEASE) if isinstance(said, dict) else None
