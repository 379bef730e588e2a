"""Where a session begins: hands questions on, or brings the operator and the run together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Dict, Optional

from beside import enter
from disk import replace
from host import Host
from keeper import keeper, lingers, trim
from listening import hand
from shapes import SPEC, shaped
from wire import Failure, named, pack, tell, text, unpack, unpack_object

if TYPE_CHECKING:
    from service import Service

# Each process of the agent imports what it does, and no more: it is started for every release.
Message = Dict[str, Any]


def main(names: Dict[str, Any]) -> None:
    """Entry of the assembled agent.

    By the loader with MARK and SOURCE, or as run/agent.py with arguments: `run` and `boot` take the
    root, `serve` also a release and a process. Units on hosts call these: they stay as they are.
    """
    if "MARK" in names:
        return session(names["MARK"], names["SOURCE"])
    what, host, rest = sys.argv[1], Host(sys.argv[2]), sys.argv[3:]
    if what == "run":
        from guard import guard

        guard(host, named(rest[0]), float(rest[1]))
    elif what == "boot":
        from guard import settle_alone

        host.prepare()
        settle_alone(host, "the host came up", start=True)
    elif what == "serve":
        adapter: Any = (host.manifest(named(rest[0])) or {}).get("adapter", "auto")
        from service import Service

        serve(Service(host, adapter), rest[0], named(rest[1]))


def serve(service: "Service", release: str, process: str) -> None:
    """Become a release's process, with what it would be given where we start it ourselves."""
    os.umask(0o027)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python has it ignored, and what it execs, too
    try:
        argv, cwd, env = service.launch(release, process)
        if process == "web":
            os.chdir(service.host.root)  # the socket's path may be too long to be absolute
            place = service.host.release(release, "run", "app.sock")
            if not hand(env, place):
                _open_socket(place)
        else:
            enter(service, release, process)
        os.chdir(cwd)
        os.execvpe(argv[0], argv, env)
    except (Failure, OSError) as error:
        sys.exit(str(error))


def _open_socket(path: str, limit: float = 600.0) -> None:
    """Let the front connect as soon as the socket is there: also when systemd has started it again.

    By a process of its own, because this one becomes the service, and no child of it.
    """
    ours = os.getpid()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    until = time.monotonic() + limit
    with contextlib.suppress(OSError):
        while time.monotonic() < until:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(path, 0o666)
                break
            os.kill(ours, 0)
            time.sleep(0.02)
    os._exit(0)


def session(mark: str, source: bytes) -> None:
    """One SSH session: the mark ends what a login shell printed; the first frame says the rest."""
    read, out = sys.stdin.buffer, sys.stdout.buffer
    out.write(mark.encode() + b"\n")
    os.umask(0o027)
    try:
        wanted = unpack_object(read.read)
        if wanted is None:
            return
        shaped(wanted, "the first frame", {"root": text})
        if not wanted["root"].strip("/"):
            raise Failure("protocol", "%r can't be an application's directory" % wanted["root"])
        host = Host(wanted["root"])
        host.ours()
        if wanted.get("run"):
            attach(host, wanted, source, read, out)
        else:
            from questions import questions

            questions(host, wanted, read, out)
    except BrokenPipeError:
        os._exit(0)  # the operator has gone: there is nobody to tell
    except Exception as error:
        tell(out, {"error": Failure.of(error).told()})


# Bringing operator and run together.


def attach(host: Host, wanted: Message, source: bytes, read: BinaryIO, out: BinaryIO) -> None:
    """Connect to the wanted run, then carry bytes.

    It is started where that is asked and nobody holds the lock. Raises Failure.
    """
    named(wanted["run"])
    if shaped(wanted.get("spec"), "the run", SPEC)["run"] != wanted["run"]:
        raise Failure("protocol", "the run has two names")
    spawned, until = False, time.monotonic() + 15.0
    met = 0.0  # when somebody else was met who holds the lock since
    while True:
        peer = _knock(host, wanted, out)
        if peer is not None:
            return carry(peer, read, out)
        holder = host.holder()
        ended = None if holder is not None or wanted.get("start") else _ended(host, wanted["run"])
        if ended:
            return tell(out, {"ended": ended})
        if holder is None and not spawned:
            if wanted.get("start"):
                spawn(host, wanted, source)
            else:
                _aside(host, lambda: _settle(host))
            spawned = True
        elif holder is not None and holder.get("run") != wanted["run"]:
            # One that closes ends by itself; one that has said nothing yet has only begun.
            soon = not holder or holder.get("doing") in ("closing", "settling")
            met = 0.0 if soon else met or time.monotonic()
            if time.monotonic() > (until if soon else met + 1.0):
                return tell(out, {"busy": holder})
        else:
            met = 0.0
        if time.monotonic() > until:
            raise Failure("run", "the run did not start on this host; its words are in run/run.log")
        time.sleep(0.01)


def _settle(host: Host) -> None:
    from guard import settle_alone

    settle_alone(host, "the run and its guard were killed")


def _ended(host: Host, run: str) -> Optional[Message]:
    """How a run that is over has ended, as the journal has it; None while it left what pends."""
    if (host.pending() or {}).get("run") == run:
        return None
    events = [entry["event"] for entry in host.journal() if entry.get("run") == run]
    return {"outcome": events[-1] if events else "none", "current": host.current()}


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
    """Start the run as a process that outlives this session.

    Its code stays in run/agent.py, for the boot unit.
    """
    spec = wanted["spec"]
    run, lease = wanted["run"], float(spec["lease"])
    systemd = keeper(host, spec["adapter"]).kind == "systemd"
    if systemd and not lingers():
        raise Failure(
            "linger",
            "what runs here would end with this session: `sudo loginctl enable-linger $USER`",
        )
    host.prepare()
    _keep_source(host.path("run", "agent.py"), source)
    if systemd:
        return _spawn_unit(host, spec["app"], run, lease)
    with contextlib.suppress(OSError):
        trim(host.path("run", "run.log"), 1 << 20)
    _aside(host, lambda: _guard(host, run, lease))


def _guard(host: Host, run: str, lease: float) -> None:
    from guard import guard

    guard(host, run, lease)


def _keep_source(path: str, source: bytes) -> None:
    """Written where it differs only: what was compiled of it stays valid."""
    with contextlib.suppress(OSError):
        with open(path, "rb") as kept:
            if kept.read() == source:
                return
    replace(path, source.decode(), 0o600)


def _aside(host: Host, act: Callable[[], None]) -> None:
    """Do something in a process that outlives this session."""
    log = os.open(host.path("run", "run.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    if os.fork():
        os.close(log)
        return
    try:
        os.setsid()
        os.chdir(host.root)
        null = os.open(os.devnull, os.O_RDWR)
        for target, handle in ((0, null), (1, log), (2, log)):
            os.dup2(handle, target)
        act()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _spawn_unit(host: Host, app: str, run: str, lease: float) -> None:
    """A unit that is started again when its main process is killed, and then settles."""
    command = ["systemd-run", "--user", "--collect", "--quiet", "--unit=%s-run-%s" % (app, run)]
    command += ["-p", "Restart=on-failure", sys.executable, "-I", host.path("run", "agent.py")]
    env = dict(os.environ, XDG_RUNTIME_DIR="/run/user/%d" % os.getuid())
    words = ["run", host.root, run, str(lease)]
    done = subprocess.run(command + words, env=env, capture_output=True, text=True)
    if done.returncode:
        raise Failure("run", "systemd did not start the run", done.stderr)


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
