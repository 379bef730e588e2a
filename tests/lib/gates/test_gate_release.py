"""The gate `release`: what the remote says of a tag."""

from __future__ import annotations

import pytest

from tasks.lib import source
from tasks.lib.gates import elsewhere
from tasks.lib.gates.about import About
from tasks.lib.settings import Environment, Settings
from tests.lib.scratch import Scratch

STAGING = Environment(name="staging")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A clone whose remote has the tags `pushed` and `moved`, the latter on another commit."""
    base = tmp_path_factory.mktemp("gates")
    work = Scratch.new(base / "work")
    work.commit({"a": "1"})
    work.git("init", "--quiet", "--bare", str(base / "remote.git"))
    work.git("remote", "add", "origin", str(base / "remote.git"))
    work.git("tag", "pushed")
    work.git("tag", "moved")
    work.git("push", "--quiet", "origin", "main", "pushed", "moved")
    work.commit({"a": "2"})
    work.git("tag", "--force", "moved")
    work.git("tag", "-a", "local", "-m", "not pushed")
    return work


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        pytest.param("pushed", "", id="on the remote"),
        pytest.param("local", "git push origin", id="only here"),
        pytest.param("moved", "moved", id="moved since"),
        pytest.param("main", "main is not a tag, and staging takes tags only", id="no tag"),
    ],
)
def test_a_version_has_to_be_where_others_find_it(
    clone: Scratch, version: str, answer: str
) -> None:
    found = source.resolve(clone.path, version)
    told = elsewhere.release(About(Settings(), STAGING, found, clone.path))
    assert answer in told.refused
    assert bool(told.refused) is bool(answer)


def test_a_remote_that_is_not_there_is_told(clone: Scratch) -> None:
    found = source.resolve(clone.path, "pushed")
    told = elsewhere.release(About(Settings(remote="nowhere"), STAGING, found, clone.path))
    assert "nowhere" in told.refused
