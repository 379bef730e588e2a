"""From the configuration to what a server must have, and what is refused on the way."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.lib import address
from tasks.lib.errors import Refused
from tasks.lib.server import login, wanted
from tasks.lib.settings import Environment, Settings
from tasks.lib.target import Target

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 me@home"


def environment(**said: Any) -> Environment:
    """An environment as the configuration says it."""
    raw = {"hosts": ["deploy@a"], **said}
    return Settings(app="shop", environments={"staging": raw}).environment("staging")


@pytest.mark.parametrize(
    ("said", "names", "port"),
    [
        ({}, [], 80),
        ({"url": "https://shop.example.com/x"}, ["shop.example.com"], 80),
        ({"url": "http://shop.example.com:8080"}, ["shop.example.com"], 80),
        ({"url": "https://me@a.b", "host_header": "c.d:81"}, ["a.b", "c.d"], 80),
        ({"host_header": "c.d"}, ["c.d"], 80),
        ({"front": "http://127.0.0.1:8080"}, [], 8080),
        ({"front": "https://127.0.0.1"}, [], 80),
    ],
)
def test_a_site_is_named_after_the_url(said: dict[str, Any], names: list[str], port: int) -> None:
    found = environment(**said)
    assert (wanted.names(found), wanted.port(found)) == (names, port)


def test_what_a_host_gets_is_all_said() -> None:
    found = environment(server={"packages": ["tree"], "body": "2g", "timeout": "2m"})
    said = wanted.wanted(Settings(app="shop"), found, "deploy", (KEY,))
    site = said.pop("site")
    assert said == {"user": "deploy", "packages": ["tree"], "keys": [KEY]}
    assert site["name"] == "shop" and site["path"] == "/srv/shop"
    assert (site["body"], site["timeout"]) == ("2g", 120.0)


def test_two_places_of_one_application_have_two_sites() -> None:
    names = {wanted.site_name("shop", path) for path in ("/srv/shop", "/srv/x", "/srv/y")}
    assert len(names) == 3 and "shop" in names


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"path": "/srv/a b"}, "characters"),
        ({"path": "/srv/$x"}, "characters"),
        ({"path": "/srv/a;b"}, "characters"),
        ({"path": "/srv/" + "x" * 90}, "too long"),
        ({"url": "https://a;b"}, "no host's name"),
        ({"url": "https://a{b"}, "no host's name"),
        ({"host_header": "-a"}, "no host's name"),
    ],
)
def test_what_nginx_could_misread_is_refused(said: dict[str, Any], why: str) -> None:
    assert why in wanted.unfit(environment(**said))
    assert wanted.unfit(environment(path="/srv/shop", url="https://[fd00::1]:8443")) == ""


def test_keys_are_given_themselves_or_as_files(tmp_path: Path) -> None:
    (tmp_path / "team.pub").write_text(f"# ours\n{KEY}\n\n{KEY.replace('J0', 'J1')}\n")
    (tmp_path / "private").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n")
    given = ("team.pub", KEY, "private", "nothing", "ssh-ed25519 not*base64")
    lines, wrong = wanted.keys(environment(server={"authorized_keys": given}), tmp_path)
    assert lines == (KEY, KEY.replace("J0", "J1"))
    assert "private has no public key" in wrong and "nothing is neither" in wrong
    assert "not*base64 is neither" in wrong


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"server": {"admin": "-x"}}, "server.admin"),
        ({"server": {"admin": "a b"}}, "server.admin"),
        ({"server": {"packages": ["a", "-o=x"]}}, "server.packages"),
        ({"server": {"packages": ["sudo-"]}}, "server.packages"),
        ({"server": {"body": "10 m; x"}}, "server.body"),
        ({"server": {"timeout": "0s"}}, "server.timeout"),
        ({"server": {"metrics": ["metrics"]}}, "server.metrics"),
        ({"server": {"metrics": ["/a b"]}}, "server.metrics"),
        ({"server": {"metrics_from": ["10.0.0.0/99"]}}, "server.metrics_from"),
        ({"server": {"metrics_from": ["all"]}}, "server.metrics_from"),
        ({"server": {"metrics_from": ["fe80::1%;allow all;"]}}, "server.metrics_from"),
        ({"path": "/srv/shop/"}, "path"),
        ({"path": "/srv/./shop"}, "path"),
        ({"server": {"authorized_keys": ["a\nb"]}}, "server.authorized_keys"),
        ({"server": {"tls": {"certificate": "/a"}}}, "server.tls.key"),
        ({"server": {"tls": {"key": "/a"}}}, "server.tls.certificate"),
        ({"server": {"tls": {"certificate": "/a;", "key": "/b"}}}, "server.tls.certificate"),
        ({"server": {"tls": {"certbot": "me"}}}, "server.tls.certbot"),
        ({"server": {"tls": {"certbot": "me@a.b"}}}, "server.tls.certbot"),
        ({"resources": {"memory": "much"}}, "resources.memory"),
        ({"resources": {"cpu": "2"}}, "resources.cpu"),
        ({"resources": {"tasks": -1}}, "resources.tasks"),
    ],
)
def test_an_unsound_value_is_named(said: dict[str, Any], place: str) -> None:
    with pytest.raises(Refused, match=place):
        environment(**said)


@pytest.mark.parametrize(
    ("text", "admins"),
    [
        ("deploy@a", "root@a"),
        ("a:2222", "root@a:2222"),
        ("deploy@[fd00::1]:22", "root@[fd00::1]:22"),
    ],
)
def test_the_administrator_goes_to_the_same_place(text: str, admins: str) -> None:
    target = Target(text, address.parse(text), "/srv/x", "", None, (), None, "auto")
    found = login.administrator(target, "root")
    assert found == dataclasses.replace(target, address=address.parse(admins))


@pytest.mark.parametrize(
    ("said", "ground"),
    [
        ("hello\ncircle uid 0\ncircle python 3 11\ncircle sudo none\n", (0, (3, 11), "none")),
        ("circle uid 1000\ncircle python\ncircle sudo asks\n", (1000, (), "asks")),
    ],
)
def test_what_a_host_says_first(said: str, ground: tuple[Any, ...]) -> None:
    assert login._ground(said, SimpleNamespace()) == ground  # type: ignore[arg-type]


@pytest.mark.parametrize("said", ["", "This account is not available.", "circle uid x"])
def test_a_shell_that_runs_nothing_is_told(said: str) -> None:
    user = SimpleNamespace(address=SimpleNamespace(user="ops"))
    with pytest.raises(Refused, match="runs no commands for ops"):
        login._ground(said, SimpleNamespace(name="a", target=user))  # type: ignore[arg-type]
