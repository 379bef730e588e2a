"""The scorecard as it is read."""

from __future__ import annotations

import pytest

from tasks.lib.scorecard.figures import RATIO, SECONDS, WEEKLY, figures
from tasks.lib.scorecard.telling import rests, shown, target
from tests.support.carded import NOTHING, back, deploy


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (None, SECONDS, ""),
        (0.04, SECONDS, "0s"),
        (0.36, SECONDS, "400ms"),
        (12.34, SECONDS, "12.3s"),
        (59.96, SECONDS, "1m"),
        (952.4, SECONDS, "15m52s"),
        (3 * 3600 + 61, SECONDS, "3h1m"),
        (108059, SECONDS, "1d6h"),
        (0.95, RATIO, "95 %"),
        (1 / 3, RATIO, "33.3 %"),
        (6.5333, WEEKLY, "6.53 a week"),
        (0, WEEKLY, "0 a week"),
    ],
)
def test_values_are_as_people_read_them(value: float | None, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_what_a_figure_rests_on_says_of_how_many_it_is_not_known() -> None:
    runs = (deploy(100), back(200, "r100"), back(300, "", verified=None))
    found = {each.kind.key: each for each in figures(NOTHING._replace(runs=runs), {}, 0, 1000)}
    assert rests(found["time_to_roll_back"]) == "1 of 2 rollbacks"
    assert rests(found["deployment_success"]) == "1 deployment"
    assert rests(found["alert_response"]) == "0 alerts" and target(found["coverage"]) == ""
