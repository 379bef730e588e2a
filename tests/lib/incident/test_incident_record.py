from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.incident import record

PAGE = """---
environment: production
state: open
opened: 2026-11-25T21:00:00Z
---

# Checkout fails

## Follow-ups

- [x] done
- [ ] alert earlier
- [ ]
"""


def written(root: Path, name: str, text: str | bytes) -> Path:
    page = root / record.DIRECTORY / name
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_bytes(text.encode() if isinstance(text, str) else text)
    return page


def test_a_page_says_where_how_and_what_is_left(tmp_path: Path) -> None:
    assert record.every(tmp_path) == ()
    written(tmp_path, "2026-11-25-checkout-fails.md", PAGE)
    (found,) = record.every(tmp_path)
    assert found == record.Incident(
        "2026-11-25-checkout-fails",
        "production",
        "open",
        "2026-11-25T21:00:00Z",
        "Checkout fails",
        ("alert earlier",),
    )
    assert found.open


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(PAGE.replace("\n", "\r\n"), id="CRLF"),
        pytest.param("\ufeff" + PAGE, id="byte order mark"),
        pytest.param(PAGE.replace("production", "'production'  # ours"), id="quoted"),
        pytest.param(PAGE.replace(": ", ":    "), id="spaced"),
        pytest.param(PAGE.replace("state", "from: !!python/name:os.system x\nstate"), id="tag"),
        pytest.param(PAGE.replace("state", "from: {\nstate"), id="no YAML"),
        pytest.param(PAGE.replace("state", "? [a]\n: 3\nstate"), id="key that is no text"),
        pytest.param(PAGE.replace("---\n\n", "...\n\n"), id="other end"),
        pytest.param(PAGE.replace("state: open", "state: Open"), id="capital"),
        pytest.param(PAGE.replace("state: open\n", ""), id="no state"),
        pytest.param(PAGE.replace("- [ ] alert", "  1. [ ] alert"), id="numbered task"),
        pytest.param(PAGE + "\n```\n- [ ] a log's\n# x\n```\n<!-- - [ ] no -->\n", id="quotes"),
        pytest.param(PAGE + "\n```text\n- [ ] a fence that has no end\n", id="open fence"),
    ],
)
def test_a_page_is_read_however_it_was_edited(tmp_path: Path, text: str) -> None:
    found = record.read(written(tmp_path, "2026-11-25-a.md", text))
    assert (found.environment, found.state, found.title) == ("production", "open", "Checkout fails")
    assert found.opened == "2026-11-25T21:00:00Z" and found.follow_ups == ("alert earlier",)


CONFLICT = PAGE.replace(
    "state: open", "<<<<<<< HEAD\nstate: closed\n=======\nstate: open\n>>>>>>> b"
)


@pytest.mark.parametrize(
    ("text", "environment", "title"),
    [
        pytest.param("", "", "2026-11-25-a", id="empty"),
        pytest.param("# Only a title\n", "", "Only a title", id="no front matter"),
        pytest.param("---\nenvironment: production\n", "", "2026-11-25-a", id="torn"),
        pytest.param(b"\xff\xfe\x00---", "", "2026-11-25-a", id="no text"),
        pytest.param("---\n- a\n---\n# T\n", "", "T", id="a list"),
        pytest.param("---\nenvironment: [a]\n---\n# T\n", "", "T", id="no word"),
        pytest.param("---\n" + "[" * 9000 + "\n---\n# T\n", "", "T", id="deep"),
        pytest.param(CONFLICT, "production", "Checkout fails", id="a merge that isn't done"),
    ],
)
def test_what_cannot_be_read_is_not_closed(
    tmp_path: Path, text: str | bytes, environment: str, title: str
) -> None:
    written(tmp_path, "2026-11-25-a.md", text)
    (found,) = record.every(tmp_path)
    assert (found.environment, found.title) == (environment, title)
    assert found.open


def test_only_what_has_a_date_is_an_incident_and_the_newest_is_first(tmp_path: Path) -> None:
    for name in ("2026-11-24-z.md", "2026-11-25-b.md", "2026-11-25-a.md", "README.md"):
        written(tmp_path, name, PAGE)
    later = PAGE.replace("21:00", "22:00").replace("state: open", "state: closed")
    written(tmp_path, "2026-11-25-a.md", later)
    (tmp_path / record.DIRECTORY / "2026-11-25-a").mkdir()
    (tmp_path / record.DIRECTORY / "2026-11-26-dir.md").mkdir()
    (tmp_path / record.DIRECTORY / "2026-11-20-gone.md").symlink_to("nowhere")
    found = record.every(tmp_path)
    assert [each.name for each in found] == [
        "2026-11-25-a",
        "2026-11-25-b",
        "2026-11-24-z",
        "2026-11-20-gone",
    ]
    assert [each.open for each in found] == [False, True, True, True]
