"""What is made of the hosts' facts."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.lib import status

FACT: dict[str, Any] = {
    "current": "b",
    "running": {"b": ["web", "worker"], "a": ["web"]},
    "standby": "",
    "down": [],
    "pending": None,
    "lock": None,
    "adapter": "systemd",
    "python": "3.9.2",
    "load": [0.5, 0.25, 0.0],
    "disk_free": 5 << 30,
    "memory_available": None,
    "service_memory": 0,
    "closed": [
        {"release": "a", "version": "v1", "at": "2026-01-01T00:00:00Z", "left": False, "more": 1},
        {"release": "b", "version": "v2", "at": "2026-01-02T00:00:00Z", "left": True},
    ],
}


def test_a_host_is_told_newest_release_first() -> None:
    told = status.host(FACT)
    assert [entry["release"] for entry in told["closed"]] == ["b", "a"]
    assert "more" not in told["closed"][1]
    assert status.host(None, "no route") == {"answers": False, "error": "no route"}


@pytest.mark.parametrize(
    ("change", "absent", "wrong"),
    [
        ({}, {}, []),
        ({}, {"x": "why"}, ["x does not answer"]),
        ({"running": {}}, {}, ["what is live does not run on one"]),
        ({"current": "", "running": {}}, {}, []),
        ({"pending": {"kind": "deploy"}, "lock": {}}, {}, []),
        ({"pending": {}}, {}, []),
        ({"down": ["web"]}, {}, []),  # told once
        ({"down": ["worker"]}, {}, ["worker of what is live on one does not run"]),
        ({"down": ["worker"], "lock": {}}, {}, []),  # it may be about to
    ],
)
def test_what_is_wrong(change: dict[str, Any], absent: dict[str, str], wrong: list[str]) -> None:
    assert status.troubles({"one": {**FACT, **change}}, absent) == wrong


def test_all_that_is_wrong_is_told() -> None:
    said = {"one": {**FACT, "pending": {"kind": "rollback"}}, "two": {**FACT, "current": "a"}}
    first, *rest = status.troubles(said, {"three": "gone"})
    assert first == "three does not answer"
    assert rest[0] == "one serves b; two serves a"
    assert rest[1].startswith("an interrupted rollback is pending on one")


@pytest.mark.parametrize(
    ("lock", "shown"),
    [
        (None, ""),
        ({}, "another operator since ?: ?"),
        ({"who": "ada@desk", "since": 0.5, "doing": "stage"}, None),
    ],
)
def test_the_lock(lock: dict[str, Any] | None, shown: str | None) -> None:
    expected = "ada@desk since 1970-01-01 00:00:00Z: stage" if shown is None else shown
    assert status.holder(lock) == expected


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    hosts = {"one": status.host(FACT), "two": status.host(None, "no route")}
    status.show({"hosts": hosts})
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "one b current (web, worker), a (web)" in lines
    assert "two does not answer: no route" in lines
    assert "one systemd 3.9.2 0.50 0.25 0.00 ? 0 MiB 5,120 MiB" in lines
    assert "a 2026-01-01T00:00:00Z one" in lines
    status.show({"hosts": {"two": hosts["two"]}})
    assert "adapter" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("running", "shown"),
    [
        ({"b": ["web"], "a": ["web"]}, "current (web), a as standby (web)"),
        ({"b": ["web"]}, "current (web), a as standby (not running)"),
    ],
)
def test_a_standby_is_named_as_one(
    capsys: pytest.CaptureFixture[str], running: dict[str, list[str]], shown: str
) -> None:
    status.show({"hosts": {"one": status.host({**FACT, "standby": "a", "running": running})}})
    assert shown in capsys.readouterr().out


def test_a_release_that_was_left_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    status.show({"hosts": {"one": status.host({**FACT, "current": "a"})}})
    out = capsys.readouterr().out
    assert "every host  rolled back from" in out and "every host  live" in out


def test_when_a_release_closed_is_told_to_the_second(capsys: pytest.CaptureFixture[str]) -> None:
    closed = [{**each, "at": "2026-03-01T10:00:00.123Z"} for each in FACT["closed"]]
    status.show({"hosts": {"one": status.host({**FACT, "closed": closed})}})
    assert "2026-03-01T10:00:00Z" in capsys.readouterr().out
