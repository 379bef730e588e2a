"""A listening socket that is handed on: whose it is, who may connect, and what is told."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from tests.support import rig as support
from tests.support.rig import LONG, Rig, until

SERVER = (support.SUPPORT / "handed.py").read_text()
# Two processes that share the socket take 0.2 s for each request; told to end, they take no more.
SHARED = SERVER.replace(
    "server.serve_forever()",
    """
import signal, time
ending = []
signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
server.socket.setblocking(False)
server.timeout = 0.1
os.fork()
while not ending:
    time.sleep(0.2)
    server.handle_request()
""",
)


def answer(rig: Rig, release: str) -> dict[str, Any]:
    """What a release says of itself at its own socket."""
    with asked(rig, release) as link:
        said = b"".join(iter(lambda: link.recv(4096), b""))
    found: dict[str, Any] = json.loads(said.partition(b"\r\n\r\n")[2])
    return found


def asked(rig: Rig, release: str) -> socket.socket:
    """A connection to a release's socket that has asked for `/`."""
    here = os.getcwd()
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(LONG)
    try:
        os.chdir(rig.root)  # the path may be too long to be absolute
        link.connect(f"releases/{release}/run/app.sock")
    finally:
        os.chdir(here)
    link.sendall(b"GET / HTTP/1.0\r\n\r\n")
    return link


def deployed(rig: Rig, command: str = "python server.py {fd} 'a b' {socket}") -> dict[str, Any]:
    rig.deploy("one", files={"server.py": SERVER}, processes={"web": command})
    return answer(rig, "one")


def mode(rig: Rig) -> int:
    return stat.S_IMODE(os.stat(rig.root / "releases" / "one" / "run" / "app.sock").st_mode)


def test_a_service_is_handed_a_socket_that_listens(rig: Rig) -> None:
    said = deployed(rig)
    assert said["pid"] == rig.pid("one"), "whoever ends it must not end a shell before it"
    assert said["argv"] == ["4", "a b", "run/app.sock"]
    told = {key: said.get(key) for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")}
    assert told == {
        "LISTEN_PID": str(said["pid"]),
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "web",
    }
    assert mode(rig) == 0o666 and said["stdin"] == "/dev/null"


def test_it_is_at_the_descriptor_that_the_protocol_names_too(rig: Rig) -> None:
    assert deployed(rig, "env OURS={fd} python server.py 3")["argv"] == ["3"]


def test_nobody_else_keeps_the_socket_open(rig: Rig) -> None:
    """Or a service that has died would look as if it were only slow."""
    deployed(rig)
    os.killpg(rig.pid("one"), signal.SIGKILL)
    until(lambda: not rig.healthy("one"))
    place = str(rig.root / "releases" / "one" / "run" / "app.sock")
    with socket.socket(socket.AF_UNIX) as link, pytest.raises(ConnectionRefusedError):
        os.symlink(Path(place).parent, rig.base / "s")  # the way there may be too long
        link.connect(str(rig.base / "s" / "app.sock"))


def test_a_unit_hands_it_over_just_the_same(rig: Rig) -> None:
    deployed(rig)
    os.killpg(rig.pid("one"), signal.SIGKILL)
    until(lambda: not [p for p in rig.processes() if p.pid == rig.pid("one")])
    argv = [rig.python, "-I", str(rig.root / "run" / "agent.py")]
    argv += ["serve", str(rig.root), "one", "web"]
    with open(os.devnull, "rb") as third, open(os.devnull, "rb") as fourth:
        kept = (third.fileno(), fourth.fileno())
        unit = subprocess.Popen(argv, env=rig.env, stdin=subprocess.DEVNULL, pass_fds=kept)
    try:
        until(lambda: rig_answers(rig))
        said = answer(rig, "one")
        assert said["pid"] == unit.pid and said["LISTEN_PID"] == str(unit.pid)
        assert mode(rig) == 0o666 and psutil.Process(unit.pid).children() == []
    finally:
        unit.terminate()
        unit.wait(LONG)


def rig_answers(rig: Rig) -> bool:
    try:
        return bool(answer(rig, "one"))
    except OSError:
        return False


def test_who_connects_before_the_service_is_up_waits(rig: Rig) -> None:
    slow = "sh -c 'sleep 1; exec python server.py 3' sh {fd}"
    assert deployed(rig, slow)["release"] == "one"


def test_who_waits_at_a_socket_that_several_share_is_answered_before_they_end(rig: Rig) -> None:
    web = {"web": "python server.py {fd}"}
    rig.deploy("one", files={"server.py": SHARED}, processes=web, drain=LONG)
    waiting = [asked(rig, "one") for _ in range(30)]
    rig.deploy("two", files={"server.py": SERVER}, processes=web)
    for link in waiting:
        with link:
            assert b"200 OK" in link.recv(4096)


def test_one_that_ends_at_once_is_told_as_such(rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one", processes={"web": "false {fd}"})
    with pytest.raises(Exception, match="one ended before it answered"):
        session.call("start", LONG, release="one")


def test_a_command_that_is_not_there_is_named(rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one", processes={"web": "no-such-server {fd}"})
    with pytest.raises(Exception) as failed:
        session.call("start", LONG, release="one")
    assert "no-such-server" in str(getattr(failed.value, "evidence", "")) + str(failed.value)


def test_a_service_that_asks_for_none_is_told_of_none(parts: SimpleNamespace) -> None:
    given = {"PATH": "/bin", "LISTEN_FDS": "1", "LISTEN_PID": "1"}  # such as from a file
    assert parts.listening.handed((["serve", "{socket}"], "/", given)) == (
        ["serve", "{socket}"],
        "/",
        {"PATH": "/bin"},
    )


@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param('{"release": "r1"}', True, id="json"),
        pytest.param("r1\n", True, id="plain"),
        pytest.param('{"release": "r2"}', False, id="another"),
        pytest.param("r1 r2", False, id="more than the id"),
        pytest.param("<p>r1</p>", False, id="a page"),
        pytest.param("", False, id="nothing"),
        pytest.param("[]", False, id="no object"),
    ],
)
def test_a_version_names_its_release(parts: SimpleNamespace, body: str, named: bool) -> None:
    from tasks.lib import public

    assert parts.probe.names(body, "r1") is named
    assert (public._named(body) == "r1") is named
