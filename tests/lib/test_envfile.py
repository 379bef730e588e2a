"""Environment files: what is stored of one, and what is refused without a value being shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tasks.lib import envfile
from tasks.lib.errors import Refused


def stored(text: str) -> dict[str, str]:
    """What a host reads of the canonical form; see scripts/agent/service.py, read_env."""
    values = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        values[key] = str(json.loads(value))
    return values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1\nB=two words\n", {"A": "1", "B": "two words"}),
        ("", {}),
        ("# a comment\n\n  \nA=1", {"A": "1"}),
        ("export A=1\nexport B=\n", {"A": "1", "B": ""}),
        ("A=a#b\nB=a #b\nC='a #b'\nD=\"a #b\"", {"A": "a#b", "B": "a", "C": "a #b", "D": "a #b"}),
        ("A='it\\'s'\nB=\"say \\\"hi\\\"\"\nC=it's", {"A": "it's", "B": 'say "hi"', "C": "it's"}),
        ("A=$HOME\nB=pa$$word\nC='${HOME}'", {"A": "$HOME", "B": "pa$$word", "C": "${HOME}"}),
        (
            'A="one\\ntwo"\nB="one\ntwo"\nC=\'a\\nb\'',
            {"A": "one\ntwo", "B": "one\ntwo", "C": "a\\nb"},
        ),
        ("A=Grüße\nB=日本\nC=🔑", {"A": "Grüße", "B": "日本", "C": "🔑"}),
        ("A=a=b\n_B2=x\nlower=y", {"A": "a=b", "_B2": "x", "lower": "y"}),
        ("A=x\u2028y\x85z", {"A": "x\u2028y\x85z"}),
        (' A = "1" \n', {"A": "1"}),
    ],
)
def test_what_is_stored_is_what_is_meant(text: str, values: dict[str, str]) -> None:
    found = envfile.parse(text, "FILE")
    assert found.values == values
    assert found.canonical().isascii() and found.canonical().count("\n") == len(values)
    assert stored(found.canonical()) == values


def test_a_file_from_windows_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "production.env"
    path.write_bytes('\ufeffA=1\r\nexport B="one\r\ntwo"\r\n# end\r\n'.encode())
    assert envfile.read(path).values == {"A": "1", "B": "one\ntwo"}


def test_the_last_of_two_counts_and_is_told() -> None:
    found = envfile.parse("A=old-value\nB=1\nA=new-value\n", "FILE")
    assert found.values == {"A": "new-value", "B": "1"}
    (note,) = found.notes
    assert note.endswith(": A") and "value" not in note


def test_what_is_not_filled_in_is_told() -> None:
    (note,) = envfile.parse("A=${B}\nB=$C\n", "FILE").notes
    assert note == "${…} is taken as it stands, not filled in: A"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("A=1\nhunter2-value\n", 2, "no ="),
        ("A=1\n\n\nB='hunter2 never closed\n", 4, "can't be read"),
        ("hunter2 and more", 1, "can't be read"),
        ("=hunter2", 1, "can't be read"),
        ("A-B=hunter2", 1, "not a name"),
        ("2A=hunter2", 1, "not a name"),
        ("ä=hunter2", 1, "not a name"),
        ("'A B'=hunter2", 1, "not a name"),
        ("RELEASE_ID=hunter2", 1, "RELEASE_ID is told"),
        ("SOCKET=hunter2", 1, "SOCKET is told"),
        ("A=hunter2\0", 1, "the value of A holds a NUL"),
        ("A=hunter2" + "x" * envfile.LONGEST, 1, "the value of A is longer"),
    ],
)
def test_a_refusal_names_lines_and_never_a_value(text: str, line: int, why: str) -> None:
    with pytest.raises(Refused) as told:
        envfile.parse(text, "FILE")
    assert why in told.value.evidence and f"line {line}:" in told.value.evidence
    assert "hunter2" not in str(told.value) + told.value.evidence + repr(told.value)
    assert told.value.code == 2


def test_every_wrong_line_is_named_at_once() -> None:
    with pytest.raises(Refused) as told:
        envfile.parse("ok=1\nno\n2=x\n", "FILE")
    assert [line.split(":")[0] for line in told.value.evidence.splitlines()] == ["line 2", "line 3"]


def test_all_of_it_has_a_limit() -> None:
    text = "".join(f"A{number}={'x' * 100_000}\n" for number in range(11))
    with pytest.raises(Refused) as told:
        envfile.parse(text, "FILE")
    assert "more than the 1 MiB" in told.value.evidence


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        envfile.read(tmp_path / "none")
    with pytest.raises(Refused, match="Is a directory"):
        envfile.read(tmp_path)
    (tmp_path / "latin").write_bytes(b"A=hunter2\xfc\n")
    with pytest.raises(Refused, match="not UTF-8 .at byte 9") as told:
        envfile.read(tmp_path / "latin")
    assert "hunter2" not in repr(told.value) and told.value.__cause__ is None


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "closed").write_text("A=1")
    (tmp_path / "closed").chmod(0)
    who = os.geteuid()
    if who == 0:  # root may read every file: be nobody for as long as it takes
        os.seteuid(65534)
    try:
        with pytest.raises(Refused, match="Permission denied"):
            envfile.read(tmp_path / "closed")
    finally:
        os.seteuid(who)
