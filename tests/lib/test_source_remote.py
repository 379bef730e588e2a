"""tag_on_remote() compares a tag with the remote's, by the commits they are on."""

from pathlib import Path

import pytest

from tasks.lib import source
from tests.lib.scratch import Scratch


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "my project")
    scratch.commit({"a.txt": "a\n"})
    return scratch


@pytest.fixture
def clone(repo: Scratch, tmp_path: Path) -> Scratch:
    repo.git("tag", "v1")
    repo.git("tag", "--annotate", "v2", "--message", "Two")
    return Scratch.clone(repo, tmp_path / "clone")


@pytest.mark.parametrize("tag", ["v1", "v2"])
def test_a_tag_that_is_there(clone: Scratch, tag: str) -> None:
    assert source.tag_on_remote(clone.path, "origin", tag) == ""


def test_a_tag_not_pushed(clone: Scratch) -> None:
    clone.git("tag", "v3")
    assert "`git push origin v3`" in source.tag_on_remote(clone.path, "origin", "v3")


def test_a_longer_name_is_not_it(repo: Scratch, clone: Scratch) -> None:
    repo.git("tag", "nested/refs/tags/v3")
    clone.git("tag", "v3")
    assert "not on the remote" in source.tag_on_remote(clone.path, "origin", "v3")


@pytest.mark.parametrize("tag", ["v1", "v2"])
def test_a_tag_moved(repo: Scratch, clone: Scratch, tag: str) -> None:
    there = repo.commit({"a.txt": "moved\n"})
    repo.git("tag", "--force", "--annotate", tag, "--message", "Again")
    said = source.tag_on_remote(clone.path, "origin", tag)
    assert there[:7] in said and clone.head()[:7] in said
    assert "git fetch --tags --force origin" in said


def test_another_message_on_the_same_commit_is_no_move(repo: Scratch, clone: Scratch) -> None:
    repo.git("tag", "--force", "--annotate", "v2", "--message", "Two, said again")
    assert source.tag_on_remote(clone.path, "origin", "v2") == ""


def test_a_tag_not_in_this_clone(clone: Scratch) -> None:
    assert "not in this clone" in source.tag_on_remote(clone.path, "origin", "v9")


@pytest.mark.parametrize(
    "remote",
    ["nobody", "/nowhere at all", "--upload-pack=touch pwned", "ext::sh -c touch% pwned", ""],
)
def test_a_remote_that_cannot_be_asked(clone: Scratch, remote: str) -> None:
    said = source.tag_on_remote(clone.path, remote, "v1")
    assert "could not be asked" in said and "\n" not in said
    assert not (clone.path / "pwned").exists()
