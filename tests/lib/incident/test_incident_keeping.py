"""Closing an incident, and its issue on GitHub, with the real gh (see tests/support/github.py)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.errors import Refused
from tasks.lib.incident import keeping, record
from tasks.lib.incident.command import Asked, carry_out
from tasks.lib.settings import Settings
from tests.lib.scratch import Scratch
from tests.support.authority import Authority
from tests.support.github import REPO, TOKEN, GitHub
from tests.support.github_served import known, serve

NAME = "2026-11-25-no-checkout"
PAGE = """---
environment: production
state: open
opened: '2026-11-25T21:00:00Z'
---

# No checkout \\| *now*

![Requests](2026-11-25-no-checkout/requests.svg)

## Cause

<!-- What made it happen. -->

## Follow-ups

- [ ]
"""

needs_gh = pytest.mark.skipif(shutil.which("gh") is None, reason="gh is not installed")


def written(root: Path, text: str = PAGE, name: str = NAME) -> Path:
    page = root / record.DIRECTORY / f"{name}.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_bytes(text.encode())
    return page


@pytest.fixture
def work(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "work")
    scratch.commit({"a": "b"})
    scratch.git("clone", "--quiet", "--bare", str(scratch.path), str(tmp_path / "shop.git"))
    return scratch


@pytest.fixture
def hub(
    work: Scratch, tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GitHub]:
    with serve(tmp_path / "shop.git", authority) as served:
        known(monkeypatch, served, authority, tmp_path / "gh")
        work.git("remote", "add", "origin", served.url)
        yield served


@needs_gh
def test_an_issue_has_the_page_and_the_page_its_address(work: Scratch, hub: GitHub) -> None:
    long = "## Cause\n\nA null, mail token=Xy7kQ2mP9vL4nB8s.\n\n````text\n" + "x\n" * 40_000
    page = written(work.path, PAGE.replace("## Cause\n", long))
    told = keeping.issue(work.path, Settings(), NAME)
    (issue,) = hub.issues
    assert told == {"incident": NAME, "issue": issue["html_url"], "opened": True}
    assert issue["title"] == "Incident: No checkout | *now*"
    assert f"`docs/incidents/{NAME}.md`" in issue["body"] and "A null" in issue["body"]
    assert "requests.svg" not in issue["body"] and "Xy7k" not in issue["body"]
    assert len(issue["body"]) < 65_536
    assert issue["body"].endswith("x\n````\n\nThe rest is in the page.")
    assert record.parted(page.read_text())[0]["issue"] == issue["html_url"]
    assert record.read(page).open
    again = carry_out(Settings(), work.path, Asked(issue=f"{NAME}.md"), lambda: "").document
    assert again == {**told, "opened": False} and len(hub.issues) == 1


@needs_gh
@pytest.mark.parametrize("status", [401, 403, 404, 410, 500])
def test_where_github_does_not_take_it_nothing_is_written(
    work: Scratch, hub: GitHub, status: int
) -> None:
    page = written(work.path)
    hub.failing["POST", f"{REPO}/issues"] = (status, "Issues are disabled")
    with pytest.raises(Refused, match=r"^No issue was opened: .*`gh ") as told:
        keeping.issue(work.path, Settings(), NAME)
    assert page.read_text() == PAGE and TOKEN not in str(told.value) + told.value.evidence


def test_without_github_it_says_so(work: Scratch) -> None:
    written(work.path)
    work.git("remote", "add", "origin", "/nowhere")
    with pytest.raises(Refused, match="The remote origin is not on GitHub"):
        keeping.issue(work.path, Settings(), NAME)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PAGE, id="as drafted"),
        pytest.param(PAGE.replace("## Cause\n\n", "## Root cause\n\n \n"), id="renamed"),
        pytest.param(PAGE.replace("## Cause", "## Why"), id="no heading"),
        pytest.param(PAGE.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(PAGE.replace("# No checkout", "# The cause\n\nDrafted"), id="in the title"),
        pytest.param(PAGE.replace("## Cause", "## Because\n\nx\n\n## Cause"), id="in a word"),
        pytest.param(
            PAGE.replace("## Cause", "```text\n## Cause\na log\n```\n\n## Cause"), id="in a log"
        ),
    ],
)
def test_it_is_closed_once_the_cause_is_written_down(tmp_path: Path, text: str) -> None:
    page = written(tmp_path, text)
    with pytest.raises(Refused, match="says nothing below `## Cause` yet"):
        keeping.close(tmp_path, NAME)
    assert page.read_bytes() == text.encode()


@pytest.mark.parametrize("log", ["<!-- a comment without its end", "# a heading", "```"])
@pytest.mark.parametrize("cause", ["A null.", "````text\n# why\n````"])
def test_what_the_log_has_hides_no_cause(tmp_path: Path, log: str, cause: str) -> None:
    text = PAGE.replace("## Cause\n", f"## Log\n\n````text\n{log}\n````\n\n## Cause\n\n{cause}\n")
    page = written(tmp_path, text)
    assert keeping.cause(page) == cause.replace("\n#", "\n #")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("state", ["state: open", "state:  'Open' # ours", "", "severity: 2"])
def test_closing_changes_nothing_but_the_state(tmp_path: Path, end: str, state: str) -> None:
    text = PAGE.replace("state: open\n", f"{state}\n" if state else "")
    text = text.replace("<!-- What made it happen. -->", "A null.\n\nstate: open").replace(
        "\n", end
    )
    page = written(tmp_path, text)
    assert keeping.close(tmp_path, f"docs/incidents/{NAME}.md")["closed"]
    after = page.read_bytes().decode()
    assert not record.read(page).open and after.count("\n") == after.count(end)
    assert after.partition("# No")[2] == text.partition("# No")[2]
    assert not keeping.close(tmp_path, NAME)["closed"] and page.read_bytes().decode() == after


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    written(tmp_path, name="2026-11-24-other").with_name(f"{NAME}.md").symlink_to("nowhere")
    with pytest.raises(Refused, match=r"can't be read \(No such file"):
        keeping.issue(tmp_path, Settings(), NAME)


def test_what_cannot_be_changed_is_said(tmp_path: Path) -> None:
    written(tmp_path, "# T\n\n## Cause\n\nA null.\n")
    with pytest.raises(Refused, match="does not begin with front matter"):
        keeping.close(tmp_path, NAME)
    page = written(tmp_path, PAGE.replace("<!-- What made it happen. -->", "A null."))
    page.write_bytes(page.read_bytes() + b"\xff")
    with pytest.raises(Refused, match="it is not UTF-8"):
        keeping.close(tmp_path, NAME)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(close=NAME, issue=True), "one after the other"),
        (Asked(close=NAME, title="x"), "leave them out"),
        (Asked(issue=NAME, since="1h"), "leave them out"),
        (Asked(close="nope"), "'nope' is no incident below docs/incidents; open are: 2026"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, asked: Asked, said: str) -> None:
    page = written(tmp_path)
    with pytest.raises(Refused, match=said):
        carry_out(Settings(), tmp_path, asked, lambda: "production")
    assert page.read_text() == PAGE


def test_a_time_that_is_too_short_names_no_option_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="give --since a time before now, from"):
        carry_out(Settings(), tmp_path, Asked(since="10s"), lambda: "sandbox")
