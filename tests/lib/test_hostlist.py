"""Hosts in few words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib.hostlist import compact, counted


@pytest.mark.parametrize(
    ("names", "told"),
    [
        pytest.param([], "", id="none"),
        pytest.param(["web1", "web2", "web3"], "web1, web2, web3", id="a few as they are"),
        pytest.param([f"web{n}" for n in range(1, 21)], "web[1-20]", id="one range"),
        pytest.param([f"web{n}" for n in (1, 2, 3, 9)], "web[1-3,9]", id="with a gap"),
        pytest.param([*(f"web{n}" for n in range(9)), "db1"], "web[0-8], db1", id="and another"),
        pytest.param(["a.x", "b.x", "c.x", "d.x"], "a.x, b.x, c.x, d.x", id="nothing to fold"),
        pytest.param(
            [f"deploy@web{n:02}.example.com:2222" for n in range(8, 12)],
            "deploy@web[08-11].example.com:2222",
            id="the number that differs, with its zeros",
        ),
        pytest.param(
            [f"127.0.0.1:{n}" for n in (2201, 2202, 2203, 2204)], "127.0.0.1:[2201-2204]", id="port"
        ),
        pytest.param(["w09", "w10", "w99", "w100"], "w[09-10,99-100]", id="width"),
        pytest.param(["w1", "w01", "w2", "w3"], "w[1,01,2-3]", id="zeros are another name"),
    ],
)
def test_names_that_differ_in_a_number_are_told_as_one(names: list[str], told: str) -> None:
    assert compact(names) == told


def test_how_many_they_are_is_said_where_they_are_many() -> None:
    assert counted(["web1", "web2"]) == "web1, web2"
    assert counted([f"web{n}" for n in range(50)]) == "50 hosts: web[0-49]"


NAMES = st.from_regex(r"(web|db)-?[0-9]{1,3}(\.[ab]|:22)?", fullmatch=True)


@given(st.lists(NAMES, unique=True, max_size=30))
def test_no_name_is_lost_and_none_is_added(names: list[str]) -> None:
    assert sorted(expanded(compact(names))) == sorted(names)


def expanded(told: str) -> list[str]:
    found: list[str] = []
    for before, numbers, behind in re.findall(r"([^,\[ ]+)(?:\[(.*?)\])?([^,\[]*)", told):
        for each in filter(None, numbers.split(",")):
            first, _, last = each.partition("-")
            width = len(first) if first.startswith("0") else 0
            for number in range(int(first), int(last or first) + 1):
                found.append(f"{before}{number:0{width}}{behind}")
        if not numbers:
            found.append(before + behind)
    return found
