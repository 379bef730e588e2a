"""Starting, restarting and ending the hosts of a sandbox; all real processes and ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tasks.lib import ssh
from tasks.lib.errors import NotClosed
from tasks.lib.sandbox import control, processes, state
from tasks.lib.settings import Limits
from tests.lib.sandbox.site import Site, site, until

Make = Callable[..., Site]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make sandboxes that are ended with the test."""
    sites: list[Site] = []

    def maker(*path: str, **said: int) -> Site:
        sites.append(site(tmp_path.joinpath(*(path or ("project",))), **said))
        return sites[-1]

    yield maker
    for each in sites:
        each.stop()
        assert processes.marked(each.base) == []


def says(made: Site, command: str, number: int = 0) -> str:
    link = ssh.connect(made.targets()[number], Limits())
    channel = link.open(command)
    found = b"".join(iter(lambda: channel.read(65536, 20), b"")).decode()
    link.close()
    return found


def status(url: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=20).status_code


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


def test_ending_it_leaves_no_process_and_no_file(make: Make) -> None:
    made = make(hosts=2)
    hosts = made.start()
    made.serve("one")
    # Detached in every way that there is: a session of its own, no parent, no open file of ours.
    script = (
        'nohup setsid sh -c \'trap "" TERM HUP INT; echo $$ > srv/stubborn; while :; do sleep 1;'
        " done' >/dev/null 2>&1 </dev/null &"
    )
    says(made, script)
    until((made.base / "host1/srv/stubborn").exists)
    stubborn = psutil.Process(int((made.base / "host1/srv/stubborn").read_text()))
    assert stubborn.ppid() not in [each.pid for each in hosts]
    assert made.stop() >= 4
    assert not stubborn.is_running() or stubborn.status() == psutil.STATUS_ZOMBIE
    assert processes.marked(made.base) == []
    assert not made.base.exists() and list(made.root.iterdir()) == []
    for host in hosts:
        with pytest.raises(requests.exceptions.ConnectionError):
            status(host.front)
    assert made.stop() == 0


def test_ending_it_can_keep_its_files(make: Make) -> None:
    made = make()
    before = made.start()[0]
    control.stop(made.settings, made.root, keep=True)
    assert processes.marked(made.base) == []
    after = made.start()[0]
    assert (after.ssh_port, after.front_port) == (before.ssh_port, before.front_port)


def test_what_was_removed_by_hand_is_ended_all_the_same(make: Make) -> None:
    made = make()
    made.start()
    shutil.rmtree(made.base)
    assert made.stop() == 1
    assert not made.base.exists()


def test_another_sandbox_is_left_alone(make: Make) -> None:
    one, other = make("project"), make("project2")
    one.start()
    kept = other.start()[0]
    one.stop()
    assert status(kept.front) == 503


def test_a_host_that_does_not_start_is_told_with_the_end_of_its_log(make: Make) -> None:
    made = make()
    (made.base / "host1").mkdir(parents=True)
    (made.base / "host1" / "host_key").write_text("no key\n")
    with pytest.raises(NotClosed, match="host1 didn't start; see .*daemon.log") as refused:
        made.start()
    assert "KeyImportError: Invalid private key" in str(refused.value.evidence)
    assert refused.value.kind == "start"
    assert processes.marked(made.base) == []
    assert control.missing(made.settings, made.root) == ["host1"]


def test_of_several_hosts_those_that_start_stay_and_the_others_can_be_mended(make: Make) -> None:
    made = make(hosts=3)
    (made.base / "host2").mkdir(parents=True)
    (made.base / "host2" / "host_key").write_text("no key\n")
    with pytest.raises(NotClosed, match="host2 didn't start"):
        made.start()
    assert len(processes.marked(made.base)) == len(state.read(made.base).hosts) == 1
    (made.base / "host2" / "host_key").unlink()
    assert len(made.start()) == 3


def test_a_host_that_hangs_while_it_starts_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make()
    agent = made.base / "host1" / "srv" / "run" / "agent.py"
    agent.parent.mkdir(parents=True)
    agent.write_text("import time; time.sleep(60)\n")
    monkeypatch.setattr(control, "START_LIMIT", 1.5)
    with pytest.raises(NotClosed, match="didn't start"):
        made.start()
    assert processes.marked(made.base) == []


def test_a_torn_state_counts_as_none(make: Make) -> None:
    made = make()
    made.start()
    (made.base / state.FILE).write_text('{"hosts": [{"name": ')
    assert state.read(made.base).hosts == ()
    assert len(made.start()) == 1 and len(processes.marked(made.base)) == 1


def test_a_process_id_that_belongs_to_another_now_is_no_host(make: Make) -> None:
    made = make()
    host = made.start()[0]
    for pid in (os.getpid(), 0, -1, 2**40):
        other = state.Host(host.name, host.ssh_port, host.front_port, pid)
        assert not state.running(made.base, other)
    assert state.running(made.base, host)


def test_its_daemon_dies_by_term_at_once_and_cleanly(make: Make) -> None:
    made = make()
    host = made.start()[0]
    daemon = psutil.Process(host.pid)
    daemon.terminate()
    until(lambda: not processes.marked(made.base))
    assert "Traceback" not in (made.base / "host1" / "daemon.log").read_text()


def test_ending_does_not_wait_for_who_ignores_it_longer_than_the_grace(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{deaf}; time.sleep(60)"],
        env=os.environ | {state.MARKER: str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == b"1\n"
    started = time.monotonic()
    assert processes.end(tmp_path, grace=0.3) == 1
    assert time.monotonic() - started >= 0.3
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()


def test_what_can_not_be_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GONE", -1.0)
    process = subprocess.Popen(["sleep", "60"], env=os.environ | {state.MARKER: str(tmp_path)})
    try:
        with pytest.raises(NotClosed, match=f"Processes {process.pid} of"):
            processes.end(tmp_path, grace=0)
    finally:
        process.kill()
        process.wait()
