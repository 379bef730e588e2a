"""`inv monitor.review` and `monitor.note`: each figure against a past that the test made itself."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

import pytest

from tasks.lib.telemetry import names
from tests.conftest import Make
from tests.support import watched
from tests.support.past import Past
from tests.support.project import Project

HOUR = 3600.0
MIB = 2.0**20
LATE = 75.0  # seconds; what lasts no longer than a piece and a half is no gap


class World(NamedTuple):
    """A deployed project, the variables that lead to its Prometheus, and when the past ends."""

    project: Project
    env: dict[str, str]
    end: float


def hours_ago(end: float, since: float, until: float) -> Any:
    """Tell of a time whether it is between so many hours before the end."""
    return lambda at: end - since * HOUR <= at < end - until * HOUR


def made_up(end: float) -> list[Past]:
    """Two periods of 6 hours.

    In the newer: 20 requests/s of which 1 % fail, but for half an hour 40 of which 5 % do, and for
    a moment half of them; p95 0.2 s but for an hour 2 s; one of two instances down for 20 minutes
    and started again; an hour without any data; an alert twice. In the older: 10 requests/s, none
    fails, and the alert once.
    """
    past = Past(end - 13 * HOUR, end, 15.0, job="demo", environment="sandbox")
    newer = end - 6 * HOUR
    silent, failing = hours_ago(end, 2, 1), hours_ago(end, 5, 4.5)
    moment = hours_ago(end, 0.5, 0.5 - 15 / HOUR)
    slow, down = hours_ago(end, 4, 3), hours_ago(end, 2.5, 2.5 - 1 / 3)

    def add(name: str, value: Any, **labels: str) -> None:
        def known(at: float) -> float | None:
            # Between the periods is nothing for as long as a review may begin too late.
            return None if silent(at) or newer <= at < newer + LATE else value(at)

        past.add(name, known, **labels)

    def ratio(at: float) -> float:
        return 0.0 if at <= newer else 0.5 if moment(at) else 0.05 if failing(at) else 0.01

    add(names.RATE, lambda at: 10.0 if at <= newer else 40.0 if failing(at) else 20.0)
    add(names.ERROR_RATIO, ratio)
    add(names.P95, lambda at: 2.0 if slow(at) else 0.2)
    add(names.CPU_MAX, lambda at: 0.5 if at > newer else 0.25)
    add(names.MEMORY_MAX, lambda at: 200 * MIB if at > newer else 100 * MIB)
    scraped = {"job": "pi-forge"}
    add(names.AVAILABILITY, lambda at: 0.5 if down(at) else 1.0, **scraped)
    add(names.INSTANCES, lambda at: 2.0, **scraped)
    again = end - 2.5 * HOUR + 20 * 60
    add(names.STARTED, lambda at: end - 20 * HOUR, instance="web1:8000", **scraped)
    add(
        names.STARTED,
        lambda at: None if down(at) else again if at >= again else end - 20 * HOUR,
        instance="web2:8000",
        **scraped,
    )
    for route, p95, rate in (("/", 0.1, 15.0), ("/search", 1.5, 4.0), ("/slow|er", 3.0, 1.0)):
        before = p95 / 2
        add(names.ROUTE_P95, lambda at, n=p95, b=before: n if at > newer else b, http_route=route)
        add(names.ROUTE_RATE, lambda at, r=rate: r, http_route=route)
    alert = {"alertstate": "firing", "job": "", "severity": "critical"}
    twice = (hours_ago(end, 4.9, 4.5), hours_ago(end, 0.5, 0.25), hours_ago(end, 9, 8.5))
    firing = lambda at: 1.0 if any(each(at) for each in twice) else None  # noqa: E731
    past.add("ALERTS", firing, alertname="HighErrorRate", **alert)
    past.add("ALERTS", lambda at: 1.0, alertname="Elsewhere", **{**alert, "environment": "other"})
    other = Past(end - 13 * HOUR, end, 15.0, job="demo", environment="production")
    other.add(names.ERROR_RATIO, 0.9)
    other.add(names.RATE, 1000.0)
    return [past, other]


@pytest.fixture(scope="module")
def world(lasting: Make, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    project = lasting(hosts=1)
    project.document("deploy")
    project.commit("second")
    project.document("deploy")
    project.document("rollback", "--env=sandbox", "--yes", "--reason=it was slow")
    end = float(int(time.time()))
    with watched.known(tmp_path_factory.mktemp("past"), *made_up(end)) as env:
        yield World(project, env, end)


@pytest.fixture(scope="module")
def told(world: World) -> dict[str, Any]:
    """The review of the newer 6 hours, as a document."""
    return world.project.document("monitor.review", "--since=6h", env=world.env)


def near(value: float) -> Any:
    """A few pieces of 60 s more or less: the review is asked for some seconds after the end."""
    return pytest.approx(value, rel=0.015)


def test_the_figures(told: dict[str, Any]) -> None:
    figures = told["figures"]
    asked = (20 * 4.5 + 40 * 0.5) * HOUR  # none in the hour without data
    assert figures["requests"] == {"now": near(asked), "before": near(10 * 6 * HOUR)}
    failed = (20 * 4.5 * 0.01 + 40 * 0.5 * 0.05) * HOUR + 20 * 15 * 0.49
    assert figures["error_ratio"] == {"now": near(failed / asked), "before": 0.0}
    assert figures["error_ratio_worst"] == {"now": 0.5, "before": 0.0}
    assert figures["p95"] == {"now": near((4 * 0.2 + 2.0) / 5), "before": near(0.2)}
    assert figures["p95_worst"] == {"now": 2.0, "before": 0.2}
    assert figures["availability"] == {"now": near(1 - 0.5 / 3 / 5), "before": 1.0}
    assert figures["cpu_worst"] == {"now": 0.5, "before": 0.25}
    assert figures["memory_worst"] == {"now": 200 * MIB, "before": 100 * MIB}


def test_what_left_its_bounds_and_when(world: World, told: dict[str, Any]) -> None:
    found = [(each["key"], each["worst"]) for each in told["left_bounds"]]
    worst = [("error_ratio", 0.05), ("p95", 2.0), ("availability", 0.5), ("error_ratio", 0.5)]
    assert found == worst, "a moment is not lost in a mean"
    when = [(5, 4.5), (4, 3), (2.5, 2.5 - 1 / 3), (0.5, 0.5)]
    for each, (since, until) in zip(told["left_bounds"], when, strict=True):
        assert each["start"] == pytest.approx(world.end - since * HOUR, abs=2 * told["step"])
        assert each["end"] == pytest.approx(world.end - until * HOUR, abs=2 * told["step"])


def test_where_nothing_was_measured(world: World, told: dict[str, Any]) -> None:
    (gap,) = told["missing"]
    assert gap["start"] == pytest.approx(world.end - 2 * HOUR, abs=2 * told["step"])
    assert gap["end"] == pytest.approx(world.end - 1 * HOUR, abs=2 * told["step"])


def test_who_was_started_again(world: World, told: dict[str, Any]) -> None:
    assert told["restarts"] == [
        {"instance": "web2:8000", "at": world.end - 2.5 * HOUR + 1200, "deployed": False}
    ]


def test_alerts_of_this_environment_only(told: dict[str, Any]) -> None:
    (alert,) = told["alerts"]
    assert (alert["name"], alert["severity"], alert["before"]) == ("HighErrorRate", "critical", 1)
    assert [each["end"] - each["start"] for each in alert["spans"]] == [
        pytest.approx(0.4 * HOUR, abs=2 * told["step"]),
        pytest.approx(0.25 * HOUR, abs=2 * told["step"]),
    ]


def test_the_slowest_routes_first(told: dict[str, Any]) -> None:
    assert [each["route"] for each in told["routes"]] == ["/slow|er", "/search", "/"]
    slowest = told["routes"][0]
    assert (slowest["p95"], slowest["before"]) == (near(3.0), near(1.5))
    assert slowest["rate"] == near(1.0)


def test_deploys_and_rollbacks_are_the_hosts(told: dict[str, Any]) -> None:
    assert [each["kind"] for each in told["runs"]] == ["deploy", "deploy", "rollback"]
    assert told["runs"][-1]["reason"] == "it was slow" and told["hosts"] == ""


def test_hosts_that_are_away_are_named_and_the_journal_tells(world: World) -> None:
    project = world.project
    project.others = {"production": project.at(1, hosts=["sandbox@127.0.0.1:9"])}
    project.configure()
    journal = project.root / ".circle" / "journal.jsonl"
    at = datetime.now(timezone.utc).isoformat()
    detail = {"environment": "production", "release": "r9"}
    line = {"phase": "deploy", "outcome": "closed", "at": at, "who": "jo", "detail": detail}
    with journal.open("a") as lines:
        lines.write(json.dumps(line) + "\n")
    words = ("monitor.review", "--since=6h", "--env=production")
    done = project.inv(*words, env=world.env)
    assert done.returncode == 0, done.stderr
    assert "Not every host could be asked what was done" in done.stderr
    assert re.search(r"deploy r9 +closed +jo", done.stdout)
    project.others = {}
    project.configure()


def test_it_is_written_for_people(world: World) -> None:
    project = world.project
    done = project.inv("monitor.review", "--since=6h", "--write", env=world.env)
    assert done.returncode == 0, done.stderr
    (path,) = (project.root / "docs" / "reviews").iterdir()
    assert (
        path.name.endswith("-sandbox.md") and f"Written to docs/reviews/{path.name}." in done.stdout
    )
    text = path.read_text()
    assert text.startswith("# Review of sandbox, ")
    assert "4 times out of bounds, 2 alerts, 1 restart without a deploy, 3 deploys and" in text
    assert "| error ratio | 1.7" in text
    assert "| /slow\\|er | 3 s | 1.5 s | 1 |" in text
    assert "Data points are missing: compare the scrape interval" in text
    for each in ("Figures", "Out of bounds", "Alerts", "Deploys and rollbacks", "Starts"):
        assert f"\n## {each}\n" in text and f"\n{each}\n" in done.stdout
    # Markdown's tables have as many cells in every row.
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    ("words", "prometheus", "said"),
    [
        (["--since=soon"], True, "'soon' is not a duration"),
        (["--since=1m"], True, "--since is 10m to 45d, not 1m."),
        (["--since=90d"], True, "--since is 10m to 45d, not 90d."),
        (["--env=nowhere"], True, "There is no environment 'nowhere'"),
        ([], False, "Prometheus at http://127.0.0.1:9 did not answer"),
        (["--env=local"], True, "There is no data of local in Prometheus for these 1d:"),
    ],
)
def test_what_cannot_be_reviewed(
    world: World, words: list[str], prometheus: bool, said: str
) -> None:
    env = world.env if prometheus else watched.variables(watched.NOWHERE)
    done = world.project.inv("monitor.review", *words, env=env)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_a_review_that_cannot_be_written_says_so(world: World) -> None:
    project = world.project
    (project.root / "docs").rename(project.root / "kept")
    (project.root / "docs").write_text("in the way")
    done = project.inv("monitor.review", "--since=6h", "--write", env=world.env)
    (project.root / "docs").unlink()
    (project.root / "kept").rename(project.root / "docs")
    assert done.returncode == 1 and "can't be written" in done.stderr


def test_a_note_is_in_the_journal_and_in_the_review(world: World) -> None:
    project, text = world.project, "a <b>queue</b> that grew; \x1b[31m 100 %"
    done = project.inv("monitor.note", text, env=world.env)
    assert done.returncode == 0, done.stderr
    assert "warning: the boards are not marked: Grafana at" in done.stderr
    last = json.loads((project.root / ".circle" / "journal.jsonl").read_text().splitlines()[-1])
    assert (last["phase"], last["outcome"]) == ("monitor.note", "closed")
    assert last["detail"] == {"environment": "sandbox", "text": text, "marked": False}
    told = project.document("monitor.review", "--since=6h", env=world.env)
    assert [each["detail"]["text"] for each in told["notes"]] == [text]
    shown = project.inv("monitor.review", "--since=6h", env=world.env).stdout
    assert "\nNotes\n" in shown and "\x1b" not in shown and "grew; \\x1b[31m" in shown


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_note_says_something(world: World, text: str) -> None:
    done = world.project.inv("monitor.note", text, env=world.env)
    assert done.returncode == 2 and "Traceback" not in done.stderr
