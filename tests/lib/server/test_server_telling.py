"""What is told of many hosts: once, where they are the same."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib import address
from tasks.lib.errors import Refused
from tasks.lib.server import telling
from tasks.lib.server.preparing import Host
from tasks.lib.target import Target


def host(name: str, *items: tuple[str, str, str], error: str = "") -> Host:
    target = Target(name, address.parse(name), "/srv/x", "", None, (), None, "auto")
    found: list[dict[str, Any]] = [
        {
            "item": item,
            "state": state,
            "changes": [said] if said else [],
            "error": {"message": said},
        }
        for item, state, said in items
    ]
    return Host(target, items=found, error=Refused(error) if error else None)


GOOD, BAD = ("site", "holds", ""), ("site", "drifted", "write it")
FIRST = ("account", "holds", "")


@pytest.mark.parametrize(
    ("hosts", "rows"),
    [
        pytest.param([host("a", FIRST, GOOD)], [(*FIRST, "a"), (*GOOD, "a")], id="one"),
        pytest.param(
            [host("a", FIRST, GOOD), host("b", FIRST, BAD), host("c", FIRST, GOOD)],
            [(*FIRST, "every host"), (*GOOD, "a, c"), (*BAD, "b")],
            id="one differs",
        ),
        pytest.param(
            [host("a", error="a is away."), host("b", FIRST)],
            [("", "failed", "a is away.", "a"), (*FIRST, "b")],
            id="one is away",
        ),
    ],
)
def test_hosts_that_are_the_same_are_told_once(hosts: list[Host], rows: list[Any]) -> None:
    assert telling.rows(hosts) == rows


def test_a_check_names_what_mends() -> None:
    (row,) = telling.rows([host("a", BAD)], mend="inv host --env=x")
    assert row == ("site", "drifted", "would write it; run `inv host --env=x`", "a")


def test_the_document_has_every_host_and_why_it_failed() -> None:
    said = telling.told([host("a", ("site", "changed", "write it")), host("b", error="No.")])
    assert said["a"]["changed"] == 1 and "error" not in said["a"]
    assert said["b"] == {"changed": 0, "items": [], "error": "No."}


def test_sums_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    telling.sums([host("a", ("x", "changed", "y")), host("b"), host("c")])
    telling.sums([host("a"), host("b")])
    assert capsys.readouterr().out == "a: 1 changed.\nb, c: 0 changed.\nevery host: 0 changed.\n"
