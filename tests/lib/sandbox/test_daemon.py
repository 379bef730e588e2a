"""Taking ports. (The daemon as a whole is in test_control.py and test_session.py.)"""

from __future__ import annotations

import errno
import socket
import threading

import pytest

from tasks.lib.sandbox import daemon


def port(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def free() -> int:
    with daemon.bind(0) as sock:
        return port(sock)


def test_any_port_is_one_that_no_outgoing_connection_gets() -> None:
    with daemon.bind(0) as one, daemon.bind(0) as other:
        assert port(one) in daemon.PORTS and port(other) in daemon.PORTS
        assert port(one) != port(other)
        assert one.getsockname()[0] == "127.0.0.1"


def test_a_free_port_is_had() -> None:
    wanted = free()
    with daemon.bind(wanted) as sock:
        assert port(sock) == wanted


def test_a_taken_port_is_not_waited_for() -> None:
    with daemon.bind(0) as owner, daemon.bind(port(owner)) as sock:
        assert port(sock) != port(owner)


def test_a_port_that_was_ours_is_waited_for() -> None:
    owner = daemon.bind(0)
    wanted = port(owner)
    timer = threading.Timer(0.2, owner.close)
    timer.start()
    with daemon.bind(wanted, patience=20) as sock:
        assert port(sock) == wanted
    timer.join()


def test_a_port_that_was_ours_and_never_gets_free_is_given_up() -> None:
    with daemon.bind(0) as owner, daemon.bind(port(owner), patience=0.1) as sock:
        assert port(sock) != port(owner)


def test_another_error_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    # Every loopback address is there on Linux: only a limit on open files brings another error up.
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError) as raised:
            daemon.bind(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised.value.errno == errno.EMFILE
