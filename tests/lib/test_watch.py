"""The watch: what makes a PASS, a FAIL and a NODATA, and which of several decides."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.duration import Seconds
from tasks.lib.probing import Sample, summed
from tasks.lib.settings import Thresholds
from tasks.lib.watch import (
    FAIL,
    NODATA,
    PASS,
    Measured,
    Reading,
    Verdict,
    Verdicts,
    deciding,
    judge,
    told,
    watch,
    worst,
)
from tests.lib.test_probing import BAD, GOOD, SLOW

LIMITS = Thresholds(error_ratio=0.1, p95=Seconds(1), failures=3, interval=Seconds(1))
LONG = 7.0  # seconds: over `failures` times `interval`


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
        pytest.param([SLOW] * 2, False, None, "", id="slow, but too few to say"),
        pytest.param([SLOW] * 3, False, FAIL, "p95 2.000 s over 1 s", id="slow at once"),
        pytest.param([GOOD] * 57 + [SLOW] * 3, False, None, "", id="three slow of sixty"),
        pytest.param([GOOD] * 19 + [SLOW], True, PASS, "p95 0.100", id="one slow of twenty"),
        pytest.param([GOOD] * 18 + [SLOW] * 2, True, FAIL, "p95 2.000", id="two slow of twenty"),
        pytest.param([SLOW], True, FAIL, "p95 2.000", id="only one, and slow"),
    ],
)
def test_judges_what_was_measured(
    samples: list[Sample], final: bool, verdict: str | None, why: str
) -> None:
    found = judge(summed(samples, LIMITS), LIMITS, LONG, final)
    assert (found.verdict if found else None) == verdict
    if found:
        assert why in found.why
        assert (found.samples, found.seconds) == (len(samples), LONG)


def test_a_slow_start_alone_is_nobodys_end() -> None:
    slow = summed([SLOW] * 30, LIMITS)
    assert judge(slow, LIMITS, 2.9) is None
    found = judge(slow, LIMITS, 3.0)
    assert found is not None and found.verdict == FAIL


@pytest.mark.parametrize("final", [False, True])
def test_what_does_not_answer_its_scrape_fails(final: bool) -> None:
    found = judge(Measured(requests=50, p95=0.1, down=("a:1", "b:1")), LIMITS, LONG, final)
    assert found is not None
    assert (found.verdict, found.why) == (FAIL, "a:1, b:1 does not answer its scrape")


def test_what_is_not_known_is_no_data_and_says_why_at_the_end() -> None:
    away = Measured(unknown="Prometheus did not answer")
    assert judge(away, LIMITS, LONG) is None
    found = judge(away, LIMITS, LONG, final=True)
    assert found is not None
    assert (found.verdict, found.error_ratio, found.why) == (NODATA, None, away.unknown)


def test_errors_alone_leave_no_p95() -> None:
    limits = Thresholds(error_ratio=1.0)
    found = judge(summed([BAD], limits), limits, 1.0, True)
    assert found is not None
    assert (found.verdict, found.p95_seconds, found.error_ratio) == (PASS, None, 1.0)
    assert found.document()["why"] == "error ratio 1.000, p95 - s in 1 requests"


@given(st.lists(st.builds(Sample, st.booleans(), st.floats(0, 5)), max_size=60), st.floats(0, 9))
def test_the_time_being_up_always_gives_a_verdict(samples: list[Sample], spent: float) -> None:
    measured = summed(samples, LIMITS)
    early, final = (judge(measured, LIMITS, spent, up) for up in (False, True))
    assert final is not None
    # Nothing is said early that the end would not say, though maybe for another reason.
    assert early is None or early.verdict == final.verdict


class Script:
    """A source that knows what it was told, a check each; then the last for ever."""

    def __init__(self, *checks: list[Sample], name: str = "") -> None:
        self.checks, self.name, self.looked = list(checks), name, 0

    def look(self) -> None:
        self.looked += 1

    def known(self, whole: bool) -> Reading:
        seen = self.checks[: self.looked]
        samples = [each for check in (seen if whole else seen[-1:]) for each in check]
        return {self.name: summed(samples, LIMITS)}


def run(
    *sources: Script, seconds: float, stop: Callable[[float], str] = lambda spent: ""
) -> tuple[Verdicts, float]:
    limits = msgspec.structs.replace(LIMITS, interval=Seconds(0.01))
    named = {f"source {number}": source for number, source in enumerate(sources)}
    begun = time.monotonic()
    found = watch(named, limits, seconds, lambda readings, spent: stop(spent))
    return found, time.monotonic() - begun


def test_watches_to_the_end_of_its_time_and_then_judges_the_whole() -> None:
    found, spent = run(Script([GOOD], [GOOD]), seconds=0.2)
    verdict = found["source 0"][""]
    assert (verdict.verdict, verdict.samples) == (PASS, 2)
    assert spent >= 0.2 and verdict.seconds >= 0.2


def test_ends_as_soon_as_it_is_clear_that_the_release_fails() -> None:
    found, spent = run(Script([GOOD], [BAD, BAD, BAD], [BAD]), seconds=600.0)
    assert found["source 0"][""].verdict == FAIL and spent < 300


def test_what_turns_bad_late_is_not_diluted_by_what_was_before() -> None:
    found, spent = run(Script(*[[GOOD] * 200] * 3, [BAD] * 3), seconds=600.0)
    assert (found["source 0"][""].verdict, found["source 0"][""].samples) == (FAIL, 3)


def test_one_source_that_fails_ends_it_for_all_and_each_has_its_verdict() -> None:
    found, spent = run(Script([GOOD]), Script(name="a"), Script([BAD] * 3), seconds=600.0)
    assert [worst(each).verdict for each in found.values()] == [PASS, NODATA, FAIL]
    assert deciding(found)[0] == "source 2" and spent < 300


def test_a_source_that_gives_nothing_is_no_data() -> None:
    found, _ = run(Script(), Script([GOOD] * 9), seconds=0.1)
    assert deciding(found)[0] == "source 0" and deciding(found)[1].verdict == NODATA


def test_a_host_that_was_lost_ends_the_watch() -> None:
    found, _ = run(Script([GOOD]), seconds=600.0, stop=lambda spent: "host2 was lost")
    verdict = found["source 0"][""]
    assert (verdict.verdict, verdict.why) == (FAIL, "host2 was lost")


def test_the_worst_speaks_for_all_and_names_those_alike() -> None:
    good = Verdict(PASS, 9, 0.0, 0.1, 1.0, "fine")
    bad = Verdict(FAIL, 9, 0.5, 0.1, 1.0, "bad")
    found = worst({"a": good, "b": bad, "c": Verdict(FAIL, 9, 0.2, 0.1, 1.0, "less")})
    assert (found.error_ratio, found.why) == (0.5, "b, c: at worst bad")
    assert worst({"": good}) == good


def test_a_check_is_told_in_one_line_of_sums() -> None:
    a = Measured(60, 3, 0.012, in_flight=2)
    b = Measured(40, 0, 1.25, in_flight=1)
    readings = {"probes": {"": Measured(20)}, "Prometheus": {"a": a, "b": b}}
    said = told(readings, 12.04)
    assert said == "   12s  probes 0/20 bad; Prometheus 3/100 bad p95 1.25s, 3 in flight"
    readings["Prometheus"]["b"] = Measured(unknown="few")
    assert told(readings, 1).endswith("Prometheus 3/60 bad p95 12ms, 2 in flight, 1 unknown")
    readings["Prometheus"] = {"a": Measured(unknown="it is away")}
    assert told(readings, 1).endswith("; Prometheus it is away")
