"""What an operator may ask for without a run: facts, journal, logs, commands, an environment."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
import time
from typing import Any, BinaryIO, Callable, Dict, List, Optional

from command import open_lock, tell_holder
from disk import replace
from facts import facts
from hiding import Curtain
from host import Host
from listening import Launch
from service import Service
from shapes import shaped
from staging import missing
from wire import BEAT, Failure, count, named, tell, text, unpack, unpack_object

Message = Dict[str, Any]
Send = Callable[[Message], None]

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
GRACE = 5.0  # seconds from TERM to KILL for a command whose operator has left
LARGEST = 64 << 20  # bytes that go with a question at the most
PIECE = 5000  # characters that fit a frame, whatever they are


def questions(host: Host, wanted: Message, read: BinaryIO, out: BinaryIO) -> None:
    """Answer numbered questions until the session ends, or after one whose answer is a stream."""
    service = Service(host, wanted.get("adapter", "auto"))
    if os.path.isdir(host.root):
        os.chdir(host.root)
    sending = threading.Lock()

    def send(message: Message) -> None:
        with sending:
            tell(out, message)

    send({"ready": True})
    threading.Thread(target=_beat, args=(send,), daemon=True).start()
    while True:
        step = unpack_object(read.read)
        if step is None:
            return
        if not step:
            send({})  # a heartbeat is answered; during a long answer ours go out by themselves
            continue
        shaped(step, "a question", {"n": count})
        blob = _blob(read) if step.get("blob") else b""
        last = step.get("do") in ("logs", "exec")
        try:
            value = stream(service, step, read, send) if last else answer(service, step, blob, send)
            send({"n": step["n"], "ok": True, "value": value})
        except BrokenPipeError:
            os._exit(0)
        except Exception as error:
            with contextlib.suppress(OSError):
                send({"n": step["n"], "ok": False, "error": Failure.of(error).told()})
        if last:
            os._exit(0)  # a thread still waits for input, and would be in the way of an orderly end


def _blob(read: BinaryIO) -> bytes:
    blob = bytearray()
    while True:
        part = unpack(read.read)
        if part is None or not part[1]:
            return bytes(blob)
        if part[0] != b"B" or len(blob) > LARGEST:
            raise Failure("protocol", "what came with the question is too large, or no part of it")
        blob += part[1]


def answer(service: Service, step: Message, blob: bytes, send: Send) -> Any:
    """One question's answer. Raises Failure."""
    host, what = service.host, step.get("do")
    if what == "beat":
        return None
    if what == "facts":
        more = {"missing": missing(service, blob)} if step.get("blob") else {}
        return {**facts(service), **more}
    if what == "history":
        for entry in host.journal()[-max(1, count(step.get("count"))) :]:
            send({"n": step["n"], "out": json.dumps(entry)})
        return {}
    if what == "check":
        return {"damage": service.damage(named(step.get("release")))}
    if what == "push":
        return push(host, canonical(blob), shaped(step, "a push", PUSH))
    raise Failure("protocol", "no question is called %r" % (what,))


# The environment file.


def canonical(blob: bytes) -> str:
    """An environment file that all readers take alike: KEY="JSON string" lines. Raises Failure."""
    try:
        lines = blob.decode("utf-8").split("\n")
        for line in lines[:-1]:
            key, _, value = line.partition("=")
            if not KEY.fullmatch(key) or not value.startswith('"'):
                raise ValueError
            text(json.loads(value))
    except (ValueError, Failure):
        raise Failure("protocol", "the environment file is not in its canonical form") from None
    if lines[-1]:
        raise Failure("protocol", "the environment file's last line is cut")
    return "\n".join(lines)


def _keys(value: Any) -> Any:
    if not isinstance(value, list) or not all(KEY.fullmatch(str(key)) for key in value):
        raise Failure("protocol", "%.200r are no variables' names" % (value,))
    return value


PUSH = {"rotated": _keys, "who": text, "run": text}


def push(host: Host, new: str, said: Message) -> Message:
    """Replace shared/.env, atomically, for the next release.

    `rotated` keys are the older releases' too from now on. Keys are journalled, values never.
    """
    keys = [line.partition("=")[0] for line in new.split("\n") if line]
    rotated = [str(key) for key in said["rotated"]]
    host.prepare()
    lock = open_lock(host.path("lock"))
    if lock is None:
        raise Failure("locked", _held(host.holder() or {}))
    try:
        holding = {"who": said["who"], "since": time.time(), "run": said["run"], "doing": "push"}
        tell_holder(lock, holding)
        if rotated:
            known = host.read_json("shared", ".rotated.json") or []
            replace(host.path("shared", ".rotated.json"), json.dumps(sorted({*known, *rotated})))
        replace(host.path("shared", ".env"), new)
        named_only = {"keys": keys, "rotated": rotated}
        host.record("pushed", run=said["run"], kind="environment", who=said["who"], **named_only)
    finally:
        os.close(lock)
    return {"keys": len(keys)}


def _held(holder: Message) -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(holder.get("since") or time.time()))
    who, what = holder.get("who") or "another operator", holder.get("run") or "a run"
    return "%s holds this host since %s (%s: %s)" % (who, since, what, holder.get("doing") or "?")


# Answers without an end of their own.


def stream(service: Service, step: Message, read: BinaryIO, send: Send) -> Message:
    """Run a command and send its output, secrets hidden; it ends with the operator's session."""
    host = service.host
    if not (step.get("release") or host.current()):
        raise Failure("none", "nothing is live on this host")
    release = named(step.get("release") or host.current())
    processes = service.said(release)["processes"]
    if step["do"] == "exec":
        return _run(
            service, release, service.surround(release, _words(step.get("argv"))), step, read, send
        )
    process = named(step.get("process"))
    if process not in processes:
        has = ", ".join(sorted(processes))
        raise Failure("process", "%s has no process %s, but %s" % (release, process, has))
    lines, follow = count(step.get("lines")), bool(step.get("follow"))
    words = service.keeper.log_command(release, process, lines, follow)
    return _run(service, release, (words, host.root, dict(os.environ)), step, read, send)


def _words(value: Any) -> List[str]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise Failure("protocol", "a command is a list of words")
    return value


def _run(
    service: Service, release: str, launch: Launch, step: Message, read: BinaryIO, send: Send
) -> Message:
    argv, cwd, env = launch
    try:
        child = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Failure("command", "%s can't be run: %s" % (argv[0], why)) from None
    threading.Thread(target=_end_with, args=(child, read), daemon=True).start()
    curtain = Curtain(_current_secrets(service, release))
    assert child.stdout is not None
    try:
        while True:
            piece = os.read(child.stdout.fileno(), PIECE)  # a line at a time would take far longer
            shown = curtain.show(piece)
            for at in range(0, len(shown), PIECE):
                send({"n": step["n"], "out": shown[at : at + PIECE]})
            if not piece:
                return {"code": child.wait()}
    except OSError:  # nobody listens any more
        _end(child)
        raise


def _current_secrets(service: Service, release: str) -> Callable[[], List[str]]:
    """The secrets to hide, read again when a new environment file has been pushed."""
    known: List[str] = []
    seen: Optional[float] = -1.0

    def secrets() -> List[str]:
        nonlocal known, seen
        try:
            now: Optional[float] = os.stat(service.host.path("shared", ".env")).st_mtime
        except OSError:
            now = None
        if now != seen:
            known, seen = service.secrets(release), now
        return known

    return secrets


def _beat(send: Send) -> None:
    """Show a waiting operator that this host is there, and find out when the operator isn't."""
    with contextlib.suppress(OSError):
        while True:
            time.sleep(BEAT)
            send({})


def _end_with(child: "subprocess.Popen[bytes]", read: BinaryIO) -> None:
    """Wait for the end of the operator's session, and end the command with it."""
    with contextlib.suppress(OSError, Failure):
        while unpack(read.read) is not None:
            pass
    _end(child)
    os._exit(0)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """TERM, then KILL, to the command and all of its group."""
    until = time.monotonic() + GRACE
    with contextlib.suppress(OSError):
        os.killpg(child.pid, signal.SIGTERM)
        while time.monotonic() < until:
            child.poll()
            os.killpg(child.pid, 0)  # raises when none of the group is left
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGKILL)
