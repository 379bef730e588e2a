"""Requests that are sent are bounded, and those that nobody answers are not counted."""

from __future__ import annotations

from tasks.lib.preaggregate import traffic
from tests.support.web import Answer, serve


def test_so_many_are_sent_and_no_more() -> None:
    done: list[int] = []
    with serve({"/": Answer(), "/two": Answer(500)}) as site:
        assert traffic.send(site.url, ("/", "/two"), 5, done.append) == 5
        assert [path for path, _ in site.asked] == ["/", "/two", "/", "/two", "/"]
    assert done == [1, 2, 3, 4, 5]


def test_where_nobody_answers_it_gives_up() -> None:
    done: list[int] = []
    assert traffic.send("http://127.0.0.1:9", ("/",), 1000, done.append) == 0
    assert done == list(range(1, 11))
