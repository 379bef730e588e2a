"""The run: a process of its own that holds the lock, does an operator's numbered steps, and keeps the lease."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import socket
import threading
import time
import traceback
from typing import Any, Dict, Optional, Tuple

from command import Commands, open_lock
from host import Host
from service import Service
from settle import Settler
from steps import Steps
from wire import BEAT, Failure, pack, unpack

Answer = Dict[str, Any]


class Run:
    """Threads: one accepts and reads (any byte renews the lease), one watches the lease, the main one does the steps."""

    def __init__(self, host: Host, run: str, lease: float, lock: int, commands: Commands) -> None:
        self.host, self.name, self.lease, self.lock, self.commands = (
            host,
            run,
            lease,
            lock,
            commands,
        )
        self.lost = commands.lost
        self.deadline = time.monotonic() + lease
        self.queue: "queue.Queue[Optional[Tuple[Answer, Any]]]" = queue.Queue()
        self.answers: Dict[int, Answer] = {}
        self.taken = 0
        self.peer: Optional[socket.socket] = None
        self.sending = threading.Lock()
        self.holding: Answer = {}
        self.spec: Answer = {}
        self.left = ("", "")  # why it is being left, and which way to settle if not as promised
        self.greeted = threading.Event()

    # Talking.

    def doing(self, what: str) -> None:
        """Tell who looks at the lock what it is held for."""
        self.holding["doing"] = what
        text = json.dumps(self.holding).encode()
        with contextlib.suppress(OSError):  # a full disk must not stop a run
            os.pwrite(self.lock, text, 0)
            os.ftruncate(self.lock, len(text))

    def send(self, message: Answer) -> None:
        """To whoever is connected now; a peer that doesn't take it within a second is dropped, never waited for."""
        with self.sending:
            peer = self.peer
            try:
                if peer is not None:
                    peer.sendall(pack(b"J", message))
            except OSError:
                self.peer = None
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def listen(self) -> socket.socket:
        with contextlib.suppress(OSError):
            os.unlink("run/run.sock")
        server = socket.socket(socket.AF_UNIX)
        server.bind("run/run.sock")
        server.listen(8)
        threading.Thread(target=self._accept, args=(server,), daemon=True).start()
        return server

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        source = peer.makefile("rb")
        with contextlib.suppress(OSError, Failure):
            hello = unpack(source.read)
            if hello is None or hello[1].get("run") != self.name:
                peer.sendall(pack(b"J", {"busy": dict(self.holding)}))
                return
            self.deadline = time.monotonic() + self.lease
            if not self.greeted.is_set():
                self.spec = hello[1]["spec"]
                self.holding.update(who=self.spec.get("who"), kind=self.spec.get("kind"))
                self.greeted.set()
            peer.settimeout(None)
            peer.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, b"\1" + bytes(15)
            )  # struct timeval: a second
            with self.sending:
                peer.sendall(pack(b"J", {"run": self.name}))
                self.peer = peer
            self._read(source.read)
        peer.close()

    def _read(self, read: Any) -> None:
        while True:
            frame = unpack(read)
            if frame is None:
                return
            self.deadline = time.monotonic() + self.lease
            if frame[0] == b"J" and "leave" in frame[1]:
                self.leave(str(frame[1]["leave"]), str(frame[1].get("way", "")))
            elif frame[0] == b"J" and isinstance(frame[1].get("n"), int):
                step = frame[1]
                upload = self._spool(step["n"], read) if step.get("blob") else None
                self._take(step, upload)

    def _spool(self, number: int, read: Any) -> Any:
        """What follows a step in binary frames, as a file's path; or the error that kept it from being written."""
        path, wrong = self.host.path("run", "upload-%d-%d" % (number, threading.get_ident())), None
        with open(path, "wb") as out:
            while True:
                frame = unpack(read)
                if frame is None:
                    raise OSError("cut")
                self.deadline = time.monotonic() + self.lease
                if frame[0] == b"B" and not frame[1]:
                    return wrong or path
                if frame[0] == b"B" and wrong is None:
                    try:
                        out.write(frame[1])
                        out.flush()
                    except OSError as error:
                        wrong = Failure.of(error)

    def _take(self, step: Answer, upload: Any) -> None:
        """Queue a step that is new. After the lease nothing is taken: how the run ended is the answer."""
        number = step["n"]
        if number in self.answers:
            self.send(self.answers[number])
        elif number > self.taken and not self.lost.is_set():
            self.taken = number
            self.queue.put((step, upload))

    def leave(self, reason: str, way: str = "") -> None:
        """Take no further step: what is under way ends, then the host settles by itself."""
        if not self.lost.is_set():
            self.left = (reason, way)
            self.lost.set()
            self.queue.put(None)

    def _keep_lease(self) -> None:
        beat = 0.0
        while not self.lost.is_set():
            now = time.monotonic()
            if now > self.deadline:
                self.leave("no operator for the length of the lease")
            if now > beat + BEAT:
                beat = now
                self.send({})
            time.sleep(min(0.1, self.lease / 10))

    # Working.

    def main(self) -> None:
        self.holding = {"run": self.name, "since": time.time(), "who": None}
        self.doing("starting")
        server = self.listen()
        threading.Thread(target=self._keep_lease, daemon=True).start()
        while not self.greeted.wait(0.05):
            if self.lost.is_set():
                return self._end(server, Settler(Service(self.host)))
        steps = Steps(self.host, self.spec, self.commands)
        steps.settled = steps.settler.settle("found by the next run")
        while True:
            item = self.queue.get()
            if item is None or self.lost.is_set():
                self.doing("settling")
                self.send({"ended": steps.settle(*self.left)})
                break
            self.doing(str(item[0].get("do")))
            answer = self._do(steps, *item)
            if steps.ended:
                self.doing("closing")
            self.answers[item[0]["n"]] = answer
            self.send(answer)
            if steps.ended:
                break
        steps.afterwards()
        self._end(server, steps.settler)

    def _do(self, steps: Steps, step: Answer, upload: Any) -> Answer:
        try:
            if isinstance(upload, Failure):
                raise upload
            return {"n": step["n"], "ok": True, "value": steps.do(step, upload)}
        except Exception as error:
            if not isinstance(error, (Failure, OSError)):
                traceback.print_exc()
            return {"n": step["n"], "ok": False, "error": _told(Failure.of(error))}
        finally:
            if isinstance(upload, str):
                with contextlib.suppress(OSError):
                    os.unlink(upload)

    def _end(self, server: socket.socket, settler: Settler) -> None:
        with contextlib.suppress(OSError):
            os.unlink("run/run.sock")
        self.lost.set()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        os.close(self.lock)  # held on by a command of the run that still writes
        settler.finish()


def _told(error: Failure) -> Answer:
    return {"kind": error.kind, "message": error.message, "evidence": error.evidence[-16000:]}


def guard(host: Host, run: str, lease: float) -> None:
    """Start the run, and settle in its place should it be killed. Returns at once when somebody else holds the lock."""
    host.prepare()
    lock = open_lock(host.path("lock"))
    if lock is None:
        return
    commands = Commands(lock, threading.Event())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            Run(host, run, lease, lock, commands).main()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(lock)
    if os.waitpid(child, 0)[1] == 0:
        return
    commands.end_orphan()
    settle_alone(host, "the run was killed")


def settle_alone(host: Host, reason: str, start: bool = False) -> None:
    """Under the lock, do what is pending; at boot also start what `current` points at."""
    handle = os.open(host.path("lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    fcntl.flock(handle, fcntl.LOCK_EX)
    pending, current = host.pending() or {}, host.current()
    adapter = (host.manifest(pending.get("release") or current) or {"adapter": "auto"})["adapter"]
    settler = Settler(Service(host, adapter))
    settler.settle(reason)
    current = host.current()
    if start and current:
        with contextlib.suppress(Failure):
            settler.service.start(current)
        settler.service.companions(current)
    os.close(handle)
    settler.finish()
