"""`inv alert.review` of two days that the test laid down: every figure is known beforehand."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.alarm import ERRORS, RULES, Scene, scene
from tests.support.past import Past

HOUR, MINUTE = 3600.0, 60.0
CONFIG = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
QUICK: dict[str, Any] = {**RULES, "HighErrorRate": {**RULES["HighErrorRate"], "for": "1m"}}
# When each error spike began, in hours before now, how long it lasted (minutes), and how high.
SPIKES = [(40, 5, 0.02), (35, 6, 0.03), (30, 7, 0.04), (25, 10, 0.05), (20, 20, 0.06)]
STAGING = (10, 30, 0.0834)
# HighLatency in the sandbox: minutes before now at which it fired, for five each.
FLAPS = (170, 155, 140, 125)


def laid(now: float) -> str:
    past = Past(now - 48 * HOUR, now, 15, job="demo")
    past.add(ERRORS, ratio(now, SPIKES), environment="production")
    past.add(ERRORS, ratio(now, [STAGING]), environment="staging")
    for environment, spikes in (("production", SPIKES), ("staging", [STAGING])):
        for ago, minutes, _ in spikes:
            begin = now - ago * HOUR
            end = begin + minutes * MINUTE
            alert(past, "HighErrorRate", environment, "critical", begin + MINUTE, end)
    for ago in FLAPS:
        begin = now - ago * MINUTE
        alert(past, "HighLatency", "sandbox", "warning", begin, begin + 5 * MINUTE)
    return past.text()


def ratio(now: float, spikes: list[tuple[int, int, float]]) -> Callable[[float], float]:
    def value(at: float) -> float:
        for ago, minutes, height in spikes:
            begin = now - ago * HOUR
            if begin <= at <= begin + minutes * MINUTE:
                return height
        return 0.001

    return value


def alert(past: Past, name: str, environment: str, severity: str, begin: float, end: float) -> None:
    labels = {"alertname": name, "alertstate": "firing", "environment": environment}
    past.add(
        "ALERTS",
        lambda at: 1.0 if begin <= at <= end else None,
        **labels,
        severity=severity,
        since=str(int(begin)),  # a series of its own each time keeps the past's lines in order
    )


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home, now = tmp_path_factory.mktemp("review"), time.time()
    with scene(home, CONFIG, QUICK, past=laid(now), every="15s") as found:
        environments = {
            name: {"hosts": ["a@b.invalid"], "url": "http://127.0.0.1:9", "watch": "0s"}
            for name in ("staging", "production")
        }
        found.configure(environments=environments)
        found.pages("HighErrorRate", "HighLatency", "ServiceDown", "Watchdog")
        for words in (
            ("HighErrorRate", "--env=production", "--reason=a leak"),
            ("HighErrorRate", "--env=staging", "--reason=a load test", "--false-positive"),
            ("HighLatency", "--env=sandbox", "--reason=a backup"),
        ):
            done = found.project.inv("alert.ack", *words)
            assert done.returncode == 0, done.stderr
        yield found


def document(reviewed: Scene, *words: str) -> dict[str, Any]:
    told = reviewed.project.document("alert.review", "--since=2d", *words, code=1)
    assert isinstance(told["detail"], dict)
    return told["detail"]


def test_every_figure_is_that_of_the_past(reviewed: Scene) -> None:
    told = document(reviewed)
    assert told["fired"] == len(SPIKES) + 1 + len(FLAPS)
    judged = told["false_positives"]
    assert (judged["actionable"], judged["false_positive"], judged["unjudged"]) == (2, 1, 7)
    assert judged["ratio"] == pytest.approx(1 / 3)
    said = told["response"]
    assert said["answered"] == 3 and said["silent"] == 7 and said["late"] == 10
    waits = [20 * HOUR - MINUTE, 10 * HOUR - MINUTE, 125 * MINUTE]
    assert said["mean"] == pytest.approx(sum(waits) / 3, abs=2 * MINUTE)
    assert said["worst"] == pytest.approx(waits[0], abs=2 * MINUTE)
    assert said["median"] == pytest.approx(waits[1], abs=2 * MINUTE)
    noisy = [(each["alert"], each["environment"], each["fired"]) for each in told["noisiest"]]
    assert noisy == [
        ("HighErrorRate", "production", 5),
        ("HighLatency", "sandbox", 4),
        ("HighErrorRate", "staging", 1),
    ]
    assert told["noisiest"][0]["seconds"] == pytest.approx((48 - 5) * MINUTE, abs=90)
    (flap,) = told["flapping"]
    assert (flap["alert"], flap["times"]) == ("HighLatency", 4)
    assert told["never_fired"] == ["ServiceDown"] and told["without_page"] == []


def test_the_threshold_would_have_halved_it(reviewed: Scene) -> None:
    """Of six spikes, three were no higher than 0.04; the longer `for` leaves the three longest."""
    halved = document(reviewed)["halved"]
    assert set(halved) == {"HighErrorRate"}, "nothing is known of what HighLatency measured"
    found = halved["HighErrorRate"]
    assert (found["was"], found["threshold"], found["fired"]) == (6, 0.04, 3)
    assert (found["seconds"], found["fired_later"]) == (8 * MINUTE, 3)
    assert found["hides"] == 0
    of_one = document(reviewed, "--env=production")["halved"]["HighErrorRate"]
    assert (of_one["was"], of_one["threshold"], of_one["fired"]) == (5, 0.04, 2)


def test_it_is_written_for_people_and_names_the_rows_that_help(reviewed: Scene) -> None:
    done = reviewed.project.inv("alert.review", "--since=2d", "--write=review.md")
    text = (reviewed.project.root / "review.md").read_text()
    assert done.returncode == 1 and text.rstrip() in done.stdout
    assert text.startswith("# Alerts of all environments, 20")
    assert "| false positives | 33% | 10% |" in text
    assert re.search(r"\| HighErrorRate \| production \| 5 \| 4[34]m", text)
    assert "- `> 0.04`: 3" in text and "- `for: 8m`: 3" in text
    assert "33% were false positives" in done.stderr
    for row in ("Too many false alarms", "Too many alerts"):
        assert f"Runbook: {row}" in done.stderr
    assert max(map(len, text.splitlines())) <= 100


def test_a_quiet_time_closes(reviewed: Scene) -> None:
    done = reviewed.project.inv("alert.review", "--since=30m")
    assert done.returncode == 0, done.stderr
    assert "| response | nobody answered | 15m |" in done.stdout
    assert "| false positives | nothing was judged | 10% |" in done.stdout
    assert "Never fired: HighErrorRate, HighLatency, ServiceDown." in done.stdout


def test_a_missing_page_is_out_of_bounds(reviewed: Scene) -> None:
    page = reviewed.project.root / "docs" / "alerts" / "ServiceDown.md"
    page.rename(page.with_suffix(".away"))
    done = reviewed.project.inv("alert.review", "--since=30m")
    page.with_suffix(".away").rename(page)
    assert done.returncode == 1 and "no page: ServiceDown" in done.stderr


def test_where_it_cannot_be_written_nothing_is_asked(reviewed: Scene) -> None:
    done = reviewed.project.inv("alert.review", "--write=nowhere/review.md")
    assert done.returncode == 2 and "--write=nowhere/review.md is no file" in done.stderr
