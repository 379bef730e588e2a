"""The way from containers to a service on loopback: who is let in, and what is passed on."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tasks.lib.preaggregate import relay
from tests.support.observed import port
from tests.support.web import Answer, serve


@contextmanager
def relayed(to: str, *networks: str) -> Iterator[str]:
    listen = f"127.0.0.1:{port()}"
    process = subprocess.Popen([sys.executable, "-I", relay.__file__, listen, to, *networks])
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", int(listen[10:])), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://{listen}"
    finally:
        process.terminate()
        process.wait(10)


def test_who_comes_from_the_networks_is_passed_on() -> None:
    with serve({"/metrics": Answer(200, "up 1\n" * 100_000)}) as site:
        with relayed(site.url.removeprefix("http://"), "10.0.0.0/8", "127.0.0.0/8") as url:
            with requests.Session() as session:
                texts = [session.get(f"{url}/metrics", timeout=10).text for _ in range(3)]
    assert {len(text) for text in texts} == {500_000}


def test_who_comes_from_elsewhere_is_not() -> None:
    with serve({"/metrics": Answer(200, "up 1\n")}) as site:
        with relayed(site.url.removeprefix("http://"), "172.18.0.0/16") as url:
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{url}/metrics", timeout=10)
    assert site.asked == []


def test_a_service_that_is_away_ends_the_connection() -> None:
    with relayed("127.0.0.1:9", "127.0.0.0/8") as url, pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


@pytest.mark.parametrize(
    ("peer", "networks", "expected"),
    [
        ("172.18.0.3", ("172.18.0.0/16",), True),
        ("172.19.0.3", ("172.18.0.0/16", "172.19.0.0/16"), True),
        ("192.168.1.20", ("172.18.0.0/16",), False),
        ("172.18.0.3", (), False),
        ("fd00::3", ("172.18.0.0/16", "fd00::/64"), True),
    ],
)
def test_who_is_let_in(peer: str, networks: tuple[str, ...], expected: bool) -> None:
    assert relay.allowed(peer, networks) is expected
