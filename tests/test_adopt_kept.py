"""`inv circle.adopt` loses nothing of a repository: what git knows, what it ignores, how it is."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tasks.lib.adopt import pages, parts
from tasks.lib.errors import Refused
from tasks.lib.git import Git
from tests.support import adopted
from tests.support.adopted import SHOP, adopt, clean, git

PAGE = "docs/alerts/HighErrorRate.md"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adopted.recipes(tmp_path_factory.mktemp("recipes") / "circle")


@pytest.fixture(scope="module")
def shop(recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone, on a branch for this alone, whose lines end as those of Windows where they are
    checked out, with the recipes in it; tests clone it."""
    files = {**SHOP, ".gitattributes": "* text eol=crlf\n", "names": "SHOP=1\n"}
    root = tmp_path_factory.mktemp("shop")
    origin = adopted.repository(root / "origin", files)
    (origin / ".env.example").symlink_to("names")
    adopted.commit(origin, {})
    here = named(adopted.recipes_of(origin, root / "shop"))
    git(here, "checkout", "-q", "-b", "try/the-recipes")
    adopt(recipes, here)
    return here


def named(root: Path) -> Path:
    git(root, "config", "core.autocrlf", "false")
    return root


@pytest.fixture
def own(shop: Path, tmp_path: Path) -> Path:
    """A clone of the shop with the recipes, to change."""
    return named(adopted.recipes_of(shop, tmp_path / "shop"))


@pytest.fixture
def newer(recipes: Path, tmp_path: Path) -> Path:
    """A clone of the recipes, in which they can be changed."""
    return adopted.recipes_of(recipes, tmp_path / "newer")


def test_lines_end_as_they_did_and_a_link_stays_one(shop: Path) -> None:
    assert clean(shop)
    assert "\r" not in git(shop, "show", "HEAD:.gitignore")
    assert (shop / ".env.example").is_symlink()
    changed = git(shop, "diff", "--name-status", "HEAD~", "HEAD").splitlines()
    assert {line for line in changed if not line.startswith("A\t")} == {"M\t.gitignore"}


def test_it_is_released_from_the_branch_of_the_remote(shop: Path) -> None:
    said = yaml.safe_load((shop / "invoke.yaml").read_text())
    assert said["release"]["branch"] == "main"
    check = yaml.load((shop / ".github/workflows/check.yml").read_text(), yaml.BaseLoader)
    assert check["on"]["push"]["branches"] == ["main"]


def test_what_its_workflows_keep_between_runs_goes_by_a_lock_that_is_there(
    shop: Path, recipes: Path
) -> None:
    """setup-python fails where nothing matches, as where a project has no requirements.txt."""
    lock = {shop: "tasks/requirements.txt", recipes: "requirements.txt"}
    for root, name in lock.items():
        for file in sorted((root / ".github/workflows").glob("*.yml")):
            for found in re.findall(r"cache-dependency-path: (.+)", file.read_text()):
                assert root / name in root.glob(yaml.safe_load(found)), file


def test_an_update_takes_nothing_out_for_a_directory_or_a_file_in_its_place(
    newer: Path, own: Path
) -> None:
    adopted.commit(own, {"prometheus/mine": "mine\n", "grafana/own.md/a": "mine\n"})
    head = git(own, "rev-parse", "HEAD")
    base = git(newer, "rev-parse", "HEAD")
    for name, said in (
        ("prometheus/mine/rules.yml", "Its prometheus/mine is a file"),
        ("grafana/own.md", "Its grafana/own.md/ is a directory"),
    ):
        git(newer, "reset", "-q", "--hard", base)
        git(newer, "clean", "-qfd")
        adopted.commit(newer, {name: "new\n"})
        with pytest.raises(Refused, match=said):
            adopt(newer, own)
        assert git(own, "rev-parse", "HEAD") == head and clean(own)


def test_an_update_with_a_conflict_writes_over_nothing_that_git_ignores(
    newer: Path, own: Path
) -> None:
    theirs = (own / PAGE).read_text().replace("# High", "# Too high", 1)
    ignored = (own / ".gitignore").read_text() + "docs/local.md\nscripts/keys\n"
    adopted.commit(own, {PAGE: theirs, ".gitignore": ignored})
    page = (newer / PAGE).read_text().replace("# High", "# Very high", 1)
    adopted.commit(newer, {PAGE: page, "docs/local.md": "new\n", "scripts/keys/new": "new\n"})
    for name in ("docs/local.md", "scripts/keys"):
        (own / name).write_text("mine\n")
        with pytest.raises(Refused, match=f"{name}.* is in the way there"):
            adopt(newer, own)
        assert (own / name).read_text() == "mine\n" and clean(own)
        (own / name).unlink()


def test_what_counts_the_first_time_alone_is_refused_later(recipes: Path, own: Path) -> None:
    with pytest.raises(Refused, match="--health, --production counts the first time alone"):
        adopt(recipes, own, health="/up", hosts={"staging": "", "production": "a@b"})


def test_who_commits_is_asked_before_anything_is_made(
    recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = adopted.repository(tmp_path / "shop", SHOP)
    for name in ("user.name", "user.email"):
        git(root, "config", "--unset", name)
    git(root, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "t")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "t@example.invalid")
    with pytest.raises(Refused, match="git doesn't know who commits in"):
        adopt(recipes, root)


def test_a_repository_without_files_is_refused(recipes: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    with pytest.raises(Refused, match="has no files of its own: name a clone"):
        adopt(recipes, tmp_path / "bare")


def test_recipes_that_take_too_long_there_are_a_sentence(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LIMIT", 0.01)
    with pytest.raises(Refused, match="had not run there after 0.01 seconds"):
        pages.made(Git(shop), "HEAD")


def test_who_takes_a_file_of_theirs_away_has_the_recipes_after_all(
    recipes: Path, own: Path
) -> None:
    git(own, "mv", "docker-compose.yml", "compose.own.yml")
    adopted.commit(own, {})
    adopt(recipes, own)
    assert "prometheus" in yaml.safe_load((own / "docker-compose.yml").read_text())["services"]
    assert json.loads((own / parts.RECORD).read_text())["kept"] == [] and clean(own)
    assert (own / "compose.own.yml").read_text() == SHOP["docker-compose.yml"]
