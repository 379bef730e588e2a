"""The README against the phases and files it speaks of; test_pages has its links and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_tasks import CIRCLE, phase_of

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| `inv (\w+)` \| (.+?) \| (.+?) \|$", README, re.MULTILINE)


def test_the_table_has_every_phase_in_its_order() -> None:
    assert [name for _, name, _, _ in ROWS] == list(CIRCLE)


@pytest.mark.parametrize(("number", "name", "closure", "state"), ROWS)
def test_a_row_says_what_the_phase_declares(
    number: str, name: str, closure: str, state: str
) -> None:
    declared = phase_of(name)
    assert (int(number), closure) == (declared.number, declared.closure)


@pytest.mark.parametrize(
    "place", sorted(set(re.findall(r"(?:scripts|tests|tasks|docs|server)/[\w/.-]*\w", README)))
)
def test_each_file_that_is_named_exists(place: str) -> None:
    assert (ROOT / place).exists()


def test_no_figure_is_left_out() -> None:
    assert "@@" not in README
