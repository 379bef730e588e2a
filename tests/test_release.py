"""`inv release` in a real repository with a real bare remote: what a release is when it is out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tasks.lib import evidence, journal
from tasks.lib.release import gates, lineage
from tasks.lib.release.settings import Release
from tests.lib.scratch import Scratch
from tests.support.shop import HOLDERS, LOG, Shop

Said = pytest.CaptureFixture[str]


pytestmark = pytest.mark.usefixtures("somebody")


def test_a_first_release(shop: Shop, capsys: Said) -> None:
    parent = shop.head()
    (shop.path / "shop.py").chmod(0o755)
    parent = shop.change("fix: mode", {})
    assert shop.release() == 0
    shop.whole("v0.1.0")
    assert shop.git("rev-parse", "HEAD^") == parent
    changed = shop.git("diff", "--name-only", "HEAD^", "HEAD").split()
    assert changed == ["CHANGELOG.md", "pyproject.toml", "shop.py"]
    assert (shop.path / "shop.py").stat().st_mode & 0o100
    assert shop.tag("v0.1.0") == (
        "Release version 0.1.0\n\nFeatures:\n- A cart.\n\nFixes:\n- Prices.\n\n"
        f"Lint-Closed: {line(shop, 'lint')}\nTest-Closed: {line(shop, 'test')}\n"
    )
    assert capsys.readouterr().out.endswith(
        f"v0.1.0 is on origin: {shop.head()[:7]}\n"
        "It is not published: origin is not on GitHub.\n"
        "Next: inv deploy --env=sandbox --version=v0.1.0\n"
    )
    last = journal.read(journal.where(shop.path))[-1]
    assert (last["phase"], last["outcome"], last["commit"]) == ("release", "closed", shop.head())
    assert last["detail"]["version"] == "v0.1.0" and last["detail"]["parent"] == parent


def line(shop: Shop, phase: str) -> str:
    entries = [each for each in journal.read(journal.where(shop.path)) if each["phase"] == phase]
    return f"{entries[-1]['commit']} {entries[-1]['at']}"


@pytest.mark.parametrize(
    ("message", "version"),
    [
        pytest.param("fix: prices", "v0.1.1", id="fix"),
        pytest.param("feat: wishes", "v0.2.0", id="feature"),
        pytest.param("fix!: other prices", "v0.2.0", id="breaking before 1.0"),
        pytest.param("As it was meant to be", "v0.1.1", id="no convention"),
    ],
)
def test_the_commits_say_what_is_next(shop: Shop, message: str, version: str) -> None:
    assert shop.release() == 0
    shop.change(message)
    assert shop.release() == 0
    shop.whole(version)
    assert shop.tags() == ["v0.1.0", version]


def test_candidates_lead_to_their_version(shop: Shop) -> None:
    assert shop.release(version="1.0.0") == 0
    shop.change("feat: wishes")
    assert shop.release(pre="rc") == 0
    shop.whole("v1.1.0-rc.1")
    shop.change("fix: prices")
    assert shop.release(pre="rc") == 0
    shop.whole("v1.1.0-rc.2")
    assert shop.release(pre="rc") == 0, "nothing has changed since"
    shop.change("docs: words")
    assert shop.release() == 0
    shop.whole("v1.1.0")
    assert shop.tags() == ["v1.0.0", "v1.1.0", "v1.1.0-rc.1", "v1.1.0-rc.2"]
    assert "Features:\n- Wishes\n\nFixes:\n- Prices\n" in sorted_notes(shop.tag("v1.1.0"))
    text = (shop.path / "CHANGELOG.md").read_text()
    assert text.count("- Wishes\n") == 2 and "- Words" not in text


def sorted_notes(text: str) -> str:
    """The sections of a tag by their titles."""
    head, *parts = text.split("\n\n")
    return "\n\n".join([head, *sorted(parts)])


def test_what_was_released_already_is_said(shop: Shop, capsys: Said) -> None:
    assert shop.release() == 0
    before = shop.state(), shop.refs()
    for options in ({}, {"version": "v0.1.0"}, {"bump": "major"}, {"plan": True}):
        assert shop.release(**options) == 0
        assert "v0.1.0 is released, and nothing has changed since." in capsys.readouterr().out
    assert (shop.state(), shop.refs()) == before
    shop.write({"shop.py": "changed\n"})
    assert shop.release() == 2
    assert "a clean tree: shop.py differ from the commit" in capsys.readouterr().err


def test_a_plan_shows_it_all_and_changes_nothing(shop: Shop, capsys: Said) -> None:
    before = shop.fingerprint(), shop.state(), shop.refs(), journal.read(journal.where(shop.path))
    assert shop.release(plan=True) == 0
    said = capsys.readouterr().out
    for part in (
        '-version = "0.0.0"\n+version = "0.1.0"',
        "+## [0.1.0] - ",
        "Features:\n- A cart.",
        f"Test-Closed: {shop.head()}",
        "git push --atomic origin main v0.1.0",
        "Next: inv release --version=v0.1.0",
    ):
        assert part in said
    assert shop.release(plan=True, json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["files"][-1]) == ("v0.1.0", "CHANGELOG.md")
    now = shop.fingerprint(), shop.state(), shop.refs(), journal.read(journal.where(shop.path))
    assert now == before


def test_the_check_proves_a_tag(shop: Shop, capsys: Said) -> None:
    assert shop.release(check=True) == 1 and "nothing is released yet" in capsys.readouterr().err
    assert shop.release() == 0
    assert shop.release(check=True) == 0
    shop.remote.git("tag", "--delete", "v0.1.0")
    assert shop.release(check=True) == 1
    assert "is not on the remote origin" in capsys.readouterr().err
    shop.git("tag", "--delete", "v0.1.0")
    assert shop.release(check=True, version="v0.1.0") == 1
    assert "v0.1.0 is not in this clone" in capsys.readouterr().err
    assert shop.release(check=True, version="1.0") == 2


def test_reasons_and_reviewers_are_written_into_the_tag(shop: Shop, capsys: Said) -> None:
    journal.where(shop.path).unlink()
    shop.change("feat: wishes", {"a.py": ""})
    journal.where(shop.path).unlink()
    shop.configure(review=True)
    shop.change("chore: review", {})
    journal.where(shop.path).unlink()
    assert shop.release() == 2
    said = capsys.readouterr().err
    assert "lint and test did not close for" in said and "--reviewed-by=NAME" in said
    assert shop.release(reviewed_by="Jo Doe", force="the network is down\nForged: yes") == 0
    trailers = evidence.trailers(shop.path, "v0.1.0")
    assert trailers == {
        "Reviewed-By": "Jo Doe",
        "Forced": "the network is down Forged: yes",
    }
    assert journal.read(journal.where(shop.path))[-1]["detail"]["forced"]


def test_a_release_commit_inherits_and_the_tag_carries_it(shop: Shop, tmp_path: Path) -> None:
    assert shop.release() == 0
    entries = journal.read(journal.where(shop.path))
    release = Release(files=HOLDERS)
    row = lineage.commits(shop.path, release, shop.head())
    assert row == (shop.head(), shop.git("rev-parse", "HEAD^"))
    assert evidence.closed(entries, "lint", shop.head()) is None
    assert evidence.inherited(entries, "lint", row)
    other = Scratch.clone(shop.remote, tmp_path / "other")
    (other.path / ".circle").mkdir()
    for phase in gates.EVIDENCE:
        assert evidence.carried(other.path, phase, ["v0.1.0"]).startswith(row[1])
    # A commit that changes more than the version in the same files proves nothing.
    shop.commit(
        {"pyproject.toml": '[project]\nname = "shop"\nversion = "0.1.0"\nlicense = "MIT"\n'}
    )
    assert lineage.commits(shop.path, release, shop.head()) == (shop.head(),)


def test_a_tag_is_signed_where_git_is_set_up_for_it(shop: Shop, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    signers.write_text(f"* {key.with_suffix('.pub').read_text()}")
    shop.git("config", "gpg.format", "ssh")
    shop.git("config", "gpg.ssh.allowedSignersFile", str(signers))
    shop.git("config", "user.signingKey", str(key))
    shop.git("config", "commit.gpgSign", "true")
    assert shop.release() == 0
    shop.git("verify-tag", "v0.1.0")
    shop.git("verify-commit", "HEAD")
    assert evidence.trailers(shop.path, "v0.1.0")["Lint-Closed"]


def test_a_project_with_neither_files_nor_changelog_gets_a_tag(tmp_path: Path) -> None:
    shop = Shop.new(tmp_path, files={}, changelog="")
    head = shop.head()
    assert shop.release() == 0
    assert shop.head() == head and shop.tags() == ["v0.1.0"]
    assert "Features:\n- A cart\n" in shop.tag("v0.1.0")
    assert shop.release(check=True) == 0


def test_where_the_branch_takes_pull_requests_only_nothing_is_committed(shop: Shop) -> None:
    """The version and its notes came in by one; what is left to do is the tag."""
    assert shop.release() == 0
    told = "# Changelog\n\n## Unreleased\n\n## 0.3.0 - 2026-11-25\n\n- As it was agreed.\n"
    said = {name: (shop.path / name).read_text() for name in HOLDERS}
    new = {name: text.replace("0.1.0", "0.3.0") for name, text in said.items()}
    head = shop.change("fix: prices", {**new, "CHANGELOG.md": told})
    shop.hook("update", '[ "${1#refs/heads/}" = "$1" ]')
    assert shop.release() == 0
    assert shop.head() == head and shop.tags() == ["v0.1.0", "v0.3.0"]
    assert "\n\n- As it was agreed.\n\nLint-Closed" in shop.tag("v0.3.0")
    assert shop.release(check=True) == 0


def test_a_changelog_that_git_ignores_is_not_written_over(shop: Shop, capsys: Said) -> None:
    shop.git("rm", "--quiet", "--cached", "CHANGELOG.md")
    shop.change("chore: tidy", {".gitignore": "CHANGELOG.md\n"})
    before = shop.state(), shop.refs()
    assert shop.release() == 2
    assert "CHANGELOG.md is there, but git doesn't have it" in capsys.readouterr().err
    assert (shop.state(), shop.refs()) == before


def test_a_changelog_begins_with_the_first_release(tmp_path: Path) -> None:
    shop = Shop.new(tmp_path)
    shop.git("rm", "--quiet", "CHANGELOG.md")
    shop.change("chore: tidy", {})
    assert shop.release() == 0
    shop.whole("v0.1.0")
    assert (shop.path / "CHANGELOG.md").read_text().startswith("# Changelog\n")
    assert LOG.splitlines()[2] in (shop.path / "CHANGELOG.md").read_text()


def test_a_project_in_a_directory_of_its_repository(tmp_path: Path) -> None:
    shop = Shop.new(tmp_path)
    for name in ("invoke.yaml", "pyproject.toml", "shop.py", "CHANGELOG.md"):
        (shop.path / "sub").mkdir(exist_ok=True)
        shop.git("mv", name, f"sub/{name}")
    shop.change("chore: move", {})
    below = Shop(tmp_path)
    below.path = shop.path / "sub"
    (below.path / ".circle").symlink_to(shop.path / ".circle")
    (shop.path / ".git/info/exclude").write_text("/tasks.py\n/tasks\n.circle\n")
    assert below.release() == 0
    assert shop.git("status", "--porcelain") == ""
    assert 'version = "0.1.0"' in (below.path / "pyproject.toml").read_text()
    assert shop.git("diff", "--name-only", "HEAD^", "HEAD").split() == [
        "sub/CHANGELOG.md",
        "sub/pyproject.toml",
        "sub/shop.py",
    ]
