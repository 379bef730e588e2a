"""The hosts of an environment, as targets. (The sandbox's are in sandbox/test_control.py.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib import target
from tasks.lib.errors import Refused
from tasks.lib.settings import Environment, Settings


def staging(*hosts: str, ssh_config: str = "~/.ssh/config") -> Environment:
    return Environment(name="staging", hosts=hosts, path="/srv/app", ssh_config=ssh_config)


def test_hosts_become_targets_in_their_order(tmp_path: Path) -> None:
    one, two = target.targets(Settings(), staging("deploy@a", "deploy@b:2222"), tmp_path)
    assert (one.name, one.address.host, one.path) == ("deploy@a", "a", "/srv/app")
    assert (two.address.user, two.address.port, two.environment) == ("deploy", 2222, "staging")
    assert one.known_hosts == (Path.home() / ".ssh/known_hosts", tmp_path / "known_hosts")
    assert one.ssh_config == Path.home() / ".ssh/config" and one.identity is None


def test_a_home_of_nobody_is_a_file_that_is_not_there(tmp_path: Path) -> None:
    (one,) = target.targets(Settings(), staging("a", ssh_config="~no-such-user/config"), tmp_path)
    assert one.ssh_config == Path("~no-such-user/config")


def test_no_ssh_config_is_none(tmp_path: Path) -> None:
    (one,) = target.targets(Settings(), staging("a", ssh_config=""), tmp_path)
    assert one.ssh_config is None


def test_a_host_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="staging names a more than once"):
        target.targets(Settings(), staging("a", "b", "a"), tmp_path)


def test_a_host_that_is_an_option_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no address of a host"):
        target.targets(Settings(), staging("-oProxyCommand=touch x"), tmp_path)


def test_the_sandbox_may_be_somewhere_else(tmp_path: Path) -> None:
    elsewhere = Environment(name="sandbox", hosts=("vm.example.com",))
    assert target.targets(Settings(), elsewhere, tmp_path)[0].name == "vm.example.com"


def test_a_sandbox_that_does_not_run_is_refused_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="inv host --env=sandbox"):
        target.targets(Settings(), Environment(name="sandbox"), tmp_path)
