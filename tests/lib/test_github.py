"""The release on GitHub, with the real gh: see tests/support/github.py for who answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.lib import github
from tasks.lib.errors import Refused
from tasks.lib.gh import Gh, hidden
from tasks.lib.github import Draft, Release
from tests.lib.scratch import Scratch
from tests.support.authority import Authority
from tests.support.github import NAME, REPO, TOKEN, UPLOADS, GitHub
from tests.support.github_served import known, serve

pytestmark = pytest.mark.skipif(shutil.which("gh") is None, reason="gh is not installed")

Patch = pytest.MonkeyPatch


@pytest.fixture
def work(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "work")
    scratch.commit({"dist/shop.tar.gz": "shop", "dist/shop.whl": b"\0wheel\xff", ".env": "X=1"})
    for tag in ("v1.0.0", "v1.1.0"):
        scratch.git("tag", "--annotate", "--message=x", tag)
    scratch.git("clone", "--quiet", "--bare", str(scratch.path), str(tmp_path / "shop.git"))
    return scratch


@pytest.fixture
def hub(
    work: Scratch, tmp_path: Path, authority: Authority, monkeypatch: Patch
) -> Iterator[GitHub]:
    with serve(tmp_path / "shop.git", authority) as served:
        known(monkeypatch, served, authority, tmp_path / "gh")
        work.git("remote", "add", "origin", served.url)
        yield served


DRAFT = Draft("v1.0.0", "v1.0.0", "### Added\n\n- A cart.", attachments=("dist/*",))
FILES = {"shop.tar.gz": b"shop", "shop.whl": b"\0wheel\xff"}


def publish(work: Scratch, hub: GitHub, draft: Draft = DRAFT) -> Release:
    return github.publish(work.path, hub.repository, draft)


def test_a_new_release_is_shown_when_it_is_whole(work: Scratch, hub: GitHub) -> None:
    assert publish(work, hub).html_url == f"https://{hub.host}/{NAME}/releases/tag/v1.0.0"
    assert hub.changes() == [
        f"POST {REPO}/releases",
        f"POST {UPLOADS}/1/assets",
        f"POST {UPLOADS}/1/assets",
        f"PATCH {REPO}/releases/1",
    ]
    release = hub.releases[1]
    assert (release["tag_name"], release["name"], release["body"]) == DRAFT[:3]
    assert (release["draft"], release["prerelease"]) == (False, False)
    assert release["make_latest"] == "true"
    assert hub.attached() == FILES
    assert github.lacking(work.path, hub.repository, "v1.0.0") == ""


def test_what_is_as_it_should_be_is_left_alone(work: Scratch, hub: GitHub) -> None:
    shown = publish(work, hub)
    hub.asked.clear()
    assert publish(work, hub) == shown
    assert hub.changes() == []


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"draft": True}, {"draft": True}),
        ({"prerelease": True}, {"draft": False, "prerelease": True}),
        ({"latest": False}, {"draft": False, "make_latest": "false"}),
    ],
)
def test_kinds(work: Scratch, hub: GitHub, said: dict[str, Any], sent: dict[str, Any]) -> None:
    publish(work, hub, DRAFT._replace(attachments=(), **said))
    assert {name: hub.releases[1][name] for name in sent} == sent
    assert ("make_latest" in sent) == bool(hub.releases[1]["make_latest"])


def test_what_is_published_stays_so(work: Scratch, hub: GitHub) -> None:
    publish(work, hub)
    publish(work, hub, DRAFT._replace(draft=True))
    assert hub.releases[1]["draft"] is False


def test_a_draft_is_found_among_many_and_published(work: Scratch, hub: GitHub) -> None:
    for number in range(1, 4):
        hub.release(f"v0.{number}.0")
    hub.release("v1.0.0", draft=True, body=None)
    hub.page = 2
    for number in range(4, 9):
        hub.release(f"v0.{number}.0")
    assert github.lacking(work.path, hub.repository, "v1.0.0") == (
        f"v1.0.0 is only a draft on {hub.host}"
    )
    assert github.lacking(work.path, hub.repository, "v1.0.0", draft=True) == ""
    assert github.published(work.path, hub.repository, "v1.0.0") is None
    publish(work, hub)
    assert len(hub.releases) == 9 and hub.releases[4]["draft"] is False
    assert github.published(work.path, hub.repository, "v1.0.0")


OLDER = [(False, "another"), (False, "as it is")]
NEWER = [(True, was) for was in ("starter", "shorter", "another", "as it is")]


@pytest.mark.parametrize(("digests", "was"), OLDER + NEWER)
def test_attachments_are_mended(work: Scratch, hub: GitHub, digests: bool, was: str) -> None:
    hub.digests = digests
    hub.release("v1.0.0", name="v1.0.0", body="### Added\r\n\r\n- A cart.\r\n")
    content = {"shorter": b"sho", "another": b"shoo"}.get(was, b"shop")
    state = "starter" if was == "starter" else "uploaded"
    hub.attach(1, "shop.tar.gz", content, state=state)
    hub.attach(1, "by-hand.txt", b"kept")
    if was == "starter":
        lacking = github.lacking(work.path, hub.repository, "v1.0.0")
        assert lacking == f"of v1.0.0 shop.tar.gz did not arrive whole on {hub.host}"
    publish(work, hub)
    assert hub.attached() == {**FILES, "by-hand.txt": b"kept"}
    assert (f"DELETE {REPO}/releases/assets/1" in hub.changes()) == (was != "as it is")
    assert f"PATCH {REPO}/releases/1" not in hub.changes(), "line ends are no difference"


def test_cut_off_it_stays_a_draft_and_is_finished(work: Scratch, hub: GitHub) -> None:
    hub.failing["POST", "shop/releases/1/assets"] = (0, "")
    with pytest.raises(Refused, match=r"could not be reached \(EOF\)"):
        publish(work, hub)
    assert hub.releases[1]["draft"]
    hub.failing.clear()
    publish(work, hub)
    assert len(hub.releases) == 1 and not hub.releases[1]["draft"]
    assert hub.attached() == FILES


def test_who_may_not_write_is_told_so(work: Scratch, hub: GitHub) -> None:
    """To them GitHub says that there is nothing to write to."""
    hub.failing["POST", "releases"] = (404, "Not Found")
    with pytest.raises(Refused, match="gh auth refresh"):
        publish(work, hub)


@pytest.mark.parametrize("there", ["", "moved"])
def test_no_release_of_another_tag(work: Scratch, hub: GitHub, there: str) -> None:
    bare = Scratch(hub.bare)
    bare.git("tag", "--delete", "v1.0.0")
    if there:
        bare.git("tag", "v1.0.0", "main")
    with pytest.raises(Refused, match="another tag" if there else "no tag v1.0.0"):
        publish(work, hub)
    assert hub.changes() == []


class TestAttachments:
    def refused(self, work: Scratch, *patterns: str) -> str:
        with pytest.raises(Refused) as refused:
            github.attachments(work.path, patterns)
        return str(refused.value)

    def test_globs(self, work: Scratch) -> None:
        names = [file.name for file in github.attachments(work.path, ["dist/*", "**/*.whl"])]
        assert names == ["shop.tar.gz", "shop.whl"]
        assert ".env" not in {file.name for file in github.attachments(work.path, ["**"])}

    def test_one_that_fits_nothing(self, work: Scratch, hub: GitHub) -> None:
        assert self.refused(work, "dist/*", "dist/*.zip") == "no file fits dist/*.zip"
        assert self.refused(work, "dist") == "no file fits dist"
        with pytest.raises(Refused):
            publish(work, hub, DRAFT._replace(attachments=("*.zip",)))
        assert hub.asked == []

    @pytest.mark.parametrize("name", ["a b.txt", "a#b.txt", ".a", "a.", "ä.txt"])
    def test_names_that_would_be_changed(self, work: Scratch, name: str) -> None:
        work.write({f"odd/{name}": ""})
        assert "would rename" in self.refused(work, f"odd/{name}")

    def test_two_of_one_name(self, work: Scratch) -> None:
        work.write({"other/shop.whl": ""})
        assert "two files are called shop.whl" == self.refused(work, "*/shop.whl")


FAILURES = [
    pytest.param(403, "API rate limit exceeded for user ID 1.", "limit", "rate_limit", id="limit"),
    pytest.param(429, "Slow down", "limit", "wait", id="too many"),
    pytest.param(401, "Bad credentials", "login", "gh auth login --hostname", id="login"),
    pytest.param(403, "Resource not accessible", "denied", "gh auth refresh", id="denied"),
    pytest.param(404, "Not Found", "absent", "gh repo view localhost", id="absent"),
    pytest.param(422, "Validation Failed", "refused", "Validation Failed", id="refused"),
    pytest.param(502, "Bad Gateway", "trouble", "HTTP 502", id="trouble"),
    pytest.param(0, "", "network", "could not be reached (EOF)", id="cut off"),
]


@pytest.mark.parametrize(("status", "message", "kind", "words"), FAILURES)
def test_failures_are_one_clause(
    work: Scratch, hub: GitHub, status: int, message: str, kind: str, words: str
) -> None:
    hub.failing["GET", "."] = (status, f"{message} ({TOKEN})")
    with pytest.raises(Refused) as refused:
        github.lacking(work.path, hub.repository, "v1.0.0")
    said = str(refused.value)
    assert refused.value.kind == kind and words in said and "`gh " in said and "\n" not in said
    assert TOKEN not in said + refused.value.evidence


@pytest.mark.parametrize(
    "answer", [b"<html>", b"", b"null", b"{}", b"[{]", b'{"id": "x"}', b"\xff"]
)
def test_what_github_would_never_answer(work: Scratch, hub: GitHub, answer: bytes) -> None:
    """As from a proxy, or a portal that wants a login first."""
    hub.failing["GET", "."] = (200, answer)
    with pytest.raises(Refused, match="answers what GitHub does not"):
        github.lacking(work.path, hub.repository, "v1.0.0")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("GH_ENTERPRISE_TOKEN", "another", "does not take this login"),
        ("SSL_CERT_FILE", "/dev/null", "certificate that is not trusted"),
    ],
)
def test_what_is_not_set_up(
    work: Scratch, hub: GitHub, monkeypatch: Patch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Refused, match=words):
        publish(work, hub)


def test_nobody_is_there(work: Scratch, hub: GitHub) -> None:
    for host in ("localhost:1", "nobody.invalid"):
        with pytest.raises(Refused, match="could not be reached"):
            github.lacking(work.path, f"{host}/{NAME}", "v1.0.0")


def test_missing(work: Scratch, hub: GitHub, monkeypatch: Patch, tmp_path: Path) -> None:
    assert github.missing(work.path, hub.repository) == ""
    assert github.missing(work.path, f"github.com/{NAME}") == (
        "gh has no login for github.com: `gh auth login --hostname github.com`"
    )
    assert hub.asked == [], "what has a login is not asked whether it is good"
    old = tmp_path / "bin" / "gh"
    old.parent.mkdir()
    old.write_text('#!/bin/sh\necho "unknown command \\"token\\" for \\"gh auth\\"" >&2; exit 1\n')
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:/bin")
    assert "gh is too old" in github.missing(work.path, hub.repository)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "gh is not installed" in github.missing(work.path, hub.repository)
    with pytest.raises(Refused, match="gh is not installed"):
        Gh(work.path, hub.repository).content("releases")


def test_variables_of_gh_do_not_lead_it_astray(
    work: Scratch, hub: GitHub, monkeypatch: Patch
) -> None:
    for name, value in {"GH_REPO": "else/where", "GH_DEBUG": "api", "GH_FORCE_TTY": "1"}.items():
        monkeypatch.setenv(name, value)
    hub.failing["POST", "."] = (422, "no")
    with pytest.raises(Refused) as refused:
        publish(work, hub)
    assert "> POST" not in refused.value.evidence and "Authorization" not in refused.value.evidence


def test_tokens_are_hidden(monkeypatch: Patch) -> None:
    monkeypatch.setenv("GH_TOKEN", "hush-hush")
    assert hidden(f"a hush-hush, a {TOKEN}, github_pat_11A_b") == "a …, a …, …"
