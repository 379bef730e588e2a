"""Sandboxes that are ended with their test, and leave no process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.sandbox import processes
from tests.lib.sandbox.site import Make, Site, site


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make sandboxes that are ended with the test."""
    sites: list[Site] = []

    def maker(*path: str, **said: int) -> Site:
        sites.append(site(tmp_path.joinpath(*(path or ("project",))), **said))
        return sites[-1]

    yield maker
    for each in sites:
        each.stop()
        assert processes.marked(each.base) == []
