"""Asking a real Prometheus, and what is said where there is none."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.lib.telemetry.prometheus import Prometheus, Unanswered, matching
from tests.support import observed
from tests.support.web import Answer, serve

HOUR = 3600


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = observed.linked(tmp_path_factory.mktemp("prometheus"))
    now = int(time.time())
    lines = ["# TYPE odd gauge"]
    for at in range(now - 3 * HOUR, now - HOUR, 60):
        lines.append(f'odd{{name="a\\"b\\\\c"}} {at % 7} {at}')
    observed.backfill(home, "\n".join(lines) + "\n")
    with observed.prometheus(home) as url:
        yield url


def test_it_counts_to_one(url: str) -> None:
    with Prometheus(url) as asked:
        assert asked.answers() == ""


def test_a_scalar_is_a_vector_of_one_without_labels(url: str) -> None:
    with Prometheus(url) as asked:
        (found,) = asked.query("1 + 1", at=5.0)
    assert (found.labels, found.at, found.value) == ({}, 5.0, 2.0)


def test_a_label_of_quotes_and_backslashes_is_found_again(url: str) -> None:
    end = time.time() - HOUR - 120
    with Prometheus(url) as asked:
        expression = "odd" + matching({"name": 'a"b\\c'})
        (series,) = asked.range(expression, end - 600, end, 60)
        (at_once,) = asked.query(expression, at=end)
    assert len(series.points) >= 10
    assert at_once.labels["name"] == 'a"b\\c'


def test_nothing_is_an_empty_vector_and_infinities_are_numbers(url: str) -> None:
    with Prometheus(url) as asked:
        assert asked.query("nothing_of_that_name") == ()
        assert asked.query("vector(1) / 0")[0].value == float("inf")


def test_a_wrong_question_is_told_from_an_absent_server(url: str) -> None:
    with Prometheus(url) as asked, pytest.raises(Unanswered) as wrong:
        asked.query("sum by (")
    assert wrong.value.kind == "query" and "parse error" in str(wrong.value)
    with Prometheus(f"http://127.0.0.1:{observed.port()}") as nobody:
        assert "did not answer" in nobody.answers()
        with pytest.raises(Unanswered) as away:
            nobody.query("up")
    assert away.value.kind == "prometheus" and "inv preaggregate" in str(away.value)


@pytest.mark.parametrize("body", ["no JSON", "[]", '{"status": "fine"}'], ids=str)
def test_what_is_no_prometheus_is_said_to_be_none(body: str) -> None:
    with serve({"/api/v1/targets": Answer(200, body)}) as site, Prometheus(site.url) as asked:
        with pytest.raises(Unanswered) as error:
            asked.get("targets")
    assert error.value.kind == "prometheus"
