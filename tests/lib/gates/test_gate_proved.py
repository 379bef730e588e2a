"""The gates `lint` and `test`: what proves of a commit that a phase closed for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib import journal, source
from tasks.lib.gates import ci, proved
from tasks.lib.gates.about import About, Answer
from tasks.lib.lint.settings import Lint
from tasks.lib.settings import Environment, Settings
from tests.support.authority import Authority
from tests.support.github import REPO, GitHub
from tests.support.github_served import known, serve
from tests.support.shop import LOG, Shop, identity

Patch = pytest.MonkeyPatch
STAGING = Environment(name="staging")


@pytest.fixture(autouse=True)
def somebody(monkeypatch: Patch, tmp_path: Path) -> None:
    identity(monkeypatch, tmp_path)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A clone of whose last commit nothing is known."""
    shop = Shop.new(tmp_path)
    shop.commit({"code.py": "new\n"})
    return shop


def asked(shop: Shop, *checks: str, version: str = "", phase: str = "lint") -> Answer:
    settings = Settings(lint=Lint(checks=checks))
    found = source.resolve(shop.path, version)
    gate = {"lint": proved.lint, "test": proved.test}[phase]
    return gate(About(settings, STAGING, found, shop.path))


def wrote(shop: Shop, outcome: str, **more: object) -> None:
    entry = {"phase": "lint", "outcome": outcome, "commit": shop.head(), **more}
    journal.append(entry, journal.where(shop.path))


def test_each_phase_by_itself(shop: Shop) -> None:
    shop.prove("lint")
    assert not asked(shop).refused and asked(shop).says.startswith("closed for ")
    assert asked(shop, phase="test").refused == (
        f"test has not closed for main ({shop.head()[:7]}): `inv test`."
    )


@pytest.mark.parametrize(
    "more", [{"dirty": True}, {"detail": {"partial": ["a.py"]}}], ids=["a changed tree", "a part"]
)
def test_what_saw_something_else_proves_nothing(shop: Shop, more: dict[str, object]) -> None:
    wrote(shop, "closed", **more)
    assert "lint has not closed" in asked(shop).refused


def test_the_newest_line_counts(shop: Shop) -> None:
    wrote(shop, "closed")
    wrote(shop, "troubled")
    assert "lint has not closed" in asked(shop).refused


def test_what_is_not_checked_out_has_to_be_first(shop: Shop) -> None:
    shop.git("tag", "v9")
    shop.commit({"code.py": "newer\n"})
    assert asked(shop, version="v9").refused.endswith("`git switch --detach v9`, then `inv lint`.")


def test_a_commit_that_only_names_a_version_has_the_proof_of_its_code(shop: Shop) -> None:
    code = shop.prove("lint")
    shop.commit({"CHANGELOG.md": f"{LOG}\n## [1.0.0]\n\n- A cart.\n"}, "chore: release")
    assert asked(shop).says.startswith(f"closed for {code[:7]}")
    shop.commit({"code.py": "newer\n"})
    assert asked(shop).refused


def test_a_tag_says_it_where_the_journal_is_elsewhere(shop: Shop) -> None:
    proof = f"Lint-Closed: {shop.head()} 2026-11-25T10:00:00Z"
    shop.git("tag", "--annotate", "v1.0.0", "--message", f"v1.0.0\n\n- A cart.\n\n{proof}")
    assert asked(shop).says == f"closed: {proof.partition(' ')[2]}, as v1.0.0 says"
    assert asked(shop, phase="test").refused
    wrote(shop, "troubled", at="2026-11-25T09:59:59.000Z")
    assert not asked(shop).refused, "it was mended elsewhere"
    wrote(shop, "troubled", at="2026-11-25T10:00:01.000Z")
    assert asked(shop).refused, "a failure takes back what closed before"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param({"a": ["success"], "b": ["success"]}, "", id="all passed"),
        pytest.param({"a": ["success"]}, "no check b ran", id="one is not there"),
        pytest.param({"c": ["success"]}, None, id="none is there"),
        pytest.param({}, None, id="nothing at all"),
        pytest.param({"a": ["success"], "b": ["in_progress"]}, "b says in progress", id="goes on"),
        pytest.param({"a": ["success"], "b": ["skipped"]}, "b says skipped", id="skipped is none"),
        pytest.param(
            {"a": ["success", "failure"], "b": ["success"]}, "a says failure", id="of two"
        ),
        pytest.param(
            {"a": ["failure"], "b": ["error"]}, "says failure and its check b says", id="both"
        ),
    ],
)
def test_all_checks_have_to_pass(found: dict[str, list[str]], said: str | None) -> None:
    told = ci.judged(found, ("a", "b"))
    assert told == said if not said else told is not None and said in told


@pytest.fixture
def hub(shop: Shop, tmp_path: Path, authority: Authority, monkeypatch: Patch) -> Iterator[GitHub]:
    """GitHub, which has the shop's commits."""
    if shutil.which("gh") is None:
        pytest.skip("needs: apt install gh")
    shop.git("push", "--quiet", "origin", "main")
    with serve(shop.remote.path, authority) as served:
        known(monkeypatch, served, authority, tmp_path / "gh")
        shop.git("remote", "set-url", "origin", served.url)
        yield served


def test_a_check_run_and_a_status_stand_for_it(shop: Shop, hub: GitHub) -> None:
    assert f"{hub.host} has no check style or types of it" in asked(shop, "style", "types").refused
    hub.check(shop.head(), "style")
    hub.statuses[shop.head()] = [{"context": "types", "state": "pending"}]
    assert "its check types says pending" in asked(shop, "style", "types").refused
    hub.statuses[shop.head()][0]["state"] = "success"
    assert asked(shop, "style", "types") == Answer(says=f"style and types passed on {hub.host}")
    assert asked(shop).refused  # where no check stands for it, none is asked for


def test_every_page_is_read_and_every_run_of_a_name(shop: Shop, hub: GitHub) -> None:
    hub.page = 2
    for name in ("a", "b", "c", "d", "style"):
        hub.check(shop.head(), name)
    assert not asked(shop, "style").refused
    hub.check(shop.head(), "style", "cancelled")
    assert "its check style says cancelled" in asked(shop, "style").refused


def test_checks_of_the_commit_whose_code_it_has_count(shop: Shop, hub: GitHub) -> None:
    hub.check(shop.head(), "style")
    shop.commit({"CHANGELOG.md": f"{LOG}\n## [1.0.0]\n\n- A cart.\n"}, "chore: release")
    assert not asked(shop, "style").refused  # it knows nothing of the newer, which isn't pushed
    shop.git("push", "--quiet", str(shop.remote.path), "main")
    hub.check(shop.head(), "style", "failure")
    assert "its check style says failure" in asked(shop, "style").refused


def test_a_github_that_can_not_be_asked_is_told(shop: Shop, hub: GitHub) -> None:
    hub.failing[("GET", f"{REPO}/commits/.*/check-runs")] = (503, "busy")
    assert "GitHub could not be asked: " in asked(shop, "style").refused
    shop.git("remote", "set-url", "origin", "../origin.git")
    assert "the remote origin is not on GitHub" in asked(shop, "style").refused
