"""Every block of commands that a page marks runnable, run as it stands there.

A block is marked by the second word of its first line: ```sh runnable, or ```sh runnable exit=1.
The blocks of a page run one after the other, each where the last one ended, so that a page can
tell a story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import pages
from tests.support.newcomer import Newcomer
from tests.support.pages import Block
from tests.support.shop import identity

pytestmark = pytest.mark.slow
RUNNABLE = [
    (page, block)
    for page in pages.every()
    for block in pages.blocks(page)
    if block.code is not None
]
Told = Callable[[Path], Newcomer]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A newcomer for each page, who has nothing but a repository; gone at the end."""
    home = tmp_path_factory.mktemp("newcomers")
    made: dict[Path, Newcomer] = {}

    def of(page: Path) -> Newcomer:
        if page not in made:
            begins = home / f"{page.stem} {len(made)}"
            begins.mkdir()
            made[page] = Newcomer(begins)
        return made[page]

    with pytest.MonkeyPatch.context() as patch:
        identity(patch, home)
        patch.delenv("PYTEST_ADDOPTS", raising=False)
        yield of
        for each in made.values():
            each.leave()


@pytest.mark.parametrize(
    ("page", "block"),
    RUNNABLE,
    ids=[f"{pages.name(page)}:{block.line}" for page, block in RUNNABLE],
)
def test_a_block_ends_as_it_says(page: Path, block: Block, told: Told) -> None:
    done = told(page).type(block.text)
    assert done.returncode == block.code, f"{pages.name(page)}:{block.line}\n{done.stdout}"


def test_there_are_some() -> None:
    assert {pages.name(page) for page, _ in RUNNABLE} >= {"README.md", "docs/QUICK_USER_GUIDE.md"}
    lines = [line for page in pages.every() for line in pages.lines(page, runnable=True)]
    typed = [call for line in lines for call in pages.typed(line)]
    assert {"lint", "test", "release", "deploy", "rollback"} <= {words[0] for words in typed}
