from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib import duration
from tasks.lib.errors import Refused


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("1d2h", 93600),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
        ("1.5h", 5400),
        (" 2m ", 120),
        ("30", 30),
        ("0.25", 0.25),
        (7, 7),
        (0.5, 0.5),
    ],
)
def test_reads_what_people_write(text: object, seconds: float) -> None:
    assert duration.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "value",
    ["", "s", "-1s", "1 m", "15 minutes", "1m1m", "1m1h", "1h 30m", "٣s", "1e3", "nan", "inf"]
    + [-1, math.nan, math.inf, True, None, ["1s"]],
    ids=repr,
)
def test_refuses_the_rest_in_one_sentence(value: object) -> None:
    with pytest.raises(Refused, match="write it as 90s, 15m") as caught:
        duration.parse(value)
    assert caught.value.kind == "config" and caught.value.code == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "0s"),
        (0.045, "45ms"),
        (1, "1s"),
        (1.256, "1.26s"),
        (59.999, "1m"),
        (90, "1m30s"),
        (5400, "1h30m"),
        (90061, "1d1h1m1s"),
        (-90, "-1m30s"),
    ],
)
def test_shows_them_the_same_way(seconds: float, text: str) -> None:
    assert duration.show(seconds) == text


@given(st.floats(min_value=0, max_value=1e7))
def test_what_is_shown_can_be_read_back(seconds: float) -> None:
    assert duration.parse(duration.show(seconds)) == pytest.approx(seconds, abs=0.51, rel=0.005)
