"""The gate `incident`, and what `--fixes` may name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.errors import Refused
from tasks.lib.gates import incident
from tasks.lib.gates.about import About
from tasks.lib.settings import Environment, Settings
from tasks.lib.source import Source

ONE, TWO, THERE, OVER = "2026-11-01-one", "2026-11-02-two", "2026-11-03-there", "2026-11-04-over"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two incidents are open here, one elsewhere, and one is over."""
    (tmp_path / "docs" / "incidents").mkdir(parents=True)
    for name, environment, state in (
        (ONE, "production", "open"),
        (TWO, "production", "open"),
        (THERE, "staging", "open"),
        (OVER, "production", "closed"),
    ):
        head = f"---\nenvironment: {environment}\nstate: {state}\n---\n\n# About {name}\n"
        (tmp_path / "docs" / "incidents" / f"{name}.md").write_text(head)
    return tmp_path


def refused(root: Path, fixes: str = "", environment: str = "production") -> str:
    nothing = Source("v1", "0" * 40, "0" * 40, True, (), "")
    own = Environment(name=environment)
    about = About(Settings(), own, nothing, root, incident.parse(fixes, root))
    return incident.incident(about).refused


def test_each_that_is_open_has_to_be_named(root: Path) -> None:
    told = refused(root)
    assert f"incidents are open on production, {TWO} (About {TWO}), {ONE} (About {ONE})" in told
    assert f"`inv deploy --env=production --fixes={TWO},{ONE}`" in told and OVER not in told
    assert f"an incident is open on production, {TWO} (" in refused(root, ONE)
    assert refused(root, f"{ONE}, {TWO}") == ""


def test_those_of_other_environments_do_not_count(root: Path) -> None:
    assert THERE in refused(root, environment="staging")
    assert refused(root, environment="sandbox") == ""
    assert refused(root, f"{ONE},{TWO},{THERE}") == ""  # what mends more goes everywhere


def test_one_that_does_not_say_where_it_is_counts_everywhere(root: Path) -> None:
    page = root / "docs" / "incidents" / f"{THERE}.md"
    page.write_text(f"<<<<<<< HEAD\n{page.read_text()}")
    told = refused(root, environment="canary")
    assert f"{THERE} (About {THERE}; its page names no environment)" in told
    assert refused(root, THERE, "canary") == ""


@pytest.mark.parametrize(
    ("fixes", "said"),
    [
        pytest.param("2026-11-01-on", "is no incident below docs/incidents", id="mistyped"),
        pytest.param(f"{ONE},../x", "'../x' is no incident", id="a path"),
        pytest.param(OVER, "is closed already", id="closed"),
    ],
)
def test_what_is_not_open_is_not_mended(root: Path, fixes: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refusal:
        incident.parse(fixes, root)
    assert refusal.value.code == 2 and f"open are: {THERE}, {TWO}, {ONE}." in str(refusal.value)


def test_without_any_nothing_is_asked(tmp_path: Path) -> None:
    assert refused(tmp_path) == ""
    assert incident.parse(" , ", tmp_path) == ()
