"""Who is on call by somebody else's schedule: PagerDuty's or OpsGenie's, where there is a key.

Sources: https://developer.pagerduty.com/api-reference (List all of the on-calls) and
https://docs.opsgenie.com/docs/who-is-on-call-api.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple
from urllib.parse import quote

from ..errors import NotClosed

if TYPE_CHECKING:
    from .settings import Alerting

LIMIT = 5.0  # seconds for one answer


class Found(NamedTuple):
    """Who is on call, and by whose word."""

    people: tuple[str, ...]
    source: str


def ask(alerting: Alerting, schedule: str) -> Found | None:
    """Return who is on call by `schedule`, None where there is no key to ask with.

    Raises NotClosed where there is one and nobody could be found; the key is in no sentence.
    """
    if token := os.environ.get("PAGERDUTY_TOKEN", ""):
        headers = {
            "Authorization": f"Token token={token}",
            "Accept": "application/vnd.pagerduty+json;version=2",
        }
        words = {"schedule_ids[]": schedule, "earliest": "true"}
        said = _get("PagerDuty", f"{alerting.pagerduty.rstrip('/')}/oncalls", headers, words)
        return _found("PagerDuty", schedule, _pagerduty(said))
    if token := os.environ.get("OPSGENIE_TOKEN", ""):
        headers = {"Authorization": f"GenieKey {token}"}
        url = f"{alerting.opsgenie.rstrip('/')}/v2/schedules/{quote(schedule, safe='')}/on-calls"
        words = {"scheduleIdentifierType": "name", "flat": "true"}
        return _found("OpsGenie", schedule, _opsgenie(_get("OpsGenie", url, headers, words)))
    return None


def _pagerduty(said: Any) -> list[str]:
    """Return the names, those that are called first before the others."""
    calls = sorted(said["oncalls"], key=lambda each: each.get("escalation_level", 0))
    return list(dict.fromkeys(str(each["user"]["summary"]) for each in calls))


def _opsgenie(said: Any) -> list[str]:
    return [str(each) for each in said["data"]["onCallRecipients"]]


def _found(source: str, schedule: str, people: list[str]) -> Found:
    if not people:
        raise NotClosed(f"{source} has nobody on call by {schedule}.", kind="schedule")
    return Found(tuple(people), source)


def _get(source: str, url: str, headers: Mapping[str, str], words: Mapping[str, str]) -> Any:
    import requests

    session = requests.Session()
    session.trust_env = False  # a .netrc would put another key in this one's place
    session.proxies = requests.utils.get_environ_proxies(url)
    try:
        answer = session.get(url, headers=headers, params=words, timeout=LIMIT)
    except requests.RequestException as error:
        raise _wrong(source, f"did not answer ({type(error).__name__})") from None
    finally:
        session.close()
    if answer.status_code in (401, 403):
        raise _wrong(source, "does not take the key")
    if answer.status_code != 200:
        raise _wrong(source, f"answered {answer.status_code}")
    try:
        said = answer.json()
        (_pagerduty if source == "PagerDuty" else _opsgenie)(said)
    except (ValueError, LookupError, TypeError):
        raise _wrong(source, "answered with no schedule") from None
    return said


def _wrong(source: str, what: str) -> NotClosed:
    return NotClosed(f"{source} {what}.", kind="schedule")
