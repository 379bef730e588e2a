"""Every alert has a page that says what to do, and what it says to type can be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import pages
from tests.support.observed import ROOT
from tests.test_rules import rules

PAGES = sorted((ROOT / "docs/alerts").glob("*.md"))
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def test_alerts_and_pages_are_the_same() -> None:
    assert {page.stem for page in PAGES} == rules("alert").keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_has_all_parts_and_a_command(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    severity = rules("alert")[page.stem]["labels"]["severity"]
    assert re.search(r"^\*(\w+)", text, re.MULTILINE)[1].lower() == severity  # type: ignore[index]
    assert any(command.startswith("inv ") for command in pages.lines(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_what_else_is_typed_is_a_look_at_files(page: Path) -> None:
    """Its calls of `inv` are looked at with those of every page."""
    for line in pages.lines(page):
        if not pages.typed(line):
            words = shlex.split(line)
            assert (words[0], Path(words[1]).parts[0]) == ("ls", "prometheus"), line


def test_the_pages_name_alerts_that_there_are() -> None:
    for page in PAGES:
        named = re.findall(r"\balert\.(?:ack|explain) (\w+)", page.read_text())
        assert set(named) <= rules("alert").keys()


def test_the_thresholds_of_the_pages_are_those_of_the_rules() -> None:
    every = rules("alert")
    assert every["HighErrorRate"]["expr"].endswith("> 0.01")
    assert "More than 1%" in (ROOT / "docs/alerts/HighErrorRate.md").read_text()
    assert every["HighLatency"]["expr"].endswith("> 1")
    assert "longer than a second" in (ROOT / "docs/alerts/HighLatency.md").read_text()
