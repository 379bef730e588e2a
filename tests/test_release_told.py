"""What `inv release` asks and tells its user: the editor, JSON, the configuration of git."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.shop import LOG, Shop

Said = pytest.CaptureFixture[str]


pytestmark = pytest.mark.usefixtures("somebody")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with something new since v0.1.0, of which the changelog says nothing yet."""
    return Shop.released(tmp_path)


def at_a_terminal(shop: Shop, editor: Path) -> tuple[int, str]:
    """Run it as at a terminal; exit code and all that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "invoke", "release"],
        cwd=shop.path,
        env={**os.environ, "GIT_EDITOR": f"'{editor}' --wait", "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                break  # the other side is closed
    os.close(ours)
    return process.wait(timeout=30), shown.decode()


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_notes_from_commits_go_through_the_editor(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "with space").mkdir()
    change = f'cat "$2" >"{tmp_path}/offered"; echo "- Better \\$(words)" >>"$2"'
    code, shown = at_a_terminal(shop, script(tmp_path / "with space" / "edit", change))
    assert code == 0, shown
    offered = (tmp_path / "offered").read_text()
    assert offered.startswith("<!-- Notes of v0.2.0") and "### Added\n\n- Wishes (#7)\n" in offered
    assert "Features:\n- Wishes (#7)\n- Better $(words)\n" in shop.tag("v0.2.0")
    text = (shop.path / "CHANGELOG.md").read_text()
    assert "- Better $(words)\n" in text and "<!--" not in text
    shop.whole("v0.2.0")


@pytest.mark.parametrize(
    ("change", "why"), [(': >"$2"', "no notes were left"), ("exit 3", "exit code 3")]
)
def test_without_notes_there_is_no_release(
    shop: Shop, tmp_path: Path, change: str, why: str
) -> None:
    before = shop.state(), shop.refs()
    code, shown = at_a_terminal(shop, script(tmp_path / "edit", change))
    assert code == 2 and "v0.2.0 is not released" in shown and why in shown
    assert (shop.state(), shop.refs()) == before


def test_one_document_of_json(shop: Shop, capsys: Said) -> None:
    capsys.readouterr()
    assert shop.release(json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outcome"] == "closed" and told["detail"]["version"] == "v0.2.0"
    assert told["detail"]["commit"] == shop.head()
    assert told["next"] == "inv deploy --env=sandbox --version=v0.2.0"
    assert shop.release(json=True, check=True) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "closed"


def test_a_signature_that_fails_changes_nothing(shop: Shop, capsys: Said) -> None:
    shop.git("config", "gpg.format", "ssh")
    shop.git("config", "user.signingKey", str(shop.path / "no-such-key"))
    before = shop.state(), shop.refs()
    assert shop.release() == 2
    assert "git is set up to sign and did not, and nothing has changed" in capsys.readouterr().err
    shop.git("config", "gpg.format", "openpgp")
    shop.git("config", "gpg.program", "false")
    assert shop.release() == 2
    assert "git tag failed (exit code 128), and nothing has changed" in capsys.readouterr().err
    assert (shop.state()["shop.py"], shop.refs()) == (before[0]["shop.py"], before[1])
    assert shop.tags() == ["v0.1.0"]
    shop.git("config", "tag.gpgSign", "false")
    assert shop.release() == 0


def test_a_cliff_toml_of_the_project_is_followed(shop: Shop) -> None:
    parsers = 'commit_parsers = [{ message = ".*", group = "<!-- 0 -->Everything" }]'
    own = f"[git]\n{parsers}\n[bump]\nfeatures_always_bump_minor = false\n"
    shop.change("chore: cliff", {"cliff.toml": own})
    assert shop.release() == 0
    shop.whole("v0.1.1")
    assert "Everything:\n- Wishes (#7)\n- Cliff\n" in shop.tag("v0.1.1")


def test_a_cliff_toml_that_is_wrong_is_named(shop: Shop, capsys: Said) -> None:
    shop.change("chore: cliff", {"cliff.toml": "[git"})
    assert shop.release() == 2
    assert "correct cliff.toml" in capsys.readouterr().err


def test_line_ends_are_what_git_makes_of_them(shop: Shop) -> None:
    shop.commit({".gitattributes": "* text eol=crlf\n"}, "chore: line ends")
    shop.git("rm", "--quiet", "--cached", "-r", ".")
    shop.git("reset", "--quiet", "--hard")
    shop.change("fix: y", {".keep": ""})
    assert shop.release() == 0
    assert shop.git("status", "--porcelain") == ""
    assert b"## [0.2.0]" in (shop.path / "CHANGELOG.md").read_bytes()
    assert LOG.encode().replace(b"\n", b"\r\n") in (shop.path / "CHANGELOG.md").read_bytes()
    assert b"\r" not in shop.git("cat-file", "blob", "HEAD:CHANGELOG.md").encode()


def test_a_changelog_from_windows_stays_one(shop: Shop) -> None:
    text = f"{LOG}\n### Added\n\n- Wörds.\n".replace("\n", "\r\n").encode()
    shop.change("feat: words", {"CHANGELOG.md": text})
    assert shop.release() == 0
    assert "Features:\n- Wörds.\n\n" in shop.tag("v0.2.0") and "\r" not in shop.tag("v0.2.0")
    made = (shop.path / "CHANGELOG.md").read_bytes()
    assert made.count(b"\r\n") == made.count(b"\n") and b"\r\r" not in made


@pytest.mark.parametrize("prefix", ["", "shop-"])
def test_another_prefix(tmp_path: Path, prefix: str) -> None:
    shop = Shop.new(tmp_path / "another", prefix=prefix)
    assert shop.release(version=f"{prefix}1.0.0") == 0
    shop.change("feat: wishes")
    assert shop.release() == 0
    assert shop.tags() == [f"{prefix}1.0.0", f"{prefix}1.1.0"]
    assert "## [1.1.0] - " in (shop.path / "CHANGELOG.md").read_text()


def test_a_tag_and_a_branch_of_one_name(shop: Shop) -> None:
    shop.git("push", "--quiet", "origin", "HEAD:refs/tags/main")
    shop.git("fetch", "--quiet", "--tags")
    shop.git("branch", "v0.2.0", "HEAD")
    assert shop.release() == 0
    assert shop.git("rev-parse", "refs/tags/v0.2.0^{}") == shop.head()


def test_where_all_is_said_the_commits_need_not_be_read(tmp_path: Path, capsys: Said) -> None:
    """git-cliff can't read every repository (SHA-256), nor with every cliff.toml."""
    shop = Shop.new(tmp_path / "other", files={})
    shop.change("chore: cliff", {"cliff.toml": "[git"})
    assert shop.release() == 2
    assert "go without, `inv release --version=vX.Y.Z`" in capsys.readouterr().err
    assert shop.release(version="v0.1.0") == 0
