"""`inv alert.ack` and `alert.history` on a past that the test laid down, and silences it made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.lib.telemetry.alertmanager import Alertmanager, Matcher
from tests.support.alarm import Scene, scene
from tests.support.past import Past

DAY, MINUTE = 86400.0, 60.0
CONFIG = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
COMMON = {"job": "demo", "service": "demo"}


def laid(now: float) -> str:
    """Return a past in which six alerts fired; what is said of the last one goes on."""
    past = Past(now - 4 * DAY, now, 15, **COMMON)

    def fired(
        name: str, environment: str, severity: str, begin: float, end: float, **more: str
    ) -> None:
        value = lambda at: 1.0 if now - begin <= at <= now - end else None  # noqa: E731
        labels = {"alertname": name, "alertstate": "firing", "environment": environment}
        past.add("ALERTS", value, **labels, severity=severity, **more)

    fired("HighErrorRate", "production", "critical", 3 * DAY, 3 * DAY - 10 * MINUTE)
    fired("HighErrorRate", "production", "critical", 20 * MINUTE, 0)
    # Of two instances, one after the other: one trouble.
    fired("ServiceDown", "staging", "critical", 40 * MINUTE, 30 * MINUTE, instance="a")
    fired("ServiceDown", "staging", "critical", 35 * MINUTE, 25 * MINUTE, instance="b")
    # Prometheus was away for a minute; and then for longer.
    fired("HighLatency", "sandbox", "warning", 100 * MINUTE, 90 * MINUTE)
    fired("HighLatency", "sandbox", "warning", 89 * MINUTE, 80 * MINUTE)
    fired("HighLatency", "sandbox", "warning", 70 * MINUTE, 60 * MINUTE)
    # What only is about to fire, and what always fires, is no history.
    past.add("ALERTS", 1.0, alertname="HighLatency", alertstate="pending", environment="staging")
    return past.text()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    now = time.time()
    with scene(tmp_path_factory.mktemp("history"), CONFIG, past=laid(now)) as found:
        found.configure(
            environments={
                name: {"hosts": ["a@b.invalid"], "url": "http://127.0.0.1:9", "watch": "0s"}
                for name in ("staging", "production")
            }
        )
        found.tell(production=0.5, sandbox=0.0)
        yield found


def episodes(kept: Scene, *words: str) -> list[dict[str, Any]]:
    told = kept.project.document("alert.history", *words)["detail"]["episodes"]
    assert isinstance(told, list)
    return told


def test_it_has_what_fired_and_for_how_long(kept: Scene) -> None:
    found = episodes(kept)
    said = [(each["alert"], each["environment"]) for each in found]
    assert said == [
        ("HighErrorRate", "production"),
        ("HighLatency", "sandbox"),
        ("HighLatency", "sandbox"),
        ("ServiceDown", "staging"),
        ("HighErrorRate", "production"),
    ]
    lasted = [round(each["seconds"] / MINUTE) for each in found]
    assert lasted[:4] == [10, 20, 10, 15] and lasted[4] >= 20
    assert [each["resolved"] is None for each in found] == [False] * 4 + [True]
    assert [each["severity"] for each in found][1:3] == ["warning", "warning"]
    assert len(episodes(kept, "--since=1d")) == 4
    assert len(episodes(kept, "--since=1d", "--env=staging")) == 1
    shown = kept.project.inv("alert.history").stdout
    assert shown.count("production") == 2 and max(map(len, shown.splitlines())) <= 80


def test_an_answer_has_its_time_its_author_and_its_verdict(kept: Scene) -> None:
    words = ("alert.ack", "HighErrorRate", "--env=production", "--reason=a full disk: see #12")
    told = kept.project.document(*words)["detail"]
    now = time.time()
    assert told["verdict"] == "actionable" and abs(told["until"] - now - 7200) < 60
    with Alertmanager(kept.alertmanager) as asked:
        (silence,) = [each for each in asked.silences() if each.id == told["silence"]]
    assert silence.comment == "ACK! actionable: a full disk: see #12"
    assert silence.state == "active" and silence.by == told["by"]
    assert set(silence.matchers) == {
        Matcher("alertname", "HighErrorRate"),
        Matcher("environment", "production"),
    }
    found = [each for each in episodes(kept) if each["alert"] == "HighErrorRate"]
    assert len(found) == 2, found
    first, last = found
    assert (first["acknowledged"], first["verdict"]) == (None, "")
    assert last["verdict"] == "actionable" and last["reason"] == "a full disk: see #12"
    assert last["response_seconds"] == pytest.approx(silence.start - last["fired"], abs=0.01)
    assert 20 * MINUTE <= last["response_seconds"] < 25 * MINUTE
    again = kept.project.document(*words)["detail"]
    assert again["silence"] == told["silence"], "already so"


def test_what_is_over_is_judged_and_nothing_is_silenced(kept: Scene) -> None:
    words = ("alert.ack", "ServiceDown", "--env=staging", "--reason=a reboot", "--false-positive")
    done = kept.project.inv(*words)
    assert done.returncode == 0, done.stderr
    assert "is over and was judged false_positive; nothing is silenced" in done.stdout
    with Alertmanager(kept.alertmanager) as asked:
        (silence,) = [each for each in asked.silences() if each.comment.endswith("a reboot")]
    assert silence.state == "expired"
    (found,) = episodes(kept, "--env=staging")
    assert (found["verdict"], found["silenced"]) == ("false_positive", False)


def test_a_verdict_may_be_changed(kept: Scene) -> None:
    for words in ((), ("--false-positive",)):
        done = kept.project.inv("alert.ack", "HighLatency", "--reason=a test", *words)
        assert done.returncode == 0, done.stderr
    *_, last = [each for each in episodes(kept) if each["alert"] == "HighLatency"]
    assert last["verdict"] == "false_positive"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("HighErrorRate",), "Say why: `inv alert.ack HighErrorRate --reason=WHY`"),
        (("HighErorRate", "--reason=x"), "no alert 'HighErorRate'; did you mean HighErrorRate?"),
        (("Nothing", "--reason=x"), "no alert 'Nothing'; there are: HighErrorRate"),
        (("ServiceDown", "--reason=x"), "ServiceDown has not fired in sandbox within a day"),
        (("HighErrorRate", "--reason=x", "--for=60d"), "--for is 1m to 30d"),
        (("HighErrorRate", "--reason=x", "--for=soon"), "'soon' is not a duration"),
        (("HighErrorRate", "--reason=x", "--env=moon"), "There is no environment 'moon'"),
    ],
    ids=str,
)
def test_what_it_cannot_do_it_refuses(kept: Scene, words: tuple[str, ...], sentence: str) -> None:
    done = kept.project.inv("alert.ack", *words)
    assert done.returncode == 2 and sentence in done.stderr


def test_nothing_is_said_to_have_fired_where_nothing_did(kept: Scene) -> None:
    assert (
        "No alert fired within 5m."
        in kept.project.inv("alert.history", "--since=5m", "--env=staging").stdout
    )
