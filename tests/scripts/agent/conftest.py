"""Fixtures of the tests of the host's half; see tests/support/rig.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support import rig as support
from tests.support.rig import Rig


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Make a host: `make_rig(python=..., noise=...)`. All that it started is gone at the end."""
    made: list[Rig] = []

    def make(**about: Any) -> Rig:
        made.append(Rig(tmp_path / f"host {len(made)}", **about))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def rig(make_rig: Callable[..., Rig]) -> Rig:
    """One host on this interpreter."""
    return make_rig()


@pytest.fixture(scope="session")
def parts() -> SimpleNamespace:
    """The agent's parts, each by its name."""
    return SimpleNamespace(**support.parts())


@pytest.fixture
def host(parts: SimpleNamespace, tmp_path: Path) -> Any:
    """A host's directory, prepared."""
    here, umask = os.getcwd(), os.umask(0o022)
    found = parts.host.Host(str(tmp_path / "srv"))
    found.prepare()
    yield found
    os.chdir(here)
    os.umask(umask)
