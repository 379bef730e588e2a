"""The shipped docker-compose.yml on a real engine, with the Compose that Debian 12 has: 1.29."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.lib.developer import compose, stack
from tests.support import observed
from tests.system import stacked
from tests.system.engine import Engine
from tests.system.stacked import Stacked

SERVICES = tuple(sorted(stacked.PROGRAMS))


@pytest.fixture(scope="module")
def old(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacked]:
    """The stack, driven by that Compose alone."""
    observed.need("docker-compose")
    if wrong := stacked.missing():
        pytest.skip(wrong)
    home = tmp_path_factory.mktemp("old") / "project"
    made = Stacked(docker, home, stacked.stand_ins(docker))
    made.place.words = ("docker-compose",)
    try:
        yield made
    finally:
        made.remove()


def test_it_takes_the_same_file(old: Stacked) -> None:
    assert stack.missing(old.place) == ""
    assert {each.address for each in stack.ports(old.place)} == {"127.0.0.1"}
    found = stack.start(old.place)
    assert [(each.name, each.said) for each in found] == [(name, "") for name in SERVICES]
    before = {name: old.container(name) for name in SERVICES}
    stack.start(old.place)
    assert {name: old.container(name) for name in SERVICES} == before
    assert stack.reached(old.place)
    stack.stop(old.place)
    assert stack.services(old.place) == ()


def test_it_says_which_variable_has_no_value(old: Stacked) -> None:
    place = compose.Here(old.home, {**old.variables, "GRAFANA_ADMIN_PASSWORD": ""})
    place.words = ("docker-compose",)
    said = stack.missing(place)
    assert "inv host makes GRAFANA_ADMIN_PASSWORD in .env" in said and len(said) < 200
