"""Starting, restarting and ending the hosts of a sandbox; all real processes and ports."""

from __future__ import annotations

import signal
import socket
import stat
import threading

import pytest
import requests

from tasks.lib.errors import NotClosed
from tasks.lib.sandbox import control, processes, state
from tests.lib.sandbox.site import Make, says, site, status


def test_hosts_answer_when_it_returns(make: Make) -> None:
    made = make(hosts=3)
    hosts = made.start()
    assert [each.name for each in hosts] == ["host1", "host2", "host3"]
    assert len({port for each in hosts for port in (each.ssh_port, each.front_port)}) == 6
    for number, host in enumerate(hosts):
        assert status(host.front) == 503  # there, and nothing is deployed yet
        assert says(made, "echo $CIRCLE_SANDBOX", number) == f"{made.base / host.name}\n"


def test_targets_are_all_that_is_needed_to_get_there(make: Make) -> None:
    made = make("a project", "with spaces")
    host = made.start()[0]
    (target,) = made.targets()
    assert target.name == "host1" and target.adapter == "process" and target.ssh_config is None
    assert target.path == str(made.base / "host1" / "srv")
    assert target.front == host.front and target.address.port == host.ssh_port
    assert target.identity == made.base / "user_key"
    assert target.known_hosts == (made.base / "known_hosts",)


def test_starting_again_changes_nothing(make: Make) -> None:
    made = make(hosts=2)
    first = made.start()
    files = {path: path.stat().st_mtime_ns for path in made.base.rglob("*key*")}
    assert made.start() == first
    assert {path: path.stat().st_mtime_ns for path in made.base.rglob("*key*")} == files


def test_only_the_operator_can_read_its_keys(make: Make) -> None:
    made = make()
    made.start()
    assert stat.S_IMODE(made.base.stat().st_mode) == 0o700
    for key in (made.base / "user_key", made.base / "host1" / "host_key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert (made.base / ".gitignore").read_text() == "*\n"


def test_the_wanted_port_is_taken_if_it_is_free(make: Make) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hosts = make(hosts=2, port=port).start()
    assert hosts[0].front_port == port != hosts[1].front_port


def test_a_port_that_is_taken_is_left_to_its_owner(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        port = owner.getsockname()[1]
        host = make(port=port).start()[0]
        assert host.front_port != port
        assert status(host.front) == 503


def test_a_path_longer_than_a_socket_takes(make: Make) -> None:
    made = make(*["a directory with a name"] * 6)
    host = made.start()[0]
    made.serve("one")
    made.switch("one")
    assert len(str(made.base / "host1/srv/current/run/app.sock")) > 108
    assert status(host.front) == 200


def test_more_hosts_join_and_fewer_leave(make: Make) -> None:
    made = make(hosts=1)
    first = made.start()
    more = site(made.root, hosts=3)
    assert more.start()[:1] == first and len(more.start()) == 3
    fewer = site(made.root, hosts=2)
    assert [each.name for each in fewer.start()] == ["host1", "host2"]
    assert not (made.base / "host3").exists() and not processes.marked(made.base / "host3")
    assert len(made.targets()) == 2


def test_two_who_start_it_at_once_get_the_same_hosts(make: Make) -> None:
    made = make()
    got: list[object] = []
    threads = [threading.Thread(target=lambda: got.append(made.start())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 3 and got[0] == got[1] == got[2]
    assert len(processes.marked(made.base)) == 1


def test_a_restarted_host_has_its_ports_and_key_and_nothing_that_ran(make: Make) -> None:
    made = make(hosts=2)
    before = made.start()
    made.serve("one")
    made.switch("one")
    key = (made.base / "host1" / "host_key.pub").read_text()
    known = (made.base / "known_hosts").read_text()
    again = control.restart_host(made.settings, made.root, "host1")
    assert (again.ssh_port, again.front_port) == (before[0].ssh_port, before[0].front_port)
    assert again.pid != before[0].pid
    assert made.services[0].wait(10) == -signal.SIGKILL
    assert (made.base / "host1" / "host_key.pub").read_text() == key
    assert (made.base / "known_hosts").read_text() == known
    assert state.read(made.base).hosts == (again, before[1])
    assert says(made, "echo back") == "back\n"
    assert status(again.front) == 502  # current is still there, what it ran is not


def test_a_killed_host_is_gone_and_comes_back_as_it_was(make: Make) -> None:
    made = make(hosts=2)
    before = made.start()
    control.kill_host(made.settings, made.root, "host2")
    assert control.missing(made.settings, made.root) == ["host2"]
    with pytest.raises(requests.exceptions.ConnectionError):
        status(before[1].front)
    assert len(made.targets()) == 2  # it is still one of the hosts: a deploy must see it missing
    after = made.start()
    assert after[0] == before[0] and after[1].front_port == before[1].front_port
    assert status(after[1].front) == 503


def test_a_host_boots_its_agent_before_it_counts_as_started(make: Make) -> None:
    made = make()
    made.start()
    agent = made.base / "host1" / "srv" / "run" / "agent.py"
    agent.parent.mkdir()
    agent.write_text(
        "import os, sys, time, pathlib\n"
        "time.sleep(0.3)\n"
        "said = [*sys.argv[1:], str(sys.flags.isolated), os.environ['CIRCLE_SANDBOX']]\n"
        "pathlib.Path('srv/booted').write_text(repr(said))\n"
    )
    control.restart_host(made.settings, made.root, "host1")
    home = made.base / "host1"
    assert (home / "srv" / "booted").read_text() == repr(["boot", "srv", "1", str(home)])
    assert "boot: exit 0" in (home / "daemon.log").read_text()


def test_there_is_no_host_of_another_name_to_restart(make: Make) -> None:
    made = make()
    with pytest.raises(NotClosed, match="has no host9"):
        control.restart_host(made.settings, made.root, "host9")
