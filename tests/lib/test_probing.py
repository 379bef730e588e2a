"""Requests of our own: the probes against a real server."""

from __future__ import annotations

import time

import msgspec
import pytest

from tasks.lib import probing
from tasks.lib.duration import Seconds
from tasks.lib.probing import Probes, Sample, Samples, asked
from tasks.lib.settings import Thresholds
from tests.support.project import free_port
from tests.support.web import Answer, serve

GOOD, BAD, SLOW = Sample(True, 0.1), Sample(False, 0.1, "/ answered 500"), Sample(True, 2.0)
LIMITS = Thresholds(error_ratio=0.1, p95=Seconds(1), failures=3, requests=1)


def limits(**said: object) -> Thresholds:
    return msgspec.structs.replace(LIMITS, **said)


@pytest.mark.parametrize(
    ("status", "good"),
    [(200, True), (404, True), (429, True), (500, False), (502, False), (503, False)],
)
def test_a_probe_counts_the_services_own_errors(status: int, good: bool) -> None:
    with serve({"/": Answer(status)}) as site:
        probes = Probes([site.url], LIMITS)
        (sample,) = probes.sample()
        probes.close()
    assert sample.ok is good
    assert sample.wrong == ("" if good else f"{site.url}/ answered {status}")


def test_probes_ask_each_path_of_each_address() -> None:
    with serve({"/": Answer(), "/more": Answer()}) as one, serve({"/": Answer(503)}) as two:
        both = limits(paths=("/", "/more"), interval=Seconds(0.1))
        probes = Probes([one.url + "/", two.url], both, "shop.example")
        samples = probes.sample()
        probes.close()
    assert [sample.ok for sample in samples] == [True, True, False, True]
    assert sorted(one.asked) == [("/", "shop.example"), ("/more", "shop.example")]


def test_a_round_is_as_many_as_told_over_all_paths_and_spread_over_the_interval() -> None:
    said = limits(requests=10, paths=("/", "/more"), interval=Seconds(0.5))
    with serve({"/": Answer(), "/more": Answer()}) as site:
        probes = Probes([site.url], said)
        begun = time.monotonic()
        samples = probes.sample()
        spent = time.monotonic() - begun
        probes.close()
    paths = [path for path, _ in site.asked]
    assert len(samples) == 10 and paths.count("/") == paths.count("/more") == 5
    assert spent >= 0.2, "all at once"


def test_a_slow_service_is_asked_less_and_never_by_more_than_a_few_at_once() -> None:
    said = limits(requests=40, interval=Seconds(0.4), p95=Seconds(2))
    with serve({"/": Answer(wait=0.15)}) as site:
        probes = Probes([site.url], said)
        begun = time.monotonic()
        samples = probes.sample()
        spent = time.monotonic() - begun
        probes.close()
    # Each asks, rests as long, asks again; a third time would begin after the end.
    assert probing.AT_ONCE <= len(samples) <= 2 * probing.AT_ONCE
    assert spent < 4 * 0.15 + 0.4


def test_every_path_is_asked_however_few_requests_there_are() -> None:
    assert asked(limits(paths=("/a", "/b", "/c"))) == ["/a", "/b", "/c"]
    assert asked(limits(paths=("/a", "/b"), requests=3)) == ["/a", "/b", "/a"]
    assert asked(limits(paths=(), requests=3)) == []


def test_what_is_known_is_of_the_last_minute_or_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples()
    samples.add([BAD])
    monkeypatch.setattr(probing, "WINDOW", 0.05)
    time.sleep(0.1)
    samples.add([GOOD, SLOW])
    recent, whole = (samples.measured(LIMITS, all_) for all_ in (False, True))
    assert (recent.requests, recent.errors, recent.slow, recent.wrong) == (2, 0, 1, "")
    assert (whole.requests, whole.errors, whole.wrong) == (3, 1, BAD.wrong)


def test_no_answer_is_a_bad_sample() -> None:
    probes = Probes([f"http://127.0.0.1:{free_port()}"], LIMITS)
    (sample,) = probes.sample()
    probes.close()
    assert not sample.ok and "ConnectionError" in sample.wrong


def test_an_answer_that_takes_too_long_is_a_bad_sample() -> None:
    with serve({"/": Answer(wait=1.5)}) as site:
        probes = Probes([site.url], limits(p95=Seconds(0.1)))
        (sample,) = probes.sample()
        probes.close()
    assert not sample.ok and "Timeout" in sample.wrong
    assert sample.seconds >= 1.0


def test_an_answers_time_is_measured() -> None:
    with serve({"/": Answer(wait=0.2)}) as site:
        probes = Probes([site.url], LIMITS)
        (sample,) = probes.sample()
        probes.close()
    assert sample.ok and sample.seconds >= 0.2
