"""What is an address of a host, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.lib import address
from tasks.lib.errors import Refused


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        pytest.param("a.example.com", "", "a.example.com", 0, id="host"),
        pytest.param("deploy@a.example.com", "deploy", "a.example.com", 0, id="user"),
        pytest.param("a.example.com:2222", "", "a.example.com", 2222, id="port"),
        pytest.param("deploy@10.0.0.1:22", "deploy", "10.0.0.1", 22, id="all"),
        pytest.param("[::1]", "", "::1", 0, id="v6"),
        pytest.param("deploy@[2001:db8::7]:2222", "deploy", "2001:db8::7", 2222, id="v6 and all"),
        pytest.param("[fe80::1%eth0]:22", "", "fe80::1%eth0", 22, id="v6 with a zone"),
        pytest.param("web_1", "", "web_1", 0, id="a name of ssh_config"),
        pytest.param("first.last+ci@h", "first.last+ci", "h", 0, id="user with dots"),
    ],
)
def test_an_address_is_taken_apart(text: str, user: str, host: str, port: int) -> None:
    assert address.parse(text) == address.Address(user=user, host=host, port=port, text=text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=touch x",
        "-oProxyCommand=x",
        "user@-oProxyCommand=x",
        "-l@host",
        "host;id",
        "$(id)",
        "a b",
        "a\nb",
        "host\n",
        "`id`@host",
        "host:0",
        "host:65536",
        "host:99999999999999999999",
        "host:",
        "host:22:22",
        "::1",
        "[::1",
        "[::g]",
        "[1.2.3.4]",
        "[fe80::1%]",
        "[fe80::1%$(id)]",
        "a@b@c",
        "@host",
        "höst",
        "host:²²",
        "../etc",
    ],
)
def test_what_is_no_address_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(Refused, match="is no address of a host") as refused:
        address.parse(text)
    assert refused.value.kind == "config"


@given(st.text(max_size=40))
@example("-oProxyCommand=id")
def test_nothing_that_a_shell_or_an_option_is_made_of_gets_through(text: str) -> None:
    try:
        found = address.parse(text)
    except Refused:
        return
    for part in (found.user, found.host):
        assert not part.startswith("-")
        assert not set(part) - set(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-:%"
        )
