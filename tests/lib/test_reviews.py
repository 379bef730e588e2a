"""What nobody has approved of, with the real gh: see tests/support/github.py for who answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tasks.lib import reviews
from tasks.lib.errors import Refused
from tests.lib.scratch import Scratch
from tests.support.authority import Authority
from tests.support.github import GitHub
from tests.support.github_served import known, serve

pytestmark = pytest.mark.skipif(shutil.which("gh") is None, reason="gh is not installed")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A repository with v1.0.0, and three commits since."""
    path = tmp_path_factory.mktemp("reviewed")
    scratch = Scratch.new(path / "work")
    for number in range(4):
        scratch.commit({"code": str(number)}, f"Step {number}")
    scratch.git("tag", "--annotate", "--message=x", "v1.0.0", "HEAD~3")
    scratch.git("clone", "--quiet", "--bare", str(scratch.path), str(path / "shop.git"))
    return scratch


@pytest.fixture(scope="module")
def served(work: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with pytest.MonkeyPatch.context() as patch:
        with serve(work.path.parent / "shop.git", authority) as hub:
            known(patch, hub, authority, work.path.parent / "gh")
            yield hub


@pytest.fixture
def hub(served: GitHub) -> GitHub:
    served.pulls.clear()
    served.failing.clear()
    served.page = 100
    return served


def commit(work: Scratch, back: int = 0) -> str:
    return work.git("rev-parse", f"HEAD~{back}")


def found(work: Scratch, hub: GitHub, since: str = "HEAD~1") -> list[str]:
    return reviews.unreviewed(work.path, hub.repository, since, "HEAD")


NO = ["#1 (Change 1) has no approving review"]
CASES = [
    pytest.param("", NO, id="no review"),
    pytest.param("joe:APPROVED", [], id="approved"),
    pytest.param("joe:COMMENTED", NO, id="a comment"),
    pytest.param("jane:APPROVED", NO, id="by the author"),
    pytest.param("joe:APPROVED joe:CHANGES_REQUESTED", NO, id="taken back"),
    pytest.param("joe:APPROVED joe:DISMISSED", NO, id="dismissed"),
    pytest.param("joe:APPROVED joe:COMMENTED", [], id="a comment later"),
    pytest.param("joe:CHANGES_REQUESTED joe:APPROVED", [], id="approved in the end"),
    pytest.param("joe:APPROVED ann:CHANGES_REQUESTED", [], id="another one's objection"),
    pytest.param("joe:PENDING", NO, id="not sent yet"),
    pytest.param("joe:APPROVED:NONE", NO, id="by a stranger"),
    pytest.param("joe:APPROVED:CONTRIBUTOR", NO, id="by somebody from outside"),
    pytest.param("joe:APPROVED:COLLABORATOR", [], id="by a collaborator"),
]


@pytest.mark.parametrize(("given", "unreviewed"), CASES)
def test_what_an_approval_is(work: Scratch, hub: GitHub, given: str, unreviewed: list[str]) -> None:
    hub.pull(1, commit(work))
    for each in given.split():
        who, state, *place = each.split(":")
        hub.review(1, who, state, *place)
    assert found(work, hub) == unreviewed


def test_all_pages_are_read(work: Scratch, hub: GitHub) -> None:
    hub.pull(1, commit(work))
    hub.page = 2
    for state in ("APPROVED", "COMMENTED", "COMMENTED", "CHANGES_REQUESTED", "COMMENTED"):
        hub.review(1, "joe", state)
    assert found(work, hub) == NO


def test_accounts_that_are_gone(work: Scratch, hub: GitHub) -> None:
    hub.pull(1, commit(work), user=None)
    hub.review(1, "joe", "APPROVED")
    hub.pulls[1]["reviews"][0]["user"] = None
    assert found(work, hub) == NO
    hub.review(1, "joe", "APPROVED")
    assert found(work, hub) == []


def test_every_commit_since_and_nothing_before(work: Scratch, hub: GitHub) -> None:
    hub.pull(1, commit(work, 2), commit(work, 1))
    hub.pull(2, commit(work), merged_at=None)
    hub.pull(3, commit(work, 3))
    assert found(work, hub, "v1.0.0") == [
        f"{commit(work)[:7]} (Step 3) belongs to no merged pull request",
        *NO,
    ]
    assert found(work, hub, "")[2:] == ["#3 (Change 3) has no approving review"]
    assert found(work, hub, "HEAD") == []


def test_what_one_approved_pull_request_brought_needs_no_other(work: Scratch, hub: GitHub) -> None:
    hub.pull(1, commit(work))
    hub.pull(2, commit(work), commit(work, 1))
    hub.review(2, "joe", "APPROVED")
    assert found(work, hub, "HEAD~2") == []


def test_commits_that_need_none_and_those_that_github_has_not(work: Scratch, hub: GitHub) -> None:
    other = Scratch(work.path.parent / "other")
    work.git("clone", "--quiet", str(work.path), str(other.path))
    new = other.commit({"code": "5"}, "Not pushed")
    said = reviews.unreviewed(other.path, hub.repository, "HEAD~1", new)
    assert said == [f"{new[:7]} (Not pushed) belongs to no merged pull request"]
    span = (other.path, hub.repository, "HEAD~1", new)
    assert reviews.unreviewed(*span, lambda commit: commit == new) == []


def test_what_cannot_be_asked_is_not_approved(work: Scratch, hub: GitHub) -> None:
    hub.failing["GET", "pulls"] = (403, "You have exceeded a secondary rate limit")
    with pytest.raises(Refused, match="too many requests"):
        found(work, hub, "")
    hub.failing.clear()
    hub.pull(1, commit(work))
    hub.failing["GET", "reviews"] = (404, "Not Found")
    with pytest.raises(Refused, match="hides it from this login"):
        found(work, hub)
