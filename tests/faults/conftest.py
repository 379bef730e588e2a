"""Fixtures of the fault tests; see world.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.world import World, Worlds


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    made = Worlds(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()


@pytest.fixture
def world(worlds: Worlds) -> World:
    """Three hosts with nothing under way, all on one release, with another to go back to."""
    return worlds.clean()
