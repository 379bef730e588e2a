"""The watch: what makes a PASS, a FAIL and a NODATA, and the probes against a real server."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.duration import Seconds
from tasks.lib.settings import Thresholds
from tasks.lib.watch import FAIL, NODATA, PASS, Probes, Sample, Verdict, judge, watch
from tests.support.project import free_port
from tests.support.web import Answer, serve

GOOD, BAD, SLOW = Sample(True, 0.1), Sample(False, 0.1, "/ answered 500"), Sample(True, 2.0)
LIMITS = Thresholds(error_ratio=0.1, p95=Seconds(1), failures=3)


@pytest.mark.parametrize(
    ("samples", "final", "verdict", "why"),
    [
        pytest.param([], False, None, "", id="nothing yet"),
        pytest.param([], True, NODATA, "nothing could be measured", id="nothing at all"),
        pytest.param([GOOD] * 5, False, None, "", id="good so far"),
        pytest.param([GOOD] * 5, True, PASS, "error ratio 0.000, p95 0.100 s", id="good"),
        pytest.param([BAD] * 2, False, None, "", id="bad, but too few to say"),
        pytest.param([BAD] * 3, False, FAIL, "3 of 3 requests", id="bad at once"),
        pytest.param([GOOD] * 9 + [BAD], True, PASS, "ratio 0.100", id="at the threshold"),
        pytest.param([GOOD] * 8 + [BAD], True, FAIL, "ratio 0.111 over 0.1", id="over it"),
        pytest.param([GOOD] * 40 + [BAD] * 3, False, None, "", id="three bad of many"),
        pytest.param([GOOD] * 20 + [BAD] * 3, False, FAIL, "3 of 23", id="too many bad of many"),
        pytest.param([BAD], True, FAIL, "last: / answered 500", id="names the last"),
        pytest.param([SLOW] * 19, False, None, "", id="slow, but too few to say"),
        pytest.param([SLOW] * 20, False, FAIL, "p95 2.000 s over 1 s", id="slow at once"),
        pytest.param([GOOD] * 19 + [SLOW], True, PASS, "p95 0.100", id="one slow of twenty"),
        pytest.param([GOOD] * 18 + [SLOW] * 2, True, FAIL, "p95 2.000", id="two slow of twenty"),
        pytest.param([SLOW], True, FAIL, "p95 2.000", id="only one, and slow"),
    ],
)
def test_judges_all_samples_so_far(
    samples: list[Sample], final: bool, verdict: str | None, why: str
) -> None:
    found = judge(samples, LIMITS, 7.0, final)
    assert (found.verdict if found else None) == verdict
    if found:
        assert why in found.why
        assert (found.samples, found.seconds) == (len(samples), 7.0)


def test_errors_alone_leave_no_p95() -> None:
    limits = Thresholds(error_ratio=1.0)
    found = judge([BAD], limits, 1.0, True)
    assert found is not None
    assert (found.verdict, found.p95_seconds, found.error_ratio) == (PASS, None, 1.0)
    assert found.document()["why"] == "error ratio 1.000, p95 - s in 1 requests"


@given(st.lists(st.builds(Sample, st.booleans(), st.floats(0, 5)), max_size=60))
def test_the_time_being_up_always_gives_a_verdict(samples: list[Sample]) -> None:
    early, final = (judge(samples, LIMITS, 1.0, up) for up in (False, True))
    assert final is not None
    assert early is None or early == final  # nothing is said early that the end would not say


class Script:
    """A source that gives what it was told, a round each; then nothing."""

    def __init__(self, *rounds: Sequence[Sample]) -> None:
        self.rounds = list(rounds)

    def sample(self) -> Sequence[Sample]:
        return self.rounds.pop(0) if self.rounds else []


def run(source: Script, seconds: float, stop: str = "") -> tuple[Verdict, float]:
    limits = msgspec.structs.replace(LIMITS, interval=Seconds(0.01))
    begun = time.monotonic()
    verdict = watch(source, limits, seconds, lambda samples, spent: stop if spent > 0.05 else "")
    return verdict, time.monotonic() - begun


def test_watches_to_the_end_of_its_time() -> None:
    verdict, spent = run(Script([GOOD], [GOOD]), 0.2)
    assert (verdict.verdict, verdict.samples) == (PASS, 2)
    assert spent >= 0.2 and verdict.seconds >= 0.2


def test_ends_as_soon_as_it_is_clear_that_the_release_fails() -> None:
    verdict, spent = run(Script([GOOD], [BAD, BAD], [BAD]), 600.0)
    assert (verdict.verdict, verdict.samples) == (FAIL, 4)
    assert spent < 300


def test_a_source_that_gives_nothing_is_no_data() -> None:
    assert run(Script(), 0.1)[0].verdict == NODATA


def test_a_host_that_was_lost_ends_the_watch() -> None:
    verdict, _ = run(Script([GOOD]), 600.0, stop="host2 was lost")
    assert (verdict.verdict, verdict.why) == (FAIL, "host2 was lost")


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
    limits = msgspec.structs.replace(LIMITS, paths=("/", "/more"))
    with serve({"/": Answer(), "/more": Answer()}) as one, serve({"/": Answer(503)}) as two:
        probes = Probes([one.url + "/", two.url], limits, "shop.example")
        samples = probes.sample()
        probes.close()
    assert [sample.ok for sample in samples] == [True, True, False, True]
    assert sorted(one.asked) == [("/", "shop.example"), ("/more", "shop.example")]


def test_no_answer_is_a_bad_sample() -> None:
    probes = Probes([f"http://127.0.0.1:{free_port()}"], LIMITS)
    (sample,) = probes.sample()
    probes.close()
    assert not sample.ok and "ConnectionError" in sample.wrong


def test_an_answer_that_takes_too_long_is_a_bad_sample() -> None:
    limits = msgspec.structs.replace(LIMITS, p95=Seconds(0.1))
    with serve({"/": Answer(wait=1.5)}) as site:
        probes = Probes([site.url], limits)
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
