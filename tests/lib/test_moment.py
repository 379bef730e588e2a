from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.lib.moment import iso, known, unix


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock shows New York's time."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("zone", ["Z", "+00:00", ""])
def test_where_no_zone_is_said_it_is_utc(elsewhere: None, zone: str) -> None:
    assert unix(f"2026-11-25T12:00:00.5{zone}") == 1795608000.5
    assert iso(1795608000.5) == "2026-11-25T12:00:00.500Z"


def test_what_is_no_moment_is_not_known() -> None:
    assert known("then") is known(None) is known(5) is None
