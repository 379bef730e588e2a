"""Fixtures of the tests of whole phases; see tests/support/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Make a scratch project whose sandbox runs: `make(hosts=3, service={...})`.

    It is gone at the end.
    """
    made: list[Project] = []

    def project(**about: Any) -> Project:
        found = Project(tmp_path / f"project {len(made)}", **about)
        made.append(found)
        started = found.inv("host", "--env=sandbox")
        assert started.returncode == 0, started.stdout + started.stderr
        return found

    yield project
    for each in made:
        stopped = each.inv("host.down", "--env=sandbox")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
