"""The host's half: secrets are hidden in every usual form, and wherever output is cut."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path
from urllib.parse import quote

import pytest

PATH = Path(__file__).parents[2] / "scripts" / "agent" / "hiding.py"
SPEC = importlib.util.spec_from_file_location("hiding", PATH)
assert SPEC is not None and SPEC.loader is not None
hiding = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(hiding)

SECRET = 'pä"ss wörd/€\n-----second line-----\ttab'


@pytest.mark.parametrize(
    "printed",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        SECRET.splitlines()[0],
        SECRET.splitlines()[1],
    ],
)
def test_a_secret_is_hidden_however_it_is_printed(printed: str) -> None:
    shown = hiding.hide(f"before {printed} after", hiding.forms([SECRET]))
    assert shown.startswith("before ") and shown.endswith(" after")
    for part in ("ss w", "second", "%20", "rd/"):
        assert part not in shown


def test_what_is_short_is_not_looked_for() -> None:
    assert hiding.forms(["", "1", "yes", "a\nb", "true"]) == ["true"]


def test_the_longest_is_hidden_first() -> None:
    assert hiding.hide("abcdefgh", hiding.forms(["abcd", "abcdefgh"])) == "***"


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_shows_nothing(seed: int) -> None:
    """Pieces that end anywhere, as a long line without an end gives them."""
    chance = random.Random(seed)
    secrets = hiding.forms(["abcd", "abcdefgh", "ééé-€€€", "aaaa"])
    words = ["abcd", "abcdefgh", "ééé-€€€", "x", "aaaa", "bc", "de", "a", " "]
    text = "".join(chance.choice(words) for _ in range(200))
    data, curtain, shown = text.encode(), hiding.Curtain(lambda: secrets), ""
    while data:
        size = chance.randint(1, 9)
        shown += curtain.show(data[:size])
        data = data[size:]
    shown += curtain.show(b"")
    assert shown == hiding.hide(text, secrets)


def test_lines_come_at_once() -> None:
    curtain = hiding.Curtain(lambda: ["secret"])
    assert curtain.show(b"a secret\n") == "a ***\n"
    assert curtain.show(b"half a sec") == "half"
    assert curtain.show(b"ret, and more\n") == " a ***, and more\n"
    assert curtain.show(b"") == ""


def test_without_secrets_nothing_is_kept_back() -> None:
    curtain = hiding.Curtain(lambda: [])
    assert curtain.show(b"no end") == "no end"


def test_what_is_kept_back_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "LIMIT", 64)
    curtain = hiding.Curtain(lambda: ["aaaa"])
    shown = "".join(curtain.show(b"a" * 16) for _ in range(10)) + curtain.show(b"")
    assert set(shown) == {"*"}
