"""The scorecard of a life that the test lives in the sandbox: every figure is what its script knows
to be true, by its own clock and its own counts."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from math import ceil
from statistics import mean, median
from typing import Any

import pytest

import tasks
from tests.support.alarm import RULES, Scene, scene
from tests.support.bench import ours_apart
from tests.support.life import Bracket, Life
from tests.support.past import Past

MINUTE = 60.0
CONFIG = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
# Minutes before the life at which each alert fired, for five; the first is never answered.
FIRED = [("HighErrorRate", 180), ("HighErrorRate", 50), ("HighLatency", 20), ("ServiceDown", 10)]
FALSE = "HighLatency"
DAYS = 30
SERVICE = {"thresholds": {"interval": "100ms", "failures": 3, "requests": 1}}


def laid(now: float) -> str:
    past = Past(now - 4 * 60 * MINUTE, now, 15, job="demo")
    for name, ago in FIRED:
        begin = now - ago * MINUTE
        labels = {"alertname": name, "alertstate": "firing", "environment": "sandbox"}
        labels |= {"severity": RULES[name]["severity"], "since": str(int(begin))}
        past.add("ALERTS", _between(begin, begin + 5 * MINUTE), **labels)
    return past.text()


def _between(begin: float, end: float) -> Callable[[float], float | None]:
    return lambda at: 1.0 if begin <= at <= end else None


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    home, now = tmp_path_factory.mktemp("life"), float(int(time.time()))
    with pytest.MonkeyPatch.context() as patch, scene(home, CONFIG, past=laid(now)) as found:
        ours_apart(patch)
        patch.delenv("ENABLE_TELEMETRY", raising=False)
        _configured(found)
        assert found.project.inv("host", "--env=sandbox").returncode == 0
        try:
            life = Life(found.project)
            try:
                life.lived()
            finally:
                life.front.end()
            life.tested(4)
            life.tested(3)
            for name, ago in FIRED[1:]:
                life.acknowledged(name, now - ago * MINUTE, name == FALSE)
            yield life
        finally:
            found.project.inv("host.down", "--env=sandbox")


def _configured(found: Scene) -> None:
    found.project.environment = {"watch": "300ms"}
    found.project.configure(**SERVICE)
    (found.project.root / ".venv").symlink_to(sys.prefix)
    with (found.project.root / ".git" / "info" / "exclude").open("a") as exclude:
        exclude.write(".venv\n")
    options = ["-o", "pythonpath=.", "-p", "pytest_cov.plugin"]
    found.configure(test={"source": ["shop"], "options": options, "coverage": 60})


@pytest.fixture(scope="module")
def card(lived: Life) -> dict[str, Any]:
    return lived.card(since=f"{DAYS}d")


Of = Callable[[Sequence[float]], float]
SPREAD: dict[str, Of] = {
    "mean": mean,
    "median": median,
    "p90": lambda values: sorted(values)[ceil(0.9 * len(values)) - 1],
    "worst": max,
}


def within(figure: dict[str, Any], brackets: Sequence[Bracket]) -> None:
    """Each of these grows with any of its values, so that the ends of all brackets bound it."""
    assert (figure["events"], figure["of"]) == (len(brackets), len(brackets))
    assert figure["value"] == figure["mean"]
    for name, of in SPREAD.items():
        low, high = (of([bracket[end] for bracket in brackets]) for end in (0, 1))
        assert low - 0.001 <= figure[name] <= high + 0.001, (name, low, figure[name], high)


def test_it_was_the_life_that_was_to_be_lived(lived: Life) -> None:
    known = lived.known
    assert (len(known.deployed), len(known.restored), len(known.back)) == (26, 3, 1)
    assert len(known.leads) == 45 - 2, "30 releases, every other with two commits, but the first's"


def test_the_counts_are_exact(card: dict[str, Any]) -> None:
    success = card["runbook"]["deployment_success"]
    assert (success["value"], success["events"]) == (25 / 30, 30)
    assert success["met"] is False and success["target"] == 0.95
    failures = card["dora"]["change_failure_rate"]
    assert (failures["value"], failures["events"]) == (3 / 28, 28)
    often = card["dora"]["deployment_frequency"]
    assert often["value"] == pytest.approx(28 * 7 / DAYS) and often["events"] == 28
    assert often["before"] is None and often["trend"] == "", "nobody knows of before"


def test_deploying_took_what_it_took(lived: Life, card: dict[str, Any]) -> None:
    within(card["runbook"]["time_to_deploy"], lived.known.deployed)
    within(card["dora"]["lead_time"], lived.known.leads)
    within(card["beside"]["watch"], lived.known.watched)
    assert card["runbook"]["time_to_deploy"]["met"] is True


def test_going_back_took_what_it_took(lived: Life, card: dict[str, Any]) -> None:
    within(card["runbook"]["time_to_roll_back"], lived.known.back)
    within(card["dora"]["time_to_restore"], lived.known.restored)


def test_alerts_are_those_that_were_answered(lived: Life, card: dict[str, Any]) -> None:
    within(card["runbook"]["alert_response"], lived.known.answered)
    assert card["runbook"]["alert_response"]["met"] is False
    false = card["runbook"]["false_positives"]
    assert (false["value"], false["events"]) == (sum(lived.known.judged) / 3, 3)


def test_coverage_is_the_newest(lived: Life, card: dict[str, Any]) -> None:
    reached = card["runbook"]["coverage"]
    assert reached["value"] == pytest.approx(lived.known.coverage[-1]) == pytest.approx(0.8)
    assert reached["events"] == 2 and reached["mean"] == pytest.approx(0.85)
    assert reached["worst"] == pytest.approx(0.8)


def test_the_time_before_and_after_it_have_nothing(lived: Life, card: dict[str, Any]) -> None:
    told = lived.card(since="1s")["runbook"]
    for key in ("time_to_deploy", "time_to_roll_back", "deployment_success", "alert_response"):
        assert told[key]["value"] is None and told[key]["why"], key


def test_it_is_told_in_80_columns(lived: Life) -> None:
    ran = lived.run(tasks.circle.scorecard, since=f"{DAYS}d")
    assert ran.code == 0 and "deployment success     83.3 %" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80, ran.out


def test_the_page_has_every_figure_and_fetches_nothing(lived: Life) -> None:
    file = lived.project.root / "card.html"
    ran = lived.run(tasks.circle.scorecard, since=f"{DAYS}d", html=str(file))
    assert ran.code == 0 and "card.html has it as a page" in ran.out
    text = file.read_text()
    assert "83.3 %" in text and "default-src 'none'" in text and "<script" not in text
    assert not re.search(r"(?:src|href)=|url\(|@import", text)
    for label in (
        "time to deploy",
        "false positives",
        "lead time for changes",
        "time to restore",
    ):
        assert label in text
    assert text.count('class="dot"') == 26 + 1 + 3 + 43 + 3 + 26, "a dot for each event"
    refused = lived.run(tasks.circle.scorecard, html=str(file.parent))
    assert refused.code == 2 and "is a directory: name the file" in refused.err


@pytest.mark.parametrize("since", ["0s", "3651d", "soon"])
def test_a_time_that_is_none_is_refused(lived: Life, since: str) -> None:
    ran = lived.run(tasks.circle.scorecard, since=since)
    assert ran.code == 2 and not ran.out
    assert "30d" in ran.err or "90s" in ran.err


def test_hosts_that_are_gone_leave_what_this_clone_wrote_down(
    lived: Life, card: dict[str, Any]
) -> None:
    """Last in this file: the sandbox is taken down."""
    assert lived.project.inv("host.down", "--env=sandbox").returncode == 0
    told = lived.card(since=f"{DAYS}d")
    assert any("could not be asked" in note for note in told["notes"])
    for group in ("runbook", "dora", "beside"):
        for key, figure in card[group].items():
            if key == "time_to_restore":  # the end of what was taken back is that of the command
                within(told[group][key], lived.known.restored)
            elif key == "deployment_frequency":
                assert told[group][key]["events"] == figure["events"]
            else:
                assert told[group][key]["value"] == pytest.approx(figure["value"]), key
