"""Which version is next: a table."""

from __future__ import annotations

from typing import Any

import pytest
from semver import Version

from tasks.lib.errors import Refused
from tasks.lib.release import version
from tasks.lib.release.version import Asked, Known


def known(released: str = "", written: str = "", suggested: str = "v0.1.0") -> Known:
    tags = released.split()
    return Known(
        tuple(Version.parse(tag[1:]) for tag in tags),
        dict.fromkeys(tags, "here"),
        {"pyproject.toml": Version.parse(written)} if written else {},
        suggested,
    )


def row(asked: Asked, about: Known, expected: str, name: str) -> Any:
    return pytest.param(asked, about, expected, id=name)


@pytest.mark.parametrize(
    ("asked", "about", "expected"),
    [
        row(Asked(), known(), "0.1.0", "the first"),
        row(Asked(), known(written="0.3.0"), "0.3.0", "the first, as the file says"),
        row(Asked(), known(written="0.3.0-dev"), "0.3.0", "what is developed is released"),
        row(Asked(), known(written="0.0.0"), "0.1.0", "a file that waits for the first"),
        row(Asked(bump="minor"), known(written="0.3.0"), "0.4.0", "raised from the file"),
        row(Asked(bump="major"), known(), "1.0.0", "raised from nothing"),
        row(Asked(pre="rc"), known(written="0.3.0"), "0.3.0-rc.1", "a candidate of the first"),
        row(Asked(), known("v1.2.3", suggested="v1.3.0"), "1.3.0", "what the commits say"),
        row(Asked(bump="patch"), known("v1.2.3"), "1.2.4", "patch"),
        row(Asked(bump="minor"), known("v1.9.3"), "1.10.0", "minor, by number"),
        row(Asked(bump="major"), known("v9.9.9"), "10.0.0", "major"),
        row(Asked(bump="patch"), known("v1.9.0 v1.10.0"), "1.10.1", "from the highest"),
        row(Asked(version="v2.0.0"), known("v1.2.3"), "2.0.0", "named, with its prefix"),
        row(Asked(version="2.0.0-rc.1"), known("v1.2.3"), "2.0.0-rc.1", "a candidate named"),
        row(
            Asked(pre="rc"),
            known("v1.2.3 v1.3.0-rc.9", suggested="v1.3.0"),
            "1.3.0-rc.10",
            "the next candidate, by number",
        ),
        row(
            Asked(pre="rc"),
            known("v1.2.3 v1.3.0-beta.2", suggested="v1.3.0"),
            "1.3.0-rc.1",
            "another kind of candidate",
        ),
        row(
            Asked(),
            known("v1.2.3 v2.0.0-rc.1", suggested="v1.3.0"),
            "2.0.0",
            "what a candidate promised",
        ),
        row(Asked(), known("v1.2.3", "1.4.0", "v1.3.0"), "1.4.0", "the files are there already"),
        row(Asked(), known("v1.2.3", "1.2.3", "v1.3.0"), "1.3.0", "the files say the last"),
        row(Asked(bump="minor", pre="rc"), known("v1.2.3"), "1.3.0-rc.1", "bump and candidate"),
    ],
)
def test_the_next_version(asked: Asked, about: Known, expected: str) -> None:
    version.sound(asked, "v")
    assert str(version.following(asked, about, "v")) == expected


@pytest.mark.parametrize(
    ("asked", "about", "kind", "said"),
    [
        (Asked(version="1.2"), known(), "version", "'1.2' is not a semantic version"),
        (Asked(version="v1.02.3"), known(), "version", "is not a semantic version"),
        (Asked(version="1.2.3", bump="minor"), known(), "version", "leave out --bump"),
        (Asked(bump="tiny"), known(), "version", "--bump should be major, minor or patch"),
        (Asked(pre="rc1"), known(), "version", "--pre should be a word"),
        (Asked(version="1.2.3"), known("v1.2.3"), "taken", "exists already (here)"),
        (Asked(version="1.2.3+b"), known("v1.2.3"), "version", "would go backwards"),
        (Asked(version="1.2.3-rc.1"), known("v1.2.3"), "version", "would go backwards"),
        (Asked(version="1.9.0"), known("v1.10.0"), "version", "v1.10.0 is released"),
        (Asked(bump="minor"), known("v1.2.3 v2.0.0-rc.1"), "version", "would go backwards"),
        (Asked(version="0.2.0"), known(written="0.3.0"), "version", "pyproject.toml says 0.3.0"),
    ],
)
def test_what_does_not_fit_is_refused(asked: Asked, about: Known, kind: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        version.sound(asked, "v")
        version.following(asked, about, "v")
    assert refused.value.kind == kind and said in str(refused.value)


def test_only_what_is_a_version_is_a_release() -> None:
    tags = ["v1.10.0", "v1.9.0", "1.0.0", "v1.0", "nightly", "api/v2.0.0", "v1.10.0-rc.1"]
    assert list(version.versions(tags, "v")) == ["v1.9.0", "v1.10.0-rc.1", "v1.10.0"]
    assert list(version.versions(tags, "api/v")) == ["api/v2.0.0"]
