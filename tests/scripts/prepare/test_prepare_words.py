"""What root takes from an operator: no word of it is ever more than a word."""

from __future__ import annotations

import os
import pwd
import signal
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scripts.prepare.test_sitetext import SITE

WANTED = {"make": False, "user": "deploy", "packages": [], "keys": [], "site": SITE}
SPECIAL = st.text(alphabet="ab/ .;{}$\"'\\\\#\n\t\r\0-%~\x1b\u2028", min_size=1, max_size=9)
PLACES = [key for key, value in SITE.items() if isinstance(value, (str, list))]


def told(place: str, word: str) -> dict[str, Any]:
    """What is wanted, with `word` in one place of the site."""
    value: Any = [word] if isinstance(SITE[place], list) else word
    return {**WANTED, "site": {**SITE, place: value}}


def refused(half: SimpleNamespace, wanted: dict[str, Any]) -> bool:
    try:
        half.shapes.shaped(wanted, "what is wanted", half.prepare.WANTED, more=False)
    except half.wire.Failure:
        return True
    return False


@given(place=st.sampled_from(PLACES), word=st.one_of(SPECIAL, st.text(max_size=9)))
def test_a_word_stays_one_word_of_the_site(half: SimpleNamespace, place: str, word: str) -> None:
    wanted = told(place, word)
    if refused(half, wanted):
        return
    said = half.sitetext.text({**wanted["site"], "acme": ""}, True, True, "listen")
    usual = half.sitetext.text({**SITE, "acme": ""}, True, True, "listen")
    if place == "name":  # variables are named after it, and a name has no special character
        said, usual = said.replace("$", ""), usual.replace("$", "")
    for special in ";{}$\"'\\#\n":
        assert said.count(special) == usual.count(special), (place, word, special)


@pytest.mark.parametrize("word", ["sudo-", "-o", "a b", "A", "", "a;b", "tree/sid", "a="])
def test_a_package_is_a_name_and_not_what_else_apt_understands(
    half: SimpleNamespace, word: str
) -> None:
    assert refused(half, {**WANTED, "packages": [word]})
    assert not refused(half, {**WANTED, "packages": ["g++", "python3.11", "tree"]})


@pytest.mark.parametrize("user", ["-G", "a b", "a:b", "", "a\nb"])
def test_a_user_is_a_name(half: SimpleNamespace, user: str) -> None:
    assert refused(half, {**WANTED, "user": user})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_a_user_that_stops_what_runs_as_it_holds_root_up_no_longer_than_that(
    half: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(psutil.Process().children())
    monkeypatch.setattr(half.item, "ANSWER", 0.2)
    name = pwd.getpwuid(65534).pw_name
    assert half.item.as_user(name, os.geteuid) == 65534
    with pytest.raises(half.wire.Failure, match=f"nothing could be done as {name}"):
        half.item.as_user(name, lambda: os.kill(os.getpid(), signal.SIGSTOP))
    assert set(psutil.Process().children()) <= before  # nobody is left


def test_a_way_is_only_roots_link_by_link(
    half: SimpleNamespace, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's link between two of root's directories is found."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    way = half.place._way
    monkeypatch.setattr(half.place, "parents", lambda path: _below(tmp_path, path))
    for name in ("end", "theirs", "ours"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "theirs" / "link").symlink_to(tmp_path / "end")
    (tmp_path / "ours" / "link").symlink_to(tmp_path / "theirs" / "link")
    os.chown(tmp_path / "theirs", 65534, 65534)
    assert str(tmp_path / "theirs") in way(str(tmp_path / "ours" / "link"))
    assert half.place.changeable(str(tmp_path / "ours" / "link")) == str(tmp_path / "theirs")
    assert half.place.changeable(str(tmp_path / "end")) == ""


def _below(base: Any, path: str) -> list[str]:
    """`path` and what is above it, up to `base`: a test's own directories are not all root's."""
    found = [path]
    while path != str(base) and path != os.path.dirname(path):
        path = os.path.dirname(path)
        found.append(path)
    return found
