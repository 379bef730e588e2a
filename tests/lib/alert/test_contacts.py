"""Whom to call: what the configuration says, and who is on call by whose word."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from invoke.config import Config
from invoke.context import Context

import tasks
from tasks.lib import config
from tasks.lib.alert import contacts
from tasks.lib.alert.settings import Alerting
from tasks.lib.errors import Refused
from tests.support.web import Answer, serve

SENTINEL = "sentinel-91c"
NOW = datetime.fromisoformat("2026-01-06T12:00:00+00:00")
ROTATION = {"people": ["ada", "grace"], "start": "2026-01-05T09:00", "timezone": "Europe/Berlin"}
ON_CALL: dict[str, Any] = {"channels": ["Slack #on-call", "+49 30 1234"], "availability": "24/7"}
PAGERDUTY = "/oncalls?schedule_ids%5B%5D=PX1&earliest=true"
OPSGENIE = "/v2/schedules/PX1/on-calls?scheduleIdentifierType=name&flat=true"


def load(**said: Any) -> config.Settings:
    found = Config(overrides={"contacts": said})
    found.load_collection(tasks.DEFAULTS)
    return config.load(Context(found))


def read(alerting: Alerting | None = None, **on_call: Any) -> contacts.Whom:
    settings = load(**{"on-call engineer": {**ON_CALL, **on_call}})
    return contacts.read(settings.contacts, NOW, alerting)[0]


def test_text_stays_what_it_was() -> None:
    settings = load(**{"team lead": "Slack #team, in business hours"})
    (whom,) = contacts.read(settings.contacts, NOW)
    assert (whom.role, whom.line()) == ("team lead", "Slack #team, in business hours")
    assert contacts.lines(settings.contacts) == {"team lead": whom.line()}


def test_a_rotation_says_who_it_is_and_until_when() -> None:
    whom = read(rotation=ROTATION)
    assert (whom.person, whom.next, whom.source) == ("ada", "grace", "rotation")
    assert whom.until == datetime.fromisoformat("2026-01-12T08:00:00+00:00").timestamp()
    assert whom.line() == "ada, Slack #on-call or +49 30 1234, 24/7"


@pytest.mark.parametrize(
    "start", [datetime(2026, 1, 5, 9), datetime(2026, 1, 5).date()], ids=["time", "day"]
)
def test_a_date_of_yaml_is_what_was_written(start: Any) -> None:
    assert read(rotation={**ROTATION, "start": start}).person == "ada"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"channels": []}, r"on-call engineer\.channels should be a list of at least one channel"),
        ({"channel": "x"}, "channel is not a known key"),
        ({"rotation": {**ROTATION, "people": []}}, r"rotation\.people should be a list of at leas"),
        ({"rotation": {**ROTATION, "period": "1h"}}, r"rotation\.period should be at least 4h"),
        ({"rotation": {**ROTATION, "start": "monday"}}, r"rotation\.start should be a local date"),
        ({"rotation": {**ROTATION, "start": "2026-01-05T09:00Z"}}, "should be a local date"),
        ({"rotation": {**ROTATION, "timezone": "Mars/Base"}}, "should be a time zone that this"),
        ({"rotation": {"people": ["ada"]}}, "lacks the key start"),
    ],
    ids=str,
)
def test_a_wrong_contact_is_one_sentence(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as caught:
        load(**{"on-call engineer": {**ON_CALL, **said}})
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAGERDUTY_TOKEN", "OPSGENIE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def test_pagerduty_is_asked_where_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, no_keys: None
) -> None:
    monkeypatch.setenv("PAGERDUTY_TOKEN", SENTINEL)
    calls = [
        {"user": {"summary": "Linus"}, "escalation_level": 2},
        {"user": {"summary": "Grace"}, "escalation_level": 1},
        {"user": {"summary": "Grace"}, "escalation_level": 3},
    ]
    with serve({PAGERDUTY: Answer(200, json.dumps({"oncalls": calls}))}) as site:
        whom = read(Alerting(pagerduty=site.url), schedule="PX1", rotation=ROTATION)
    assert (whom.person, whom.source, whom.until) == ("Grace, Linus", "PagerDuty", 0)
    assert site.headers[0]["Authorization"] == f"Token token={SENTINEL}"
    assert site.headers[0]["Accept"] == "application/vnd.pagerduty+json;version=2"


def test_opsgenie_is_asked_where_there_is_a_key(
    monkeypatch: pytest.MonkeyPatch, no_keys: None
) -> None:
    monkeypatch.setenv("OPSGENIE_TOKEN", SENTINEL)
    said = {"data": {"onCallRecipients": ["grace@example.invalid"]}}
    with serve({OPSGENIE: Answer(200, json.dumps(said))}) as site:
        whom = read(Alerting(opsgenie=site.url), schedule="PX1")
    assert (whom.person, whom.source) == ("grace@example.invalid", "OpsGenie")
    assert site.headers[0]["Authorization"] == f"GenieKey {SENTINEL}"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(401), "does not take the key"),
        (Answer(404), "answered 404"),
        (Answer(200, "<html>"), "answered with no schedule"),
        (Answer(200, "[]"), "answered with no schedule"),
        (Answer(200, '{"oncalls": []}'), "has nobody on call by PX1"),
        (None, "did not answer"),
    ],
    ids=["key", "schedule", "html", "list", "nobody", "away"],
)
def test_what_pagerduty_cannot_say_the_rotation_does(
    answer: Answer | None,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    no_keys: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PAGERDUTY_TOKEN", SENTINEL)
    with serve({PAGERDUTY: answer or Answer()}) as site:
        url = site.url if answer else "http://127.0.0.1:9"
        whom = read(Alerting(pagerduty=url), schedule="PX1", rotation=ROTATION)
    said = capsys.readouterr()
    assert (whom.person, whom.source) == ("ada", "rotation")
    assert f"PagerDuty {sentence}" in said.err and "the configured rotation counts" in said.err
    assert SENTINEL not in said.err + said.out


def test_without_a_key_nobody_is_asked(no_keys: None) -> None:
    with serve({}) as site:
        whom = read(Alerting(pagerduty=site.url), schedule="PX1", rotation=ROTATION)
    assert whom.person == "ada" and site.asked == []


def test_it_is_shown_with_what_is_lacking(
    no_keys: None, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load(**{"on-call engineer": {**ON_CALL, "rotation": ROTATION}, "team lead": "#x"})
    outcome = contacts.show(settings)
    said = capsys.readouterr()
    assert "on-call engineer: " in said.out and "  until " in said.out
    assert "nobody is named for: database admin, security" in said.err
    assert [each["role"] for each in outcome.detail["contacts"]] == [
        "on-call engineer",
        "team lead",
    ]
    with pytest.raises(Refused, match="invoke.yaml has no contacts"):
        contacts.show(load())
