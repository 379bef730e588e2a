"""Where a session begins: hands questions on, or brings the operator and the run together and carries bytes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any, BinaryIO, Dict

from disk import replace
from host import Host
from questions import questions
from run import guard, settle_alone
from service import Service
from wire import Failure, named, pack, tell, unpack

Message = Dict[str, Any]


def main(names: Dict[str, Any]) -> None:
    """Entry of the assembled agent: by the loader with MARK and SOURCE, or as run/agent.py with arguments."""
    if "MARK" in names:
        return session(names["MARK"], names["SOURCE"])
    what, host, rest = sys.argv[1], Host(sys.argv[2]), sys.argv[3:]
    if what == "run":
        guard(host, named(rest[0]), float(rest[1]))
    elif what == "boot":
        host.prepare()
        settle_alone(host, "the host came up", start=True)
    elif what == "serve":
        argv, cwd, env = Service(host).launch(named(rest[0]), named(rest[1]))
        os.chdir(cwd)
        os.execvpe(argv[0], argv, env)


def session(mark: str, source: bytes) -> None:
    """One SSH session: the mark ends whatever a login shell printed, then the first frame says what is wanted."""
    read, out = sys.stdin.buffer, sys.stdout.buffer
    out.write(mark.encode() + b"\n")
    hello = unpack(read.read)
    if hello is None:
        return
    wanted = hello[1]
    try:
        host = Host(wanted["root"])
        if wanted.get("run"):
            attach(host, wanted, source, read, out)
        else:
            questions(host, wanted, read, out)
    except (Failure, OSError) as error:
        failure = Failure.of(error)
        told = {"kind": failure.kind, "message": failure.message, "evidence": failure.evidence}
        tell(out, {"error": told})


# Bringing operator and run together.


def attach(host: Host, wanted: Message, source: bytes, read: BinaryIO, out: BinaryIO) -> None:
    """Connect to the wanted run, starting it where that is asked and nobody holds the lock; then carry bytes."""
    named(wanted["run"])
    spawned, until, patience = False, time.monotonic() + 15.0, time.monotonic() + 1.0
    while True:
        peer = _knock(host, wanted, out)
        if peer is not None:
            return carry(peer, read, out)
        holder = host.holder()
        if holder is None and not spawned:
            if not wanted.get("start"):
                last = [entry for entry in host.journal() if entry.get("run") == wanted["run"]][-1:]
                outcome = last[0]["event"] if last else "none"
                return tell(out, {"ended": {"outcome": outcome, "current": host.current()}})
            spawn(host, wanted, source)
            spawned = True
        elif holder is not None and holder.get("run") != wanted["run"]:
            closing = holder.get("doing") in ("closing", "settling")  # it ends by itself, soon
            if time.monotonic() > (until if closing else patience):
                return tell(out, {"busy": holder})
        if time.monotonic() > until:
            raise Failure("run", "the run did not start on this host; its words are in run/run.log")
        time.sleep(0.01)


def _knock(host: Host, wanted: Message, out: BinaryIO) -> Any:
    """The run's socket when it is the wanted run that answers, else None."""
    peer = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(host.root)  # the socket's path may be too long to be absolute
        peer.connect("run/run.sock")
        peer.sendall(pack(b"J", {"run": wanted["run"], "spec": wanted.get("spec")}))
        answer = unpack(lambda size: peer.recv(size, socket.MSG_WAITALL))
    except OSError:
        answer = None
    if answer is None or "busy" in answer[1]:
        peer.close()
        return None
    tell(out, answer[1])
    return peer


def spawn(host: Host, wanted: Message, source: bytes) -> None:
    """Start the run as a process that outlives this session. Its code stays in run/agent.py, for the boot unit."""
    host.prepare()
    replace(host.path("run", "agent.py"), source.decode(), 0o600)
    spec = wanted["spec"]
    run, lease = wanted["run"], str(float(spec["lease"]))
    if Service(host, spec["adapter"]).keeper.kind == "systemd":
        command = [
            "systemd-run",
            "--user",
            "--collect",
            "--quiet",
            "--unit=%s-run-%s" % (named(spec["app"]), run),
        ]
        command += [
            "-p",
            "Restart=on-failure",
            sys.executable,
            "-I",
            host.path("run", "agent.py"),
            "run",
        ]
        env = dict(os.environ, XDG_RUNTIME_DIR="/run/user/%d" % os.getuid())
        done = subprocess.run(
            command + [host.root, run, lease], env=env, capture_output=True, text=True
        )
        if done.returncode:
            raise Failure("run", "systemd did not start the run", done.stderr)
        return
    if os.fork():
        return
    os.setsid()
    log = os.open(host.path("run", "run.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    null = os.open(os.devnull, os.O_RDWR)
    for target, handle in ((0, null), (1, log), (2, log)):
        os.dup2(handle, target)
    try:
        guard(host, run, float(lease))
    finally:
        os._exit(0)


def carry(peer: socket.socket, read: BinaryIO, out: BinaryIO) -> None:
    """Bytes both ways until either side ends; the run goes on by itself."""

    def inward() -> None:
        with contextlib.suppress(OSError):
            while True:
                chunk = read.read1(65536)  # type: ignore[attr-defined]
                if not chunk:
                    break
                peer.sendall(chunk)
        os._exit(0)

    threading.Thread(target=inward, daemon=True).start()
    with contextlib.suppress(OSError):
        while True:
            chunk = peer.recv(65536)
            if not chunk:
                break
            out.write(chunk)
            out.flush()
    os._exit(0)
