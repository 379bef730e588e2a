"""Commands on a host of the sandbox run as under sshd. A real daemon, reached through ssh.py."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import psutil
import pytest

from tasks.lib import address, ssh
from tasks.lib.channel import SSHChannel
from tasks.lib.settings import Limits
from tests.lib.sandbox.site import Site, site, until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = site(tmp_path_factory.mktemp("a project"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def link(running: Site) -> Iterator[ssh.Link]:
    made = ssh.connect(running.targets()[0], Limits())
    yield made
    made.close()


def everything(channel: SSHChannel) -> str:
    """Read until the end."""
    return b"".join(iter(lambda: channel.read(65536, 20), b"")).decode()


def test_a_command_has_its_output_its_complaints_and_its_exit_status(link: ssh.Link) -> None:
    channel = link.open("echo out; echo err >&2; exit 3")
    assert everything(channel) == "out\n"
    assert channel._channel.recv_exit_status() == 3
    assert channel.complaint() == "err\n"


def test_it_runs_in_the_hosts_directory(running: Site, link: ssh.Link) -> None:
    assert everything(link.open("pwd")) == f"{running.base / 'host1'}\n"


def test_an_end_by_a_signal_is_told(link: ssh.Link) -> None:
    channel = link.open("kill -9 $$")
    assert everything(channel) == ""
    assert channel._channel.recv_exit_status() == -1  # what paramiko makes of an exit-signal


def test_input_arrives_with_its_end(link: ssh.Link) -> None:
    channel = link.open("wc -c")
    channel.write(b"x" * 5_000_000)
    channel._channel.shutdown_write()
    assert everything(channel).strip() == "5000000"


def test_a_command_that_reads_no_more_does_not_stop_the_host(link: ssh.Link) -> None:
    channel = link.open("exec 0<&-; sleep 0.2; echo done")
    channel.write(b"x" * 200_000)
    assert everything(channel) == "done\n"
    assert everything(link.open("echo again")) == "again\n"


def test_much_output_comes_whole_to_a_slow_reader(link: ssh.Link) -> None:
    channel = link.open("head -c 20000000 /dev/zero")
    time.sleep(0.3)  # longer than the windows of both sides take to fill
    assert len(everything(channel)) == 20_000_000


def test_many_sessions_at_once(link: ssh.Link) -> None:
    channels = [link.open(f"read line; echo {number} $line") for number in range(20)]
    for channel in channels:
        channel.write(b"said\n")
    assert [everything(each) for each in channels] == [f"{n} said\n" for n in range(20)]


def test_without_a_command_a_shell_reads_its_input(link: ssh.Link) -> None:
    session = link.connection.transport.open_session()
    session.invoke_shell()
    session.sendall(b"echo $((6 * 7))\nexit 4\n")
    assert session.recv(100) == b"42\n"
    assert session.recv_exit_status() == 4


@pytest.mark.parametrize("how", ["the session", "the connection"])
def test_closing_ends_the_pipes_and_what_has_detached_itself_lives(
    link: ssh.Link, tmp_path: Path, how: str
) -> None:
    command = (
        "setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $! $$;"
        f" cat; echo ended > '{tmp_path}/ended'; echo nobody hears this"
    )
    channel = link.open(command)
    detached, shell = map(int, channel.read(100, 20).split())
    if how == "the session":
        channel.close()
    else:
        link.connection.transport.sock.shutdown(2)
    until((tmp_path / "ended").exists)  # cat got the end of its input
    until(lambda: not psutil.pid_exists(shell) or psutil.Process(shell).status() == "zombie")
    assert psutil.Process(detached).is_running()
    os.kill(detached, signal.SIGKILL)


def test_what_writes_to_a_client_that_is_gone_is_ended_by_it(
    link: ssh.Link, tmp_path: Path
) -> None:
    channel = link.open("echo $$; exec yes")
    said = channel.read(100, 20)
    process = psutil.Process(int(said.split()[0]))
    link.close()
    until(lambda: not process.is_running() or process.status() == "zombie")


def test_no_pipe_of_a_session_stays_open_in_the_daemon(running: Site, link: ssh.Link) -> None:
    daemon = psutil.Process(running.start()[0].pid)
    everything(link.open("true"))
    before = daemon.num_fds()
    for _ in range(10):
        everything(link.open("true"))
        link.open("cat").close()
    until(lambda: daemon.num_fds() <= before)


def test_the_environment_is_a_short_list_and_no_secret(
    running: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MY_SECRET_TOKEN", "sentinel-8431")
    monkeypatch.setenv("PIP_TIMEOUT", "7")
    other = site(tmp_path / "other")
    (other.root / ".env").write_text("ALSO_SECRET=sentinel-8431\n")
    try:
        host = other.start()[0]
        link = ssh.connect(other.targets()[0], Limits())
        said = dict(line.split("=", 1) for line in everything(link.open("env")).splitlines())
        link.close()
        assert "sentinel-8431" not in str(said)
        assert "sentinel-8431" not in str(psutil.Process(host.pid).environ())
    finally:
        other.stop()
    assert said["CIRCLE_SANDBOX"] == str(other.base / "host1")
    assert said["PIP_TIMEOUT"] == "7" and said["SHELL"] == "/bin/sh"
    assert "PYTHONPATH" not in said and "VIRTUAL_ENV" not in said


def test_a_terminal_is_one_and_hangs_up_when_the_client_is_gone(link: ssh.Link) -> None:
    session = link.connection.transport.open_session()
    session.get_pty(term="vt100", width=91, height=17)
    session.exec_command("tty; echo $TERM; stty size; echo $$; exec sleep 60")
    name, kind, size, pid = (heard(session, b"\r\n").decode().strip() for _ in range(4))
    assert (name.startswith("/dev/"), kind, size) == (True, "vt100", "17 91")
    process = psutil.Process(int(pid))
    session.close()
    until(lambda: not process.is_running() or process.status() == "zombie")


def test_a_shell_on_a_terminal_follows_its_size_and_its_keys(link: ssh.Link) -> None:
    session = link.connection.transport.open_session()
    session.settimeout(20)
    session.get_pty(width=80, height=24)
    session.invoke_shell()
    session.resize_pty(width=100, height=30)
    session.sendall(b"stty size; echo don''e\n")
    assert b"30 100" in heard(session, b"done\r\n")
    session.sendall(b"""sh -c 'echo rea""dy; exec cat'; exit 7\n""")
    heard(session, b"ready\r\n")
    session.sendall(b"\x03")  # Ctrl-C ends cat and not the shell
    heard(session, b"^C")
    heard(session, b" ")  # its prompt: what is typed before an interrupt has been seen to is lost
    session.sendall(b"exit 5\n")
    assert session.recv_exit_status() == 5


def heard(session: paramiko.Channel, end: bytes) -> bytes:
    """Read until something is said."""
    said = b""
    while not said.endswith(end):
        said += session.recv(1)
    return said


def test_much_output_of_a_terminal_comes_whole(link: ssh.Link) -> None:
    session = link.connection.transport.open_session()
    session.get_pty()
    session.exec_command("head -c 5000000 /dev/zero")
    time.sleep(0.3)
    assert len(everything(SSHChannel(session))) == 5_000_000


@pytest.mark.parametrize(("name", "status"), [("TERM", 15), ("NOSUCH", 0)])
def test_a_signal_reaches_the_command(link: ssh.Link, name: str, status: int) -> None:
    channel = link.open("trap 'echo got; exit 15' TERM; echo up; read line; exit 0")
    assert channel.read(10, 20) == b"up\n"
    # paramiko has no call for it: RFC 4254, 6.9, by hand.
    message = paramiko.Message()
    message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
    message.add_int(channel._channel.remote_chanid)
    message.add_string("signal")
    message.add_boolean(False)
    message.add_string(name)
    link.connection.transport._send_user_message(message)
    with contextlib.suppress(OSError):  # a command that has the signal may be gone by now
        channel.write(b"line\n")
    assert channel._channel.recv_exit_status() == status


def test_a_host_may_be_the_jump_to_another(running: Site, tmp_path: Path) -> None:
    host = running.start()[0]
    config = tmp_path / "config"
    identity = str(running.base / "user_key")
    config.write_text(
        f"Host far\n HostName 127.0.0.1\n Port {host.ssh_port}\n ProxyJump near\n"
        f"Host near\n HostName 127.0.0.1\n Port {host.ssh_port}\n"
        f'Host *\n User sandbox\n IdentitiesOnly yes\n IdentityFile "{identity}"\n'
    )
    direct = running.targets()[0]
    target = dataclasses.replace(
        direct, address=address.parse("far"), identity=None, ssh_config=config
    )
    through = ssh.connect(target, Limits())
    assert everything(through.open("echo there")) == "there\n"
    through.close()


def test_its_python_is_no_virtual_environments(link: ssh.Link) -> None:
    found = everything(
        link.open("python3 -I -c 'import sys; print(sys.prefix == sys.base_prefix)'")
    )
    assert found == "True\n"


def test_ssh_itself_gets_in_with_the_known_key(running: Site) -> None:
    if subprocess.run(["which", "ssh"], capture_output=True).returncode:
        pytest.skip("ssh is not installed")
    host = running.start()[0]
    base = running.base
    argv = ["ssh", "-F", "none", "-p", str(host.ssh_port), "-i", str(base / "user_key")]
    # ssh splits the value at spaces unless it is quoted.
    argv += ["-o", f'UserKnownHostsFile="{base / "known_hosts"}"', "-o", "BatchMode=yes"]
    done = subprocess.run([*argv, "sandbox@127.0.0.1", "echo in"], capture_output=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, b"in\n"), done.stderr
