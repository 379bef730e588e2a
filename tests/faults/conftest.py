"""Fixtures of the fault tests; see world.py. Each case runs in the sandbox and on real hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.hosts import Ground
from tests.faults.sandbox import SandboxGround
from tests.faults.world import World, Worlds
from tests.system.hosts import DebianGround

GROUNDS = ["sandbox", pytest.param("debian", marks=pytest.mark.system)]


@pytest.fixture(scope="session", params=GROUNDS)
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worlds]:
    ground: Ground = SandboxGround()
    if request.param == "debian":
        docker = request.getfixturevalue("docker")
        ground = DebianGround(docker, request.getfixturevalue("debian"))
    made = Worlds(tmp_path_factory.mktemp("faults"), ground)
    yield made
    made.close()


@pytest.fixture
def world(worlds: Worlds) -> World:
    """Three hosts with nothing under way, all on one release, with another to go back to."""
    return worlds.clean()
