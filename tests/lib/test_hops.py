"""ssh_config read as ssh reads it, or refused."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from tasks.lib import address, hops
from tasks.lib.errors import Refused
from tasks.lib.target import Target


def target(text: str, config: Path | None, identity: Path | None = None) -> Target:
    return Target(
        text, address.parse(text), "/srv/app", "", identity, (), config, "auto", "staging"
    )


def route(text: str, config: str, directory: Path) -> tuple[hops.Hop, ...]:
    path = directory / "config"
    path.write_text(config)
    return hops.route(target(text, path))


def names(way: tuple[hops.Hop, ...]) -> list[str]:
    return [str(each) for each in way]


def test_without_ssh_config_defaults_are_those_of_ssh() -> None:
    (hop,) = hops.route(target("a.example.com", None))
    assert (hop.user, hop.port, hop.known_as) == (getpass.getuser(), 22, "a.example.com")
    assert not hop.only and not hop.identities


def test_an_identity_of_our_own_is_the_only_one(tmp_path: Path) -> None:
    (hop,) = hops.route(target("u@h:2222", None, tmp_path / "key"))
    assert (hop.known_as, hop.identities, hop.only) == ("[h]:2222", (tmp_path / "key",), True)


def test_options_of_the_host_are_followed_and_the_address_wins(tmp_path: Path) -> None:
    config = """
        Host web
          HostName Web.Example.com
          User deploy
          Port 2222
          IdentityFile ~/one
          IdentityFile "/a path/two"
          IdentitiesOnly yes
    """
    (hop,) = route("web", config, tmp_path)
    assert str(hop) == "deploy@Web.Example.com port 2222"
    assert hop.known_as == "[web.example.com]:2222"
    assert hop.identities == (Path("~/one").expanduser(), Path("/a path/two"))
    assert hop.only
    (hop,) = route("root@web:22", config, tmp_path)
    assert (hop.user, hop.port) == ("root", 22)


def test_a_host_key_alias_is_what_it_is_known_as(tmp_path: Path) -> None:
    (hop,) = route("web:2222", "Host web\n HostKeyAlias Fleet\n", tmp_path)
    assert hop.known_as == "fleet"


def test_an_ipv6_hostname_is_a_host(tmp_path: Path) -> None:
    (hop,) = route("web", "Host web\n HostName 2001:db8::7\n", tmp_path)
    assert hop.host == "2001:db8::7"


def test_jumps_are_hops_in_their_order_each_with_its_own_options(tmp_path: Path) -> None:
    config = """
        Host web
          ProxyJump gate, u@inner:2022
        Host gate
          HostName gate.example.com
          User jump
          ProxyJump ssh://outer/
        Host inner
          ProxyJump ignored-as-ssh-does
    """
    assert names(route("d@web", config, tmp_path)) == [
        f"{getpass.getuser()}@outer port 22",
        "jump@gate.example.com port 22",
        "u@inner port 2022",
        "d@web port 22",
    ]


def test_proxyjump_none_is_none(tmp_path: Path) -> None:
    assert len(route("web", "Host web\n ProxyJump none\n", tmp_path)) == 1


@pytest.mark.parametrize(
    "config",
    ["Host *\n ProxyJump b\n", "Host a\n ProxyJump b\nHost b\n ProxyJump a\n"],
    ids=["a wildcard", "two of them"],
)
def test_jumps_in_a_circle_are_refused(tmp_path: Path, config: str) -> None:
    with pytest.raises(Refused, match="in a circle: a -> b"):
        route("a", config, tmp_path)


def test_a_jump_that_tries_to_be_an_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no address of a host"):
        route("a", "Host a\n ProxyJump -oProxyCommand=id\n", tmp_path)
    with pytest.raises(Refused, match="no address of a host"):
        route("a", "Host a\n HostName $(id)\n", tmp_path)


def test_a_proxycommand_is_kept_with_its_tokens_filled_in(tmp_path: Path) -> None:
    (hop,) = route("a", "Host a\n ProxyCommand nc %h %p\n", tmp_path)
    assert hop.command == "nc a 22"
    (hop,) = route("a", "Host a\n ProxyCommand none\n", tmp_path)
    assert hop.command == ""


@pytest.mark.parametrize(
    "line",
    [
        "Include conf.d/*",
        "  include more",
        "Include=more",
        'Match exec "touch here"',
        "match host web exec id",
        "Match originalhost=web exec=id",
        "Match localnetwork 10.0.0.0/8",
        "Match !all tagged x",
        "include",
    ],
)
def test_what_can_not_be_followed_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refused, match="can't be followed here") as refused:
        route("web", f"Host web\n Port 22\n{line}\n", tmp_path)
    assert line.strip() in str(refused.value)
    assert "ssh_config in invoke.yaml" in str(refused.value)
    assert not (tmp_path / "here").exists()


def test_a_match_that_is_understood_is_followed(tmp_path: Path) -> None:
    config = "Match originalhost web,db !user root\n Port 2222\nMatch all\n User deploy\n"
    assert names(route("web", config, tmp_path)) == ["deploy@web port 2222"]
    assert names(route("root@web", config, tmp_path)) == ["root@web port 22"]


def test_a_host_of_such_a_name_is_no_include(tmp_path: Path) -> None:
    assert len(route("web", "Host include-me exec\n Port 22\n", tmp_path)) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"Host web\n Port\n", "can't be read", id="a line with no value"),
        pytest.param(b"Host web\n Port \xff\n", "can't be read", id="not UTF-8"),
        pytest.param(b"Host web\n Port many\n", "Port 'many'", id="a port that is none"),
    ],
)
def test_a_garbled_file_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(Refused, match=says) as refused:
        hops.route(target("web", path))
    assert refused.value.kind == "config"


def test_a_file_that_is_named_must_exist_but_the_users_own_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="doesn't exist"):
        hops.route(target("web", tmp_path / "none"))
    with pytest.raises(Refused, match="can't be read"):
        hops.route(target("web", tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(hops.route(target("web", tmp_path / ".ssh" / "config"))) == 1
