"""What many hosts say alike is told once, and what few say is told of each."""

from __future__ import annotations

import pytest

from tasks.lib import alike
from tasks.lib.asking import show
from tasks.lib.errors import Refused
from tasks.lib.fleet import HostErrors, refusal
from tasks.lib.hostlist import between, by
from tasks.lib.plan import Plan
from tasks.lib.session import HostError

FIFTY = [f"deploy@web{number}.example.com" for number in range(1, 51)]


def down(number: int) -> str:
    return (
        f"web{number}.example.com can't be reached: timed out; try `ssh deploy@web{number}.example"
    )


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        pytest.param({}, [], id="nobody"),
        pytest.param({"a": "x", "b": "x"}, [["a"], ["b"]], id="a few, each alone"),
        pytest.param(dict.fromkeys("abcd", "x"), [["a", "b", "c", "d"]], id="the same words"),
        pytest.param(
            {"a": "x", "b": "y", "c": "y", "d": "y"}, [["b", "c", "d"], ["a"]], id="most first"
        ),
        pytest.param(
            {name: f"{name}: not healthy after {n}.5 s" for n, name in enumerate("abcd")},
            [["a", "b", "c", "d"]],
            id="but for name and numbers",
        ),
        pytest.param(
            {
                "deploy@db1.x:22": "db1.x is down",
                "deploy@w2.x:22": "w2.x is down",
                "u": "",
                "v": "",
            },
            [["deploy@db1.x:22", "deploy@w2.x:22"], ["u", "v"]],
            id="parts of a name are it, too",
        ),
        pytest.param(
            {"a": "a day", "b": "b night", "c": "a day", "d": "d day"},
            [["a", "d"], ["b"], ["c"]],
            id="another's name is not",
        ),
    ],
)
def test_which_hosts_say_the_same(said: dict[str, str], kinds: list[list[str]]) -> None:
    assert alike.kinds(said) == kinds


def test_fifty_hosts_of_which_twenty_fail_alike_are_one_line_a_kind() -> None:
    errors: dict[str, Refused] = {
        name: Refused(down(number), kind="unreachable", evidence="")
        for number, name in enumerate(FIFTY[:20], 1)
    }
    errors[FIFTY[30]] = Refused("web31.example.com refused authentication of deploy", kind="auth")
    told = refusal(errors, "production")
    assert str(told) == ("21 hosts of production can't be used: deploy@web[1-20,31].example.com.")
    lines = told.evidence.splitlines()
    assert lines == [
        f"- 20 hosts: deploy@web[1-20].example.com, the first: {down(1)}",
        f"- {FIFTY[30]}: web31.example.com refused authentication of deploy",
    ]
    assert told.hosts[FIFTY[6]] == {"kind": "unreachable", "message": down(7), "evidence": ""}


def test_a_step_that_fails_alike_shows_the_words_of_one_and_keeps_those_of_all() -> None:
    errors = {
        name: HostError("start", "the release was not healthy after 60 s", f"log of {name}")
        for name in FIFTY[:20]
    }
    errors[FIFTY[20]] = HostError("disk", "OSError: no space left", "")
    failed = HostErrors(errors)
    assert str(failed) == (
        "20 hosts: deploy@web[1-20].example.com: the release was not healthy after 60 s;"
        f" {FIFTY[20]}: OSError: no space left"
    )
    assert failed.names == "21 hosts: deploy@web[1-21].example.com"
    shown = failed.evidence.splitlines()
    others = "19 others: deploy@web[2-20].example.com"
    assert shown == [f"{FIFTY[0]} (and {others}, see --json):", f"log of {FIFTY[0]}"]
    assert failed.document()[FIFTY[19]]["evidence"] == f"log of {FIFTY[19]}"


def test_of_a_few_hosts_each_is_told() -> None:
    failed = HostErrors({"a": HostError("x", "one", "1"), "b": HostError("x", "two", "2")})
    assert (str(failed), failed.names) == ("a: one; b: two", "a, b")
    assert failed.evidence == "a:\n1\nb:\n2"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "?"),
        ([None], "?"),
        ([3 << 20], "3 MiB"),
        ([9 << 20, None, 10 << 20], "9 MiB to 10 MiB"),
        ([5 << 20, (5 << 20) + 1], "5 MiB"),
    ],
)
def test_what_hosts_have_is_told_from_the_least_to_the_most(
    values: list[float | None], told: str
) -> None:
    assert between(values, "{} MiB", 20) == told


def test_hosts_by_what_they_say() -> None:
    said = {"a": "x", "b": "y", "c": "y"}
    assert by(said) == [("y", ["b", "c"]), ("x", ["a"])]
    assert by(said, alone=True) == [("x", ["a"]), ("y", ["b"]), ("y", ["c"])]


def test_a_plan_for_fifty_hosts_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    hosts = {name: "r1" if number else "" for number, name in enumerate(FIFTY)}
    show(Plan("deploy", "x", "r2", "v2", "c" * 40, "t", hosts, (), 0.0, "f"))
    shown = capsys.readouterr().out.splitlines()
    assert shown[-3:-1] == [
        "deploy@web[2-50].example.com  r1",
        "deploy@web1.example.com       nothing",
    ]
