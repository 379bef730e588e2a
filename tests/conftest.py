"""Fixtures of the tests of whole phases; see tests/support/."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.project import Project
from tests.system import engine, image

Make = Callable[..., Project]


def _projects(base: Path) -> Iterator[Make]:
    made: list[Project] = []

    def project(**about: Any) -> Project:
        found = Project(base / f"project {len(made)}", **about)
        made.append(found)
        started = found.inv("host", "--env=sandbox")
        assert started.returncode == 0, started.stdout + started.stderr
        return found

    yield project
    for each in made:
        stopped = each.inv("host.down", "--env=sandbox")
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make a scratch project whose sandbox runs: `make(hosts=3, service={...})`. It is gone at the
    end."""
    yield from _projects(tmp_path)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """As `make`, for projects that the tests of a module share."""
    yield from _projects(tmp_path_factory.mktemp("lasting"))


@pytest.fixture(scope="session")
def docker() -> Iterator[engine.Engine]:
    """The container engine behind real hosts; where what it needs is missing, that is said."""
    if wrong := engine.missing():
        pytest.skip(wrong)
    made = engine.Engine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def debian(docker: engine.Engine) -> str:
    """The image of a Debian server."""
    return image.image(docker)
