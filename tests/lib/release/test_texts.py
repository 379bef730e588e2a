"""The files of a release as texts: version files, the changelog, the tag's message."""

from __future__ import annotations

import pytest

from tasks.lib.errors import Refused
from tasks.lib.release import changelog, files, notes

HOLDERS = [
    ("pyproject.toml", "", '[tool.x]\nversion = "9"\n[project]\nname = "a"\nversion = "@"\n'),
    ("pyproject.toml", "", "[tool.poetry]\nversion = '@'\n[tool.y]\nversion = '9'\n"),
    ("sub/Cargo.toml", "", '[package]\nversion = "@"\n\n[dependencies.x]\nversion = "9"\n'),
    ("package.json", "", '{\n  "name": "a",\n  "version": "@",\n  "x": {"version": "9"}\n}\n'),
    ("setup.cfg", "", "[metadata]\nversion = @\n"),
    ("VERSION", "", "@\n"),
    ("shop/__init__.py", "", '"""Shop."""\n\n__version__ = "@"\nversion_info = "9"\n'),
    ("version.py", "", "VERSION: str = '@'\n"),
    ("chart.yaml", "appVersion: {version}", "version: 9\nappVersion: @\n"),
    ("a.c", '#define V "{version}"', '#define V "@" // .*\n'),
]


@pytest.mark.parametrize(("path", "pattern", "text"), HOLDERS)
def test_a_version_in_its_file(path: str, pattern: str, text: str) -> None:
    before, after = text.replace("@", "1.2.3-rc.1"), text.replace("@", "1.10.0")
    assert files.read(path, pattern, before) == "1.2.3-rc.1"
    assert files.written(path, pattern, before, "1.10.0") == after
    assert files.masked(path, pattern, before) == files.masked(path, pattern, after)


@pytest.mark.parametrize(
    ("path", "pattern", "text"),
    [
        ("pyproject.toml", "", '[build-system]\nversion = "1"\n'),
        ("a.py", "", '__version__ = "1"\nVERSION = "1"\n'),
        ("package.json", "", '{"x": {"version": "1"}}'),
        ("a.txt", "v{version}", "v1 v2"),
    ],
)
def test_where_it_stands_nowhere_or_twice(path: str, pattern: str, text: str) -> None:
    with pytest.raises(Refused, match=f"{path} has .* say in invoke.yaml"):
        files.read(path, pattern, text)


LOG = "# Changelog\n\nAbout it.\n\n## [Unreleased]\n\n### Added\n\n- A.\n"
LOG += "\n## [1.0.0] - 2026-01-01\n\n- Z.\n"
MOVED = LOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n## [1.1.0] - 2026-11-25\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(LOG, MOVED, id="as it is kept"),
        pytest.param(
            "# C\n\n## Unreleased\n\n- A.\n",
            "# C\n\n## Unreleased\n\n## 1.1.0 - 2026-11-25\n\n- A.\n",
            id="no brackets",
        ),
        pytest.param(
            "# C\n\n## 1.0.0\n\n- Z.\n",
            "# C\n\n## Unreleased\n\n## 1.1.0 - 2026-11-25\n\n- N.\n\n## 1.0.0\n\n- Z.\n",
            id="nothing is unreleased",
        ),
        pytest.param(
            "", f"{changelog.NEW}\n## [1.1.0] - 2026-11-25\n\n- N.\n", id="there was none"
        ),
        pytest.param(
            f"{LOG}\n[Unreleased]: https://h/compare/v1.0.0...HEAD\n[1.0.0]: https://h/v1.0.0\n",
            f"{MOVED}\n[Unreleased]: https://h/compare/v1.1.0...HEAD\n"
            "[1.1.0]: https://h/compare/v1.0.0...v1.1.0\n[1.0.0]: https://h/v1.0.0\n",
            id="links",
        ),
    ],
)
def test_what_is_unreleased_moves_under_the_version(before: str, after: str) -> None:
    said = changelog.unreleased(before) or "- N."
    assert changelog.moved(before, "1.1.0", "2026-11-25", said) == after


VERBATIM = "```sh\n## no heading\n### nor this\n[nor]: this\n# nor\n```\n<!--\n## nor\n-->"


def test_code_and_comments_are_no_headings() -> None:
    text = LOG.replace("- A.", f"- A.\n\n{VERBATIM}\n\n### Fixed\n\n- B.")
    said = changelog.unreleased(text)
    assert said == f"### Added\n\n- A.\n\n{VERBATIM}\n\n### Fixed\n\n- B."
    assert changelog.merged([said]) == said
    moved = changelog.moved(text, "1.1.0", "2026-11-25", said)
    assert [part.name for part in changelog.sections(moved)] == ["Unreleased", "1.1.0", "1.0.0"]
    assert notes.message("1.1.0", said) == (
        f"Release version 1.1.0\n\nFeatures:\n- A.\n\n{VERBATIM}\n\nFixes:\n- B.\n"
    )


def test_notes_of_several_parts_are_one() -> None:
    parts = ["### Added\n\n- A.\n\n### Fixed\n\n- B.", "- C.", "### Added\n\n- D.\n"]
    assert changelog.merged(parts) == "### Added\n\n- A.\n- D.\n\n### Fixed\n\n- B.\n\n- C."


def test_a_tag_says_it_without_markdown() -> None:
    said = "### Added\n\n- A.\n  more\n\n### Security\n- S.\n\nAnd so on."
    assert notes.message("1.1.0", said) == (
        "Release version 1.1.0\n\nFeatures:\n- A.\n  more\n\nSecurity:\n- S.\n\nAnd so on.\n"
    )
