"""`inv release` where the remote is on GitHub: the review gate, what is published, and what becomes
of it when gh fails. git and gh are the real ones; see tests/support/github.py for who answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib import journal
from tests.support.authority import Authority
from tests.support.github import NAME, REPO, TOKEN, UPLOADS, GitHub
from tests.support.github_served import known, serve
from tests.support.shop import Shop, identity

pytestmark = pytest.mark.skipif(shutil.which("gh") is None, reason="gh is not installed")

Said = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def somebody(monkeypatch: Patch, tmp_path: Path) -> None:
    identity(monkeypatch, tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop.new(tmp_path)
    shop.remote.git("config", "http.receivepack", "true")
    return shop


@pytest.fixture
def hub(shop: Shop, tmp_path: Path, authority: Authority, monkeypatch: Patch) -> Iterator[GitHub]:
    """GitHub, which has the shop's remote."""
    with serve(shop.remote.path, authority) as served:
        known(monkeypatch, served, authority, tmp_path / "gh")
        shop.git("remote", "set-url", "origin", served.url)
        yield served


def setting(shop: Shop, message: str = "chore: settings", **release: object) -> None:
    """Configure how versions are released, and approve of it as well."""
    shop.configure(**release)
    shop.change(message, {"settings": message})


def built(shop: Shop) -> None:
    """Have what is attached lie where git does not look."""
    shop.write({"dist/.gitignore": "*\n", "dist/shop.whl": b"wheel"})


def approve(shop: Shop, hub: GitHub, *commits: str) -> None:
    """Have every commit, or those, come in by a pull request that joe approves of."""
    number = len(hub.pulls) + 1
    hub.pull(number, *(commits or shop.git("rev-list", "HEAD").split()))
    hub.review(number, "joe", "APPROVED")


def test_a_release_is_published(shop: Shop, hub: GitHub, capsys: Said) -> None:
    built(shop)
    setting(shop, review=True, attachments=["dist/*.whl"])
    approve(shop, hub)
    assert shop.release() == 0
    shop.whole("v0.1.0")
    address = f"https://{hub.host}/{NAME}/releases/tag/v0.1.0"
    assert f"On GitHub v0.1.0 is published: {address}\n" in capsys.readouterr().out
    release = hub.releases[1]
    assert release["body"] == "### Added\n\n- A cart.\n\n### Fixed\n\n- Prices."
    assert (release["name"], release["draft"], release["make_latest"]) == ("v0.1.0", False, "true")
    assert hub.attached() == {"shop.whl": b"wheel"}
    last = journal.read(journal.where(shop.path))[-1]
    assert last["detail"]["published"] == address
    assert shop.release(check=True) == 0


def test_again_it_leaves_what_somebody_edited(shop: Shop, hub: GitHub, capsys: Said) -> None:
    assert shop.release() == 0
    hub.releases[1]["body"] = "Better words"
    hub.asked.clear()
    assert shop.release() == 0
    assert hub.changes() == [] and hub.releases[1]["body"] == "Better words"
    assert publish(shop).returncode == 0
    assert hub.releases[1]["body"].startswith("### Added") and len(hub.releases) == 1


def publish(shop: Shop, *words: str) -> subprocess.CompletedProcess[str]:
    process = shop.start(*words, task="release.publish")
    said, _ = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, said)


def gh_with(path: Path, script: str) -> None:
    """Have in path/bin a gh that does something more when it has done what it was asked to."""
    file = path / "bin" / "gh"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\n{shutil.which("gh")} "$@" || exit\n{script}\n')
    file.chmod(0o755)


def shown(hub: GitHub) -> list[str]:
    """The releases that everybody sees."""
    return [each["tag_name"] for each in hub.releases.values() if not each["draft"]]


class TestReview:
    def test_every_change_has_to_be_approved(self, shop: Shop, hub: GitHub, capsys: Said) -> None:
        setting(shop, review=True)
        first, second = shop.git("rev-list", "--reverse", "HEAD").split()
        hub.pull(1, first)
        before, refs = shop.state(), shop.refs()
        assert shop.release() == 2
        said = capsys.readouterr().err
        assert f"{second[:7]} (chore: settings) belongs to no merged pull request" in said
        assert "#1 (Change 1) has no approving review" in said
        assert (shop.state(), shop.refs()) == (before, refs) and hub.changes() == []
        approve(shop, hub)
        assert shop.release() == 0

    def test_releases_need_none_and_what_is_new_does(self, shop: Shop, hub: GitHub) -> None:
        setting(shop, review=True)
        approve(shop, hub)
        assert shop.release(pre="rc") == 0
        shop.change("fix: new")
        assert shop.release() == 2
        approve(shop, hub, shop.head())
        assert shop.release() == 0

    def test_with_a_reason_it_goes_on(self, shop: Shop, hub: GitHub) -> None:
        setting(shop, review=True)
        assert shop.release(reviewed_by="jo") == 2
        assert shop.release(force="The shop is down") == 0
        assert "Forced: The shop is down" in shop.tag("v0.1.0")

    @pytest.mark.parametrize(
        ("variable", "value", "sentence"),
        [
            ("GH_ENTERPRISE_TOKEN", "", "gh has no login for localhost"),
            ("GH_ENTERPRISE_TOKEN", "another", "does not take this login"),
            ("SSL_CERT_FILE", "/dev/null", "certificate that is not trusted"),
        ],
    )
    def test_who_cannot_be_asked_has_not_approved(
        self,
        shop: Shop,
        hub: GitHub,
        monkeypatch: Patch,
        capsys: Said,
        variable: str,
        value: str,
        sentence: str,
    ) -> None:
        setting(shop, review=True)
        approve(shop, hub)
        monkeypatch.setenv(variable, value)
        assert shop.release() == 2
        said = capsys.readouterr().err
        assert sentence in said and "`gh auth" in said and "tags" not in shop.refs()


class TestKinds:
    def test_a_candidate_is_no_latest(self, shop: Shop, hub: GitHub) -> None:
        assert shop.release(pre="rc") == 0
        assert hub.releases[1]["prerelease"] and not hub.releases[1]["make_latest"]

    def test_a_draft_is_left_for_somebody(self, shop: Shop, hub: GitHub, capsys: Said) -> None:
        assert shop.release(draft=True) == 0
        assert hub.releases[1]["draft"] and hub.releases[1]["tag_name"] == "v0.1.0"
        assert "On GitHub v0.1.0 is a draft, which only its own people" in capsys.readouterr().out
        assert shop.release(check=True) == 1
        assert "v0.1.0 is only a draft" in capsys.readouterr().out
        assert shop.release(check=True, draft=True) == 0
        assert publish(shop).returncode == 0
        assert not hub.releases[1]["draft"] and len(hub.releases) == 1

    def test_an_attachment_that_is_not_there(self, shop: Shop, hub: GitHub, capsys: Said) -> None:
        setting(shop, attachments=["dist/*.whl"])
        refs = shop.refs()
        assert shop.release() == 2
        assert "no file fits dist/*.whl" in capsys.readouterr().err
        assert shop.refs() == refs and hub.changes() == []


class TestFailures:
    def test_without_gh_it_says_what_is_left_out(
        self, shop: Shop, hub: GitHub, monkeypatch: Patch, capsys: Said
    ) -> None:
        monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "")
        assert shop.release() == 0
        said = capsys.readouterr().out
        assert f"gh auth login --hostname {hub.host}" in said and "inv release.publish" in said
        assert shop.release(check=True) == 1
        shop.whole("v0.1.0")
        monkeypatch.setenv("GH_ENTERPRISE_TOKEN", TOKEN)
        assert publish(shop).returncode == 0
        assert shop.release(check=True) == 0

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("POST", "/releases$", 502), ("POST", "assets", 0), ("PATCH", "releases", 422)],
    )
    def test_what_fails_is_finished(
        self, shop: Shop, hub: GitHub, capsys: Said, method: str, path: str, status: int
    ) -> None:
        built(shop)
        setting(shop, attachments=["dist/*"])
        hub.failing[method, path] = (status, f"No, {TOKEN}")
        assert shop.release(json=True) == 1
        said = capsys.readouterr()
        assert "v0.1.0 is released, but not published" in said.err
        assert said.err.endswith("Next: inv release.publish --version=v0.1.0\n")
        assert json.loads(said.out)["error"]["kind"] == "publish"
        assert TOKEN not in said.out + said.err
        shop.whole("v0.1.0")
        assert not shown(hub), "nothing half is seen"
        hub.failing.clear()
        done = publish(shop, "--version=v0.1.0")
        assert done.returncode == 0, done.stdout
        assert len(hub.releases) == 1 and hub.attached() == {"shop.whl": b"wheel"}
        assert shop.release(check=True) == 0
        assert shop.tags() == ["v0.1.0"]

    @pytest.mark.parametrize("step", ["releases --method POST", "assets?name", "PATCH", "auth"])
    def test_killed_while_it_is_published(
        self, shop: Shop, hub: GitHub, tmp_path: Path, step: str
    ) -> None:
        """A gh that kills who called it, or for whom Ctrl-C comes, when it has done a step."""
        built(shop)
        setting(shop, attachments=["dist/*"])
        sent = "INT" if step == "auth" else "KILL"
        gh_with(tmp_path, f'case "$*" in *"{step}"*) kill -{sent} $PPID; esac')
        process = shop.start(PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
        said, _ = process.communicate(timeout=60)
        assert process.returncode == (130 if sent == "INT" else -signal.SIGKILL), said
        if sent == "INT":
            assert "Interrupted when v0.1.0 was released, but not published yet" in said
        assert hub.attached() == {"shop.whl": b"wheel"} if step == "PATCH" else not shown(hub)
        assert shop.release() == 0
        assert len(hub.releases) == 1 and shown(hub) and hub.attached() == {"shop.whl": b"wheel"}
        shop.whole("v0.1.0")

    def test_a_tag_that_nobody_has(self, shop: Shop, hub: GitHub) -> None:
        nothing = publish(shop)
        assert nothing.returncode == 2 and "Nothing is released yet" in nothing.stdout
        other = publish(shop, "--version=v3.0.0")
        assert other.returncode == 2 and "v3.0.0 is not in this clone" in other.stdout
        assert hub.changes() == []


def test_the_token_is_nowhere(shop: Shop, hub: GitHub, monkeypatch: Patch, tmp_path: Path) -> None:
    """Not in what is shown, not in the journal, and on no command line."""
    log = tmp_path / "words"
    gh_with(tmp_path, f'echo "$@" >>{log}')
    monkeypatch.setenv("GH_DEBUG", "api")
    shop.git("remote", "set-url", "origin", hub.url.replace("//", f"//jane:{TOKEN}@"))
    process = shop.start(PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert f"POST {REPO}/releases" in hub.changes() and UPLOADS not in str(hub.changes())
    kept = (shop.path / ".circle" / "journal.jsonl").read_text()
    assert TOKEN not in said + kept + log.read_text()
