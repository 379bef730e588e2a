"""What a watch has from a real Prometheus on the shipped files, of releases that are known."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.lib.address import parse
from tasks.lib.config import Environment, Thresholds
from tasks.lib.duration import Seconds
from tasks.lib.target import Target
from tasks.lib.telemetry import names
from tasks.lib.telemetry import watched as watched_
from tasks.lib.telemetry.prometheus import Prometheus, Value
from tasks.lib.telemetry.settings import Observability
from tasks.lib.telemetry.watched import (
    SOURCE,
    Releases,
    away,
    measured,
    needed,
    selecting,
    too_short,
)
from tasks.lib.watch import FAIL, NODATA, PASS, Verdict, deciding, judge, watch
from tests.support import exporter, observed, web
from tests.support.exporter import Instance
from tests.support.rig import until
from tests.support.web import Answer

QUICK = {"__scrape_interval__": "1s", "__scrape_timeout__": "1s"}
LIMITS = Thresholds(interval=Seconds(0.2))


def environment(url: str, name: str = "production", **said: object) -> Environment:
    own = Observability(prometheus=url, watch=True, export=Seconds(1), scrape=Seconds(1))
    return Environment(name=name, watch=30.0, observability=own, thresholds=LIMITS).but(**said)


def targets(*hosts: str) -> list[Target]:
    about = ("/srv/x", "http://127.0.0.1", None, (), None, "process")
    return [Target(host, parse(host), *about) for host in hosts]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has scraped releases of every kind for a while."""
    home = observed.linked(tmp_path_factory.mktemp("watched"))
    with exporter.serve() as collector:
        collector.instances = [
            Instance("production", "good", "a"),
            Instance("production", "good", "b"),
            Instance("production", "mixed", "a"),
            Instance("production", "mixed", "b", errors=0.05),
            Instance("production", "slow", "a", seconds=2.0),
            Instance("production", "quiet", "a", rate=0.2),
            Instance("staging", "good", "a", errors=1.0, seconds=4.0),
            Instance("staging", "good", "b", errors=1.0, seconds=4.0),
        ]
        observed.targets(home, "collector", collector.address, **QUICK)
        with observed.prometheus(home) as url:
            yield url


def verdicts(
    url: str, release: str, *hosts: str, name: str = "production", limit: float = 40.0
) -> dict[str, Verdict]:
    """What is found of a release, as soon as anything is known of it, or after `limit` seconds."""
    source = Releases("pi-forge", environment(url, name), release, targets(*hosts))
    end = time.monotonic() + limit
    with contextlib.closing(source):
        while True:
            source.look()
            found = {
                host: verdict
                for host, known in source.known(True).items()
                if (verdict := judge(known, LIMITS, 10.0, final=True))
            }
            if all(v.verdict != NODATA for v in found.values()) or time.monotonic() > end:
                return found
            time.sleep(0.2)


def test_a_release_is_judged_host_by_host(seen: str) -> None:
    good = verdicts(seen, "good", "a", "b")
    assert {host: each.verdict for host, each in good.items()} == {"a": PASS, "b": PASS}
    assert good["a"].error_ratio == 0 and good["a"].samples >= 20 and good["a"].in_flight == 2
    mixed = verdicts(seen, "mixed", "a", "b")
    assert {host: each.verdict for host, each in mixed.items()} == {"a": PASS, "b": FAIL}
    assert mixed["b"].error_ratio == pytest.approx(0.05, abs=0.02)
    assert mixed["b"].why.startswith("error ratio 0.0")


def test_a_slow_release_fails_by_its_p95(seen: str) -> None:
    slow = verdicts(seen, "slow", "a")["a"]
    assert slow.verdict == FAIL and "over 1 s in" in slow.why
    assert slow.p95_seconds is not None and 1 < slow.p95_seconds <= 2.5


def test_too_few_requests_are_no_data(seen: str) -> None:
    quiet = verdicts(seen, "quiet", "a", limit=2)["a"]
    assert quiet.verdict == NODATA
    assert "requests in a minute, of 20 needed" in quiet.why
    assert verdicts(seen, "never", "a", limit=2)["a"].why.startswith("0 requests")


def test_another_environment_that_fails_wholly_is_no_concern(seen: str) -> None:
    """The same release on hosts of the same names: nothing of staging is in production's watch."""
    staging = verdicts(seen, "good", "a", "b", name="staging")
    assert {each.verdict for each in staging.values()} == {FAIL}
    assert {each.error_ratio for each in staging.values()} == {1.0}
    production = verdicts(seen, "good", "a", "b")
    assert {each.verdict for each in production.values()} == {PASS}
    assert {each.error_ratio for each in production.values()} == {0.0}


def watched(url: str, act: Callable[[float], None], seconds: float) -> tuple[str, Verdict]:
    """Watch the good release on both hosts; `act` is called at each check with the seconds."""
    source = Releases("pi-forge", environment(url), "good", targets("a", "b"))

    def each_check(readings: object, spent: float) -> str:
        act(spent)
        return ""

    with contextlib.closing(source):
        return deciding(watch({SOURCE: source}, LIMITS, seconds, each_check))


def test_a_prometheus_that_is_stopped_amid_the_watch_is_no_data(tmp_path: Path, seen: str) -> None:
    """Not a bad release: the one that is watched has data, and is good."""
    verdicts(seen, "good", "a", "b")
    assert watched(seen, lambda spent: None, 0.5)[1].verdict == PASS
    home = observed.linked(tmp_path)
    with exporter.serve() as collector, contextlib.ExitStack() as running:
        collector.instances = [Instance("production", "good", host) for host in ("a", "b")]
        observed.targets(home, "collector", collector.address, **QUICK)
        url = running.enter_context(observed.prometheus(home))
        assert {v.verdict for v in verdicts(url, "good", "a", "b").values()} == {PASS}
        _, verdict = watched(url, lambda spent: running.close() if spent > 0.5 else None, 1.5)
    assert verdict.verdict == NODATA
    assert verdict.why.startswith(f"a, b: at worst Prometheus at {url} did not answer")


def test_an_instance_that_stops_answering_its_scrape_fails(tmp_path: Path) -> None:
    """One that did not answer when the watch began is not the release's doing."""
    home = observed.linked(tmp_path)
    gone = f"127.0.0.1:{observed.port()}"
    with contextlib.ExitStack() as end:
        collector, dying = (end.enter_context(exporter.serve()) for _ in range(2))
        collector.instances = [Instance("production", "good", "a")]
        # Before its start: it doesn't see folders that are made later.
        observed.targets(home, "collector", collector.address, **QUICK)
        observed.targets(home, "service", dying.address, gone, environment="production", **QUICK)
        url = end.enter_context(observed.prometheus(home))
        until(lambda: up(url, dying.address, 1) and up(url, gone, 0), "both were scraped")
        source = end.enter_context(
            contextlib.closing(Releases("pi-forge", environment(url), "good", targets("a")))
        )
        source.look()
        assert source.known(True)["a"].down == ()
        dying.stop()
        found: list[tuple[str, ...]] = []

        def down() -> bool:
            source.look()
            found.append(source.known(True)["a"].down)
            return bool(found[-1])

        until(down, "it was seen to be down")
        assert found[-1] == (dying.address,)


def up(url: str, address: str, value: int) -> bool:
    with Prometheus(url) as prometheus:
        return bool(prometheus.query(f'up{{instance="{address}"}} == {value}'))


def test_an_environment_whose_prometheus_is_away_says_so_beforehand(seen: str) -> None:
    nowhere = f"http://127.0.0.1:{observed.port()}"
    assert away(environment(seen)) == ""
    assert away(environment(nowhere)).startswith(f"Prometheus at {nowhere} did not answer")
    assert away(environment(nowhere, watch=0.0)) == ""
    lenient = Thresholds(nodata="pass")
    assert away(environment(nowhere, thresholds=lenient)) == ""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(Answer(body='{"status": "success", "data": 5}'), "no answer", id="odd"),
        pytest.param(Answer(502, "<html>"), "answered 502 with no JSON", id="a gateway"),
        pytest.param(Answer(wait=1.5), "it did not answer in time", id="dawdles"),
    ],
)
def test_whatever_answers_in_its_place_is_no_data(
    answer: Answer, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched_, "PATIENCE", 0.5)
    with web.serve({"/api/v1/query": answer}) as site:
        _, verdict = watched(site.url, lambda spent: None, 0.5)
    assert verdict.verdict == NODATA and said in verdict.why


def test_how_long_it_takes_until_prometheus_surely_knows() -> None:
    own = Observability(prometheus="http://x", watch=True)
    known = Environment(name="x", observability=own, watch=900.0)
    assert needed(known) == 63 and too_short(known) == ""
    assert "(`--watch=1m3s`)" in too_short(known.but(watch=62.0))
    assert too_short(known.but(watch=0.0)) == ""
    assert needed(Environment(name="x")) == 0 and too_short(Environment(name="x", watch=1.0)) == ""


def test_the_question_names_the_vocabulary_and_quotes_what_it_is_about() -> None:
    asked = selecting({"job": 'a"b'}, "r\\1")
    assert asked == (
        '{__name__=~"release:http_requests:increase1m|release:http_error_ratio:rate1m'
        '|release:http_latency_seconds:p95_1m|release:http_active_requests:sum",'
        ' job="a\\"b", release="r\\\\1"}'
    )


def value(name: str, number: float, host: str = "a") -> Value:
    return Value({"__name__": name, "host": host}, 0.0, number)


@pytest.mark.parametrize(
    ("values", "known", "slow"),
    [
        pytest.param([value(names.WATCH_REQUESTS, 19.4)], False, 0, id="too few"),
        pytest.param([value(names.WATCH_REQUESTS, 20)], True, 0, id="just enough"),
        pytest.param([value(names.WATCH_REQUESTS, 90, "b")], False, 0, id="another host's"),
        pytest.param([], False, 0, id="nothing"),
        pytest.param(
            [value(names.WATCH_REQUESTS, 30), value(names.WATCH_P95, 1.1)], True, 30, id="slow"
        ),
    ],
)
def test_values_are_about_one_host(values: list[Value], known: bool, slow: float) -> None:
    found = measured("a", values, (), 20, 1.0)
    assert (not found.unknown) is known and found.slow == slow
    assert measured("a", values, ("x",), 20, 1.0).unknown == "", "what is down is known"
