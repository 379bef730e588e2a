"""Sending an event to whoever is configured, all at once and within a limit."""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Callable, Mapping

from .event import Event
from .payloads import generic, slack, teams

Job = Callable[[], str]  # does it and returns "", or what was wrong


def jobs(event: Event, limit: float) -> dict[str, Job]:
    """Return by name what has to be done to tell `event`, of which nothing is done yet.

    Told is whom the environment has an address of. limit: seconds for each.
    """
    receivers = (
        ("Slack", os.environ.get("SLACK_WEBHOOK_URL"), slack),
        ("Teams", os.environ.get("TEAMS_WEBHOOK_URL"), teams),
        ("the webhook", os.environ.get("NOTIFY_WEBHOOK_URL"), generic),
    )
    return {
        name: _posting(url.strip(), payload(event), limit)
        for name, url, payload in receivers
        if url and url.strip()
    }


def _posting(url: str, payload: Mapping[str, Any], limit: float) -> Job:
    def job() -> str:
        if not url.startswith(("https://", "http://")):
            return "its address in .env is no URL"
        return post(url, payload, limit)

    return job


def post(url: str, payload: Mapping[str, Any], limit: float) -> str:
    """POST `payload` as JSON; return "" where it was taken, else what happened. It never names
    the address: that is the secret. Raises nothing."""
    import requests

    try:
        answer = requests.post(url, json=payload, timeout=limit, allow_redirects=False)
    except requests.RequestException as error:
        return f"it did not answer ({type(error).__name__})"
    except (ValueError, OSError) as error:  # an address that requests can't even read
        return f"it could not be asked ({type(error).__name__})"
    return "" if answer.ok and not answer.is_redirect else f"it answered {answer.status_code}"


class Delivery:
    """Jobs that have been begun, each in a thread of its own, which nothing has to wait for."""

    def __init__(self, jobs: Mapping[str, Job]) -> None:
        self._wrong: dict[str, str] = {}
        self._threads = {
            name: threading.Thread(target=self._do, args=(name, job), daemon=True)
            for name, job in jobs.items()
        }
        for thread in self._threads.values():
            thread.start()

    def _do(self, name: str, job: Job) -> None:
        try:
            self._wrong[name] = job()
        except Exception as error:  # whatever it is, a deploy is not to fail by it
            self._wrong[name] = f"it failed ({type(error).__name__})"

    def ended(self, limit: float) -> dict[str, str]:
        """Wait for at most `limit` seconds; return by name what went wrong, late ones included."""
        until = time.monotonic() + limit
        for thread in self._threads.values():
            thread.join(max(0.0, until - time.monotonic()))
        found = {name: self._wrong.get(name, "it did not answer in time") for name in self._threads}
        return {name: wrong for name, wrong in found.items() if wrong}
