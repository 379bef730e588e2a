"""What `inv release` refuses: provoked in a real repository with a real remote; nothing changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from tasks.lib import journal
from tests.lib.scratch import Scratch
from tests.support.shop import LOG, Shop, identity

Said = pytest.CaptureFixture[str]
Break = Callable[[Shop], object]


pytestmark = pytest.mark.usefixtures("somebody")


def other(shop: Shop) -> Scratch:
    """Somebody else's clone."""
    return Scratch.clone(shop.remote, shop.path.parent / "other")


def ahead(shop: Shop) -> None:
    there = other(shop)
    there.commit({"theirs.py": ""}, "fix: theirs")
    there.git("push", "--quiet", "origin", "main")


def merging(shop: Shop) -> None:
    """A merge that stopped at a conflict, and was settled but not committed."""
    shop.git("switch", "--quiet", "--create", "side")
    shop.commit({"code.py": "side\n"}, "side")
    shop.git("switch", "--quiet", "main")
    shop.change("main", {"code.py": "main\n"})
    with pytest.raises(AssertionError):
        shop.git("merge", "side")
    shop.git("checkout", "--ours", "code.py")
    shop.git("add", "code.py")


def anonymous(shop: Shop) -> None:
    (shop.path.parent / "gitconfig").write_text("")


def taken_there(shop: Shop) -> None:
    there = other(shop)
    there.git("tag", "--annotate", "--message=x", "v1.0.0")
    there.git("push", "--quiet", "origin", "v1.0.0")


def moved(shop: Shop) -> None:
    taken_there(shop)
    shop.git("tag", "--annotate", "--message=y", "v1.0.0")


def unlinted(shop: Shop) -> None:
    journal.where(shop.path).unlink()
    shop.prove("test")


def failing(shop: Shop) -> None:
    entry = {"phase": "test", "outcome": "troubled", "commit": shop.head()}
    journal.append(entry, journal.where(shop.path))


def silent(shop: Shop) -> None:
    shop.change("docs: words", {"CHANGELOG.md": LOG})
    shop.release(version="v0.0.1", force="to begin with")
    shop.change("docs: more words")


UPSTREAM = "the branch as its upstream"
REFUSED: list[Any] = [
    pytest.param(
        lambda shop: shop.write({"new.py": ""}), "new.py differ from the commit", "", id="new file"
    ),
    pytest.param(
        lambda shop: (shop.write({"shop.py": "x"}), shop.git("add", "shop.py")),
        "a clean tree: shop.py differ from the commit",
        "",
        id="staged",
    ),
    pytest.param(
        lambda shop: shop.git("switch", "--quiet", "--create", "side"),
        "this is side, not main; run `git switch main`",
        "",
        id="another branch",
    ),
    pytest.param(
        lambda shop: shop.git("switch", "--quiet", "--detach"),
        "this is no branch (a detached HEAD), not main; run `git switch main`",
        "",
        id="detached",
    ),
    pytest.param(merging, "a merge is under way; run `git status`", "", id="merge"),
    pytest.param(
        lambda shop: shop.git("branch", "--unset-upstream"),
        f"{UPSTREAM}: main follows no branch of origin; `git pull",
        "",
        id="no upstream",
    ),
    pytest.param(ahead, f"{UPSTREAM}: origin is at", "", id="remote ahead"),
    pytest.param(
        lambda shop: shop.prove() if shop.commit({"a.py": ""}) else "",
        f"{UPSTREAM}: origin is at",
        "",
        id="clone ahead",
    ),
    pytest.param(
        lambda shop: shop.remote.path.rename(shop.path.parent / "gone"),
        "the remote origin could not be asked",
        "",
        id="no remote",
    ),
    pytest.param(
        lambda shop: shop.git("tag", "v1.0.0"),
        "the tag v1.0.0 exists already, but only here",
        "The tag exists already",
        id="tag taken here",
    ),
    pytest.param(
        taken_there,
        "the tag v1.0.0 exists already on origin, but not here",
        "The tag exists already",
        id="tag taken there",
    ),
    pytest.param(moved, "and is another one here", "The tag exists already", id="tag differs"),
    pytest.param(
        anonymous, "a name to commit in: git says: fatal: no email", "", id="no user.email"
    ),
    pytest.param(unlinted, "lint did not close for", "", id="not linted"),
    pytest.param(failing, "test did not close for", "", id="tests fail"),
    pytest.param(silent, "nothing stands under Unreleased in CHANGELOG.md", "", id="no notes"),
]


@pytest.mark.parametrize(("broken", "sentence", "row"), REFUSED)
def test_what_is_missing_is_named(
    shop: Shop, capsys: Said, broken: Break, sentence: str, row: str
) -> None:
    broken(shop)
    before = shop.state()
    capsys.readouterr()
    assert shop.release(version="v1.0.0" if "tag" in sentence else "") == 2
    said = capsys.readouterr().err
    assert said.startswith("inv release refused to start and changed nothing; missing: ")
    assert sentence in said and row in said
    assert shop.state() == before


def test_a_shallow_clone_says_what_to_fetch(shop: Shop, tmp_path: Path, capsys: Said) -> None:
    shop.change("feat: wishes")
    shallow = Shop(tmp_path / "ci")
    cloned = Scratch.clone(shop.remote, shallow.path, "--depth=1")
    (cloned.path / ".git/info/exclude").write_text("/.circle/\n")
    shallow.prove()
    before = shallow.state()
    assert shallow.release() == 2
    assert "this is a shallow clone; run `git fetch --unshallow --tags`" in capsys.readouterr().err
    assert shallow.state() == before
    shallow.git("fetch", "--quiet", "--unshallow", "--tags")
    assert shallow.release() == 0
    assert "refs/tags/v0.1.0" in shop.refs()


VERSIONS: list[Any] = [
    pytest.param({"version": "1.2"}, "'1.2' is not a semantic version", id="no version"),
    pytest.param({"version": "v1.0.0"}, "The tag v1.0.0 exists already (here and on", id="taken"),
    pytest.param({"version": "0.9.9"}, "v0.9.9 would go backwards: v1.0.0", id="backwards"),
    pytest.param({"version": "1.0.0-rc.1"}, "v1.0.0-rc.1 would go backwards", id="candidate"),
    pytest.param({"bump": "huge"}, "--bump should be major, minor or patch", id="bump"),
    pytest.param({"pre": "rc.1"}, "--pre should be a word such as rc", id="pre"),
    pytest.param({"version": "2.0.0", "bump": "minor"}, "--version says it all", id="both"),
]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop whose v1.0.0 is out, and with something new since."""
    path = tmp_path_factory.mktemp("released")
    with pytest.MonkeyPatch.context() as patch:
        identity(patch, path)
        shop = Shop.new(path)
        assert shop.release(version="1.0.0") == 0
        shop.change("feat: wishes")
    return shop


@pytest.mark.parametrize(("options", "sentence"), VERSIONS)
def test_a_version_has_to_fit(
    released: Shop, capsys: Said, options: dict[str, Any], sentence: str
) -> None:
    before = released.state(), released.refs()
    assert released.release(**options) == 2
    said = capsys.readouterr().err
    assert sentence in said and "Runbook: The version is in conflict" in said
    assert (released.state(), released.refs()) == before


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        pytest.param({"VERSION": ""}, "release.files names VERSION, which is not in", id="missing"),
        pytest.param({"shop.py": "v {version}"}, "shop.py has no place where the", id="nowhere"),
        pytest.param({"code.py": "x = {version}"}, "code.py has 2 places where", id="ambiguous"),
        pytest.param({"VERSION.txt": ""}, "VERSION.txt is a link or a directory", id="link"),
        pytest.param({"README": ""}, "release.files.README should be the text that", id="no form"),
        pytest.param({"../shop.py": ""}, "should be a path relative to the project", id="outside"),
    ],
)
def test_a_file_has_to_hold_the_version_once(
    shop: Shop, capsys: Said, files: dict[str, str], sentence: str
) -> None:
    (shop.path / "VERSION.txt").symlink_to("0.0.0")
    shop.configure(files=files)
    shop.change("fix: x", {"code.py": "x = 1\nx = 2\n"})
    before = shop.state(), shop.refs()
    capsys.readouterr()
    assert shop.release() == 2
    assert sentence in capsys.readouterr().err
    assert (shop.state(), shop.refs()) == before


@pytest.mark.parametrize("commits", [0, 1], ids=["unborn", "no remote"])
def test_a_repository_that_has_just_begun(tmp_path: Path, capsys: Said, commits: int) -> None:
    shop = Shop(tmp_path)
    Scratch.new(shop.path)
    for _ in range(commits):
        shop.commit({"a.py": ""})
    assert shop.release() == 2
    said = capsys.readouterr().err
    assert ("there is no commit yet" in said) == (not commits)
    assert "missing: the release branch" in said or "could not be asked" in said


def test_outside_of_a_repository(tmp_path: Path, capsys: Said) -> None:
    shop = Shop(tmp_path)
    shop.path.mkdir()
    assert shop.release() == 2
    assert "is not in a git repository" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["force", "reviewed_by"])
def test_a_reason_that_says_nothing_is_none(shop: Shop, capsys: Said, option: str) -> None:
    before, refs = shop.state(), shop.refs()
    assert shop.release(**{option: " \n"}) == 2
    assert "is blank: say why, or who" in capsys.readouterr().err
    assert (shop.state(), shop.refs()) == (before, refs)
