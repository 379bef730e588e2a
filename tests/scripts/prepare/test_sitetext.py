"""The text of the nginx site, as a table; tests/system/ has nginx itself read it."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

SITE: dict[str, Any] = {
    "name": "shop",
    "path": "/srv/shop",
    "port": 80,
    "names": ["shop.example.com"],
    "reached": [],
    "body": "10m",
    "timeout": 60.0,
    "metrics": ["/metrics"],
    "metrics_from": ["10.0.0.0/8"],
    "certificate": "/etc/ssl/shop.pem",
    "key": "/etc/ssl/shop.key",
    "acme": "",
}


def text(half: SimpleNamespace, secure: bool = False, http2: str = "", **more: Any) -> str:
    return str(half.sitetext.text({**SITE, **more}, secure, True, http2, "digest"))


def listens(said: str) -> list[tuple[str, str]]:
    return re.findall(r"^    (?:listen (.*)|(http2 on));$", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("secure", "http2", "names", "ports"),
    [
        (False, "", ["a.b"], ["80", "[::]:80"]),
        (False, "listen", [], ["80 default_server", "[::]:80 default_server"]),
        (True, "", ["a.b"], ["80", "443 ssl", "[::]:80", "[::]:443 ssl"]),
        (True, "listen", ["a.b"], ["80", "443 ssl http2", "[::]:80", "[::]:443 ssl http2"]),
        (True, "directive", ["a.b"], ["80", "443 ssl", "[::]:80", "[::]:443 ssl", "http2 on"]),
    ],
)
def test_it_listens(
    half: SimpleNamespace, secure: bool, http2: str, names: list[str], ports: list[str]
) -> None:
    said = text(half, secure, http2, names=names)
    assert [one or other for one, other in listens(said)] == ports
    assert f"server_name {names[0] if names else '_'};" in said


def test_each_request_has_a_connection_of_its_own_and_is_sent_once(half: SimpleNamespace) -> None:
    said = text(half)
    assert not re.search(r"(?m)^\s*upstream\b", said)
    assert "proxy_next_upstream off;" in said and "proxy_http_version 1.1;" in said
    assert re.search(
        r'map \$http_upgrade \$(\w+) { default close; "~\*\^websocket\$" upgrade; }', said
    )
    ways = re.findall(r"proxy_pass (.*);", said)
    assert set(ways) == {"http://unix:/srv/shop/current/run/app.sock"}
    assert said.count("if (!-e /srv/shop/current) { return 503; }") == len(ways)


def test_only_configured_addresses_get_the_metrics(half: SimpleNamespace) -> None:
    said = text(half, metrics=["/metrics", "/admin/"])
    for match in ("= /metrics", "^~ /metrics/", "= /admin/", "^~ /admin/"):
        (block,) = re.findall(rf"location {re.escape(match)} {{\n(.*?)\n    }}", said, re.DOTALL)
        assert block.strip().startswith("allow 10.0.0.0/8;\n        deny all;")
    assert "deny" not in text(half, metrics=[])


def test_a_host_answers_prometheus_by_its_own_name_too(half: SimpleNamespace) -> None:
    named = text(half, reached=["a.example.com", "10.0.0.5"])
    assert "server_name shop.example.com a.example.com 10.0.0.5;" in named
    assert "server_name _;" in text(half, names=[], reached=["a.example.com"])


def test_without_a_certificate_nothing_is_said_of_it(half: SimpleNamespace) -> None:
    assert not re.search(r"ssl|308|_local", text(half))
    said = text(half, secure=True)
    moved = said.count("return 308 https://$host$request_uri;")
    assert moved == said.count("proxy_pass") - said.count("deny all;") == 1
    assert "# certificate digest" in said and r'"~^127\." 1; "::1" 1;' in said


def test_the_challenge_of_an_authority_is_never_redirected(half: SimpleNamespace) -> None:
    said = text(half, secure=True, acme="me@example.com")
    (block,) = re.findall(r"location \^~ /\.well-known/acme-challenge/ {\n(.*?)\n    }", said)
    assert block.strip() == "root /var/www/acme;"
    assert "acme" not in text(half)


def test_two_sites_share_no_name(half: SimpleNamespace) -> None:
    names = ["shop", "shop-a", "shop.a", "shop_a", "Shop"]
    variables = {half.sitetext.variable(name) for name in names}
    assert len(variables) == len(names)
    assert all(re.fullmatch(r"\w+", each) for each in variables)


@pytest.mark.parametrize("braces", [True, False])
def test_every_brace_is_closed(half: SimpleNamespace, braces: bool) -> None:
    said = re.sub(r'"[^"]*"|\'[^\']*\'', "", text(half, braces, acme="me@example.com"))
    assert said.count("{") == said.count("}") and "{v}" not in said


CONF = """user www-data;
worker_processes auto;
events {
\tworker_connections 768;
}
"""


@pytest.mark.parametrize(
    ("conf", "lines"),
    [
        pytest.param(CONF, ["4096", "16384"], id="Debian's"),
        pytest.param(CONF.replace("768", "9999"), ["9999", "16384"], id="more already"),
        pytest.param("worker_rlimit_nofile 1024;\n" + CONF, ["4096", "16384"], id="too few files"),
        pytest.param("worker_rlimit_nofile 99999;\n" + CONF, ["4096", "99999"], id="many files"),
    ],
)
def test_nginx_gets_room_for_its_connections(
    half: SimpleNamespace, conf: str, lines: list[str]
) -> None:
    connections = half.front.Connections("")
    said = connections.wanted(conf)
    found = [re.findall(rf"{key} (\d+);", said) for key in ("connections", "nofile")]
    assert found == [[each] for each in lines]
    assert connections.wanted(said) == said
    assert said.startswith(conf[:4]) and said.endswith("}\n")


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("ssh-ed25519 AAAA me", True),
        ("sk-ssh-ed25519@openssh.com AAAA", True),
        ("ecdsa-sha2-nistp256 AAAA", True),
        ("# ssh-ed25519 AAAA", False),
        ('command="echo no" ssh-ed25519 AAAA', False),
        ("no-pty ssh-rsa AAAA", False),
        ("ssh-ed25519", False),
        ("", False),
    ],
)
def test_a_key_that_is_restricted_is_not_passed_on(
    half: SimpleNamespace, line: str, plain: bool
) -> None:
    assert half.account.plain(line) is plain


@pytest.mark.parametrize(
    ("said", "supported"),
    [
        ({"ID": "debian"}, True),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, True),
        ({"ID": "raspbian", "ID_LIKE": "debian"}, True),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, True),
        ({"ID": "fedora"}, False),
        ({}, False),
    ],
)
def test_what_is_supported(half: SimpleNamespace, said: dict[str, str], supported: bool) -> None:
    assert half.packages.supported(said) is supported


def test_a_wrong_description_changes_nothing(half: SimpleNamespace) -> None:
    for wrong in ({}, {"make": True}, {"make": 1, "user": "a"}, {"site": {"name": "../x"}}):
        with pytest.raises(half.wire.Failure):
            half.prepare.run(wrong)
