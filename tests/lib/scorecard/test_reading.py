"""Which environment is production, and which lines of a journal say what the tests reached."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib.scorecard.reading import _tests, last
from tasks.lib.settings import SANDBOX, Settings

OWN, EXAMPLE = ["me@web.example.org"], ["deploy@a.your-domain.com"]


def env(after: str = "", hosts: list[str] = OWN) -> dict[str, Any]:
    return {"hosts": hosts, "after": after}


@pytest.mark.parametrize(
    "environments, found",
    [
        pytest.param({}, "sandbox", id="the sandbox alone"),
        pytest.param({"live": env()}, "live", id="one"),
        pytest.param({"live": env("staging"), "staging": env()}, "live", id="after another"),
        pytest.param(
            {"eu": env("staging"), "us": env("staging"), "staging": env()}, "us", id="two"
        ),
        pytest.param({"live": env(hosts=EXAMPLE)}, "sandbox", id="the example's"),
        pytest.param({"live": env("gone")}, "live", id="one that is wrong"),
    ],
)
def test_production_is_what_comes_last(environments: dict[str, Any], found: str) -> None:
    assert last(Settings(environments={"sandbox": dict(SANDBOX), **environments})) == found


def whole(**more: Any) -> dict[str, Any]:
    detail = {"coverage": [{"of": "app", "percent": 81.5}]} | more.pop("detail", {})
    line = {"phase": "test", "outcome": "closed", "at": "2026-03-01T10:00:00.000Z"}
    return {**line, "detail": detail, **more}


def test_coverage_is_that_of_runs_of_all_tests() -> None:
    lines = [
        whole(),
        whole(outcome="troubled"),
        whole(outcome="refused"),
        whole(phase="lint"),
        whole(at="then"),
        whole(detail={"partial": "a suite"}),
        whole(detail={"coverage": []}),
        whole(detail={"coverage": [{"of": "app", "percent": None}]}),
        {"phase": "test", "outcome": "closed", "at": "2026-03-01T10:00:00Z", "detail": None},
        *(whole(detail={"coverage": odd}) for odd in (5, [5], {"a": 1}, [{"percent": "x"}])),
    ]
    assert _tests(lines) == [(1772359200.0, 0.815)] * 2
