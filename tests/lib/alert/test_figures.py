"""The figures of a review, each on episodes that can be counted by hand."""

from __future__ import annotations

from tasks.lib.alert import acks, episodes, figures
from tasks.lib.alert.acks import Said
from tasks.lib.alert.episodes import Episode
from tasks.lib.telemetry.alertmanager import Matcher, Silence

MINUTE, HOUR = 60.0, 3600.0
NOW = 100 * HOUR


def fired(
    name: str = "A",
    at: float = 0.0,
    lasted: float = 600,
    answered: float | None = None,
    verdict: str = "",
    severity: str = "critical",
    **more: bool,
) -> Episode:
    answer = None if answered is None else Said(at + answered, "ada", verdict, "")
    return Episode(name, "e", severity, at, at + lasted, {}, answer, verdict, **more)


def test_the_response_is_that_of_what_somebody_was_told_of() -> None:
    found = [
        fired(answered=2 * MINUTE),
        fired(answered=10 * MINUTE, severity="warning"),
        fired(answered=30 * MINUTE),
        fired(answered=HOUR, severity="info"),  # nobody is told of it
        fired(answered=HOUR, held=True),  # a silence held already
        fired(),  # nobody answered
        fired(at=NOW - MINUTE),  # somebody still may
    ]
    said = figures.response(found, 15 * MINUTE, NOW)
    assert (said.mean, said.median, said.worst) == (14 * MINUTE, 10 * MINUTE, 30 * MINUTE)
    assert (said.answered, said.late, said.silent) == (3, 2, 1)


def test_nothing_answered_has_no_mean() -> None:
    assert figures.response([fired()], 60, NOW) == (0, None, None, None, 1, 1)


def test_false_positives_are_a_ratio_of_what_was_judged() -> None:
    found = [fired(verdict=v) for v in ("actionable", "actionable", "false_positive", "")]
    assert figures.verdicts(found) == (2, 1, 1, 1 / 3)
    assert figures.verdicts([fired()]).ratio is None


def test_the_noisiest_fired_most_often_and_then_longest() -> None:
    found = [fired("A", 0), fired("B", 0), fired("B", HOUR), fired("C", 0, lasted=HOUR)]
    said = figures.noisiest(found, NOW)
    assert [(each.alert, each.fired, each.seconds) for each in said] == [
        ("B", 2, 1200),
        ("C", 1, 3600),
        ("A", 1, 600),
    ]


def test_what_fires_three_times_within_an_hour_flaps() -> None:
    found = [fired("A", at) for at in (0, 30 * MINUTE, 59 * MINUTE, 3 * HOUR)]
    found += [fired("B", at) for at in (0, 30 * MINUTE, 60 * MINUTE)]
    (flap,) = figures.flapping(found)
    assert tuple(flap) == ("A", "e", 3, 0)


def test_what_never_fired_is_named() -> None:
    assert figures.quiet(["A", "B", "C"], [fired("B")]) == ["A", "C"]


def silence(start: float, end: float, comment: str, **labels: str) -> Silence:
    matchers = tuple(Matcher(key, value) for key, value in labels.items())
    return Silence(str(start), matchers, start, end, "ada", comment, "active")


def test_an_answer_belongs_to_the_time_before_the_next() -> None:
    labels = {"alertname": "A", "environment": "e"}
    found = [fired(at=at)._replace(labels=labels) for at in (0.0, 2 * HOUR, 60 * HOUR)]
    answers = [
        silence(5 * MINUTE, HOUR, acks.comment("actionable", "x"), **labels),
        silence(HOUR, 1.5 * HOUR, acks.comment("false_positive", "no"), **labels),
        silence(2 * HOUR + 60, 3 * HOUR, "ACK! from another tool", alertname="A"),
        silence(59 * HOUR, 61 * HOUR, "maintenance", alertname="A"),
        silence(30 * HOUR, 31 * HOUR, acks.comment("actionable", "late"), **labels),
        silence(10, HOUR, acks.comment("actionable", "another"), alertname="B"),
    ]
    first, second, third = episodes.joined(found, answers)
    assert (first.response, first.verdict, first.held) == (300, "false_positive", False)
    assert (second.response, second.verdict) == (60, "")
    assert (third.answer, third.held) == (None, True)


def test_a_comment_is_read_back() -> None:
    said = [
        "ACK! actionable: a disk: full",
        "ACK! false_positive: no",
        "ACK! looking",
        "ACK!actionable",
        "an ACK! elsewhere",
    ]
    found = acks.read(silence(number, number + 1, text) for number, text in enumerate(said))
    assert [(each.verdict, each.reason) for _, each in found] == [
        ("actionable", "a disk: full"),
        ("false_positive", "no"),
        ("", "looking"),
        ("actionable", ""),
    ]
