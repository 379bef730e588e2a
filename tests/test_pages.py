"""Every page: where its links lead, and that what it says to type can be typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from invoke.exceptions import ParseError

import tasks
from tasks.lib.adopt import parts
from tasks.lib.circle.generated import HEAD, SAID
from tasks.lib.circle.markdown import anchor
from tasks.lib.git import Git
from tests.support import pages
from tests.support.pages import ROOT

EVERY = pages.every()
PATHS: dict[str, list[str]] = tasks.DEFAULTS["circle"]["paths"]


@pytest.mark.parametrize("page", EVERY, ids=pages.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in pages.links(page):
        if "://" in link:
            assert re.fullmatch(r"https://[\w.-]+(/[^\s]*)?", link), link
            continue
        place, _, named = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists() and target.is_relative_to(ROOT), link
        if named:
            assert named in pages.anchors(target), link


def test_a_page_that_is_adopted_leads_to_no_other() -> None:
    """What is generated is so there, too, and leads to what is there."""
    there = parts.read(Git(ROOT), "HEAD").keys() | {".env.example"}
    by_hand = (page for page in EVERY if SAID not in page.read_text()[:HEAD])
    for page in by_hand:
        for link in pages.links(page) if pages.name(page) in there else ():
            target = (page.parent / link.partition("#")[0]).resolve()
            assert "://" in link or link.startswith("#") or pages.name(target) in there, link


@pytest.mark.parametrize("page", EVERY, ids=pages.name)
def test_every_command_can_be_typed(page: Path) -> None:
    typed = {tuple(words) for line in pages.lines(page) for words in pages.typed(line)}
    for words in typed:
        pages.parse(words)
    for words in {tuple(words) for words in pages.mentioned(page)} - typed:
        try:
            pages.parse(words)
        except ParseError as error:  # a sentence may name a task without what it needs
            assert "required positional" in str(error), f"inv {' '.join(words)}: {error}"


@pytest.mark.parametrize("path", [path for path in PATHS if path != "circle"])
def test_the_guide_walks_each_path_as_it_is_configured(path: str) -> None:
    text = (ROOT / "docs/QUICK_USER_GUIDE.md").read_text()
    (part,) = re.findall(rf"^### {path.capitalize()}\n(.*?)^##", text, re.DOTALL | re.MULTILINE)
    typed = iter([words for line in part.splitlines() for words in pages.typed(_plain(line))])
    assert next(typed)[:2] == ["circle.run", f"--path={path}"]
    for step in PATHS[path]:
        name, *options = step.replace("?", "").split()
        assert any(words[0] == name and set(options) <= set(words) for words in typed), step


def _plain(line: str) -> str:
    """Return a line of a page where it is a command, as those of its blocks are."""
    return line if line.startswith("inv ") else ""


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("1. lint: syntax closure", "1-lint-syntax-closure"),
        ("inv deploy.status", "inv-deploystatus"),
        ("inv host --env=ENV", "inv-host---envenv"),
        ("What listens, and who gets to it", "what-listens-and-who-gets-to-it"),
        ("By the service itself, at /metrics", "by-the-service-itself-at-metrics"),
        ("error_ratio — bounds", "error_ratio--bounds"),
        ("Über uns", "über-uns"),
    ],
)
def test_anchors_are_those_of_github(heading: str, expected: str) -> None:
    assert anchor(heading) == expected


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        ("inv lint   # not `inv lint; inv`", [["lint"]]),
        ("PYTHON=python3.12 inv host --recreate", [["host", "--recreate"]]),
        ('cd x && .venv/bin/inv monitor.note "a b" | cat', [["monitor.note", "a b"]]),
        ("scripts/try", []),
    ],
)
def test_what_is_typed_is_found(line: str, calls: list[list[str]]) -> None:
    assert pages.typed(line) == calls


@pytest.mark.parametrize("words", [["lnit"], ["lint", "--nothing"], ["alert.explain"]])
def test_what_invoke_does_not_know_is_found(words: list[str]) -> None:
    with pytest.raises(ParseError):
        pages.parse(words)
