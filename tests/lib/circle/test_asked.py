"""Environments that don't answer: told, each in its place, and waited for all at once."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.circle.asked import DOWN, SILENT, UNSET, ask, example
from tasks.lib.sandbox import state
from tasks.lib.settings import Environment, Settings
from tests.support.project import free_port

LIMIT = 1.0
HUNG = 6


@contextlib.contextmanager
def mute() -> Iterator[str]:
    """Give the address of what takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"deploy@127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def hung() -> Iterator[dict[str, Any]]:
    """Give environments of one mute host each."""
    with contextlib.ExitStack() as stack:
        yield {
            f"hung{n}": {"hosts": [stack.enter_context(mute())], "ssh_config": ""}
            for n in range(HUNG)
        }


def test_none_keeps_the_others_from_being_told(tmp_path: Path, hung: dict[str, Any]) -> None:
    closed = f"deploy@127.0.0.1:{free_port()}"
    said = {
        "sandbox": {},
        "example": {"hosts": ["deploy@a.your-domain.com:22"]},
        "none": {"hosts": []},
        "wrong": {"hosts": ["deploy@127.0.0.1"], "watch": "soon"},
        "refused": {"hosts": [closed], "ssh_config": ""},
        **hung,
    }
    begun = time.monotonic()
    found = ask(Settings(environments=said), tmp_path, said, LIMIT)
    took = time.monotonic() - begun
    assert list(found) == list(said)
    states = {name: each.state for name, each in found.items()}
    assert states == {
        "sandbox": DOWN,
        "example": UNSET,
        "none": UNSET,
        "wrong": UNSET,
        "refused": SILENT,
        **dict.fromkeys(hung, SILENT),
    }
    assert all(each.why for each in found.values())
    assert "had not answered" in found["hung0"].why or "127.0.0.1" in found["hung0"].why
    assert took < HUNG * LIMIT / 2, "one after the other they would take all of their limits"


def test_what_nobody_thought_of_is_told_in_its_place(tmp_path: Path) -> None:
    sandbox = tmp_path / Settings().sandbox.directory
    sandbox.mkdir(parents=True)
    with mute() as address:
        host = {"name": 5, "ssh_port": int(address.rpartition(":")[2]), "front_port": 1, "pid": 1}
        (sandbox / state.FILE).write_text(json.dumps({"hosts": [host]}))
        found = ask(Settings(), tmp_path, ["sandbox"], LIMIT)["sandbox"]
    assert found.state == SILENT and found.why.startswith("TypeError in the recipes")


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (("deploy@staging.your-domain.com",), True),
        (("your-domain.com:2222",), True),
        (("deploy@not-your-domain.com",), False),
        (("deploy@[::1]:22", "web1"), False),
        ((), False),
    ],
)
def test_the_examples_hosts_are_nobodys_to_ask(hosts: tuple[str, ...], expected: bool) -> None:
    assert example(Environment(hosts=hosts)) is expected
