"""Every alert has a page that says what to do, and what it says to type can be typed."""

from __future__ import annotations

import copy
import re
import shlex
from pathlib import Path

import pytest
from invoke.parser import Parser

import tasks
from tests.support.observed import ROOT
from tests.test_rules import rules

PAGES = sorted((ROOT / "docs/alerts").glob("*.md"))
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def commands(page: Path) -> list[str]:
    """Return what is in a page's blocks of commands."""
    blocks = re.findall(r"^ *```bash\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_alerts_and_pages_are_the_same() -> None:
    assert {page.stem for page in PAGES} == rules("alert").keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_has_all_parts_and_a_command(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    severity = rules("alert")[page.stem]["labels"]["severity"]
    assert re.search(r"^\*(\w+)", text, re.MULTILINE)[1].lower() == severity  # type: ignore[index]
    assert any(command.startswith("inv ") for command in commands(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_its_commands_can_be_typed(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command)
        if words[0] == "inv":
            # A task or an option that isn't there is an error of the parser. (Invoke empties `help`
            # as it reads it, which is others' too.)
            contexts = copy.deepcopy(tasks.ns).to_contexts()
            (found,) = Parser(contexts=contexts).parse_argv(words[1:])
            needed = [arg.name for arg in found.positional_args if arg.value is None]
            assert not needed, f"{command} needs {needed}"
        else:
            assert (words[0], Path(words[1]).parts[0]) == ("ls", "prometheus"), command


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
