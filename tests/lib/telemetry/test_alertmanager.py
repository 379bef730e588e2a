"""Asking a real Alertmanager, telling it of alerts and silences, and what is said without one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.lib.moment import iso, unix
from tasks.lib.telemetry.alertmanager import Alertmanager, Matcher, Unanswered
from tests.support import observed
from tests.support.web import Answer, serve

CLOSED = "http://127.0.0.1:9/"  # the port of `discard`, where nothing listens


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    home = tmp_path_factory.mktemp("alertmanager")
    config = {
        "route": {"receiver": "team", "group_wait": "100ms"},
        "receivers": [
            {"name": "team", "webhook_configs": [{"url": CLOSED}]},
            {"name": "nobody"},
        ],
    }
    with observed.alerting(home, config) as url, Alertmanager(url) as asked:
        yield asked


def test_it_answers_and_says_whom_it_tells(alertmanager: Alertmanager) -> None:
    assert alertmanager.answers() == ""
    assert alertmanager.receivers() == ("team", "nobody")
    assert "webhook_configs" in alertmanager.status()["config"]["original"]


def test_an_alert_is_raised_found_by_its_labels_and_resolved(alertmanager: Alertmanager) -> None:
    labels = {"alertname": 'A"b\\c', "environment": "sandbox"}
    now = time.time()
    alertmanager.post(labels, {"summary": "s"}, now, now + 300)
    (found,) = alertmanager.alerts(labels)
    assert (found.labels, found.annotations) == (labels, {"summary": "s"})
    assert (found.receivers, found.silenced, found.inhibited) == (("team",), (), False)
    assert abs(found.since - now) < 0.002
    alertmanager.post(labels, {}, now, time.time())
    assert alertmanager.alerts(labels) == ()
    assert alertmanager.alerts({"alertname": "another"}) == ()


def test_a_silence_holds_for_what_it_names_and_is_kept_when_it_ended(
    alertmanager: Alertmanager,
) -> None:
    matchers = (Matcher("alertname", "B"), Matcher("environment", "p.*", regex=True))
    now = time.time()
    made = alertmanager.silence(matchers, now - 60, now + 600, "ada", "ACK! seen")
    (found,) = [each for each in alertmanager.silences() if each.id == made]
    assert (found.by, found.comment, found.state) == ("ada", "ACK! seen", "active")
    assert found.start >= now - 1 and abs(found.end - now - 600) < 0.01
    assert found.fits({"alertname": "B", "environment": "production"})
    assert not found.fits({"alertname": "B"}) and not found.fits({"environment": "production"})
    labels = {"alertname": "B", "environment": "production"}
    alertmanager.post(labels, {}, now, now + 300)
    until = time.monotonic() + 20
    while alertmanager.alerts(labels)[0].silenced != (made,):
        assert time.monotonic() < until
        time.sleep(0.05)
    alertmanager.expire(made)
    assert {each.id: each.state for each in alertmanager.silences()}[made] == "expired"


def test_what_is_delivered_and_what_is_not_is_counted_by_integration(
    alertmanager: Alertmanager,
) -> None:
    before = alertmanager.counters()[("notification_requests_failed", "webhook", "")]
    alertmanager.post({"alertname": "C"}, {}, time.time(), time.time() + 300)
    until = time.monotonic() + 20
    key = ("notification_requests_failed", "webhook", "")
    while alertmanager.counters()[key] == before:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert ("notifications", "email", "") in alertmanager.counters()


def test_a_wrong_word_is_told_from_an_absent_server(alertmanager: Alertmanager) -> None:
    with pytest.raises(Unanswered, match="Alertmanager refused `silences`") as wrong:
        alertmanager.silence((), time.time(), time.time() + 60, "ada", "no matcher")
    assert wrong.value.kind == "alert"
    with (
        Alertmanager(CLOSED) as nobody,
        pytest.raises(Unanswered, match="inv preaggregate") as away,
    ):
        nobody.alerts()
    assert away.value.kind == "alertmanager" and "did not answer" in nobody.answers()


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_another_program_there_is_told(body: str) -> None:
    with serve({"/api/v2/status": Answer(200, body)}) as site, Alertmanager(site.url) as asked:
        assert "is no Alertmanager" in asked.answers() or "with no JSON" in asked.answers()


def test_a_time_goes_to_text_and_back() -> None:
    assert iso(0.5) == "1970-01-01T00:00:00.500Z" and unix("1970-01-01T00:00:00.500000001Z") == 0.5


def test_it_reads_its_configuration_again(alertmanager: Alertmanager) -> None:
    alertmanager.reload()
