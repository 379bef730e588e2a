"""The run: a process of its own that holds the lock, does numbered steps, and keeps the lease."""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import socket
import struct
import threading
import time
import traceback
from typing import Any, Callable, Dict, Optional, Tuple

from command import Commands, tell_holder
from host import Host
from service import Service
from settle import Settler
from shapes import SPEC, shaped
from steps import Steps
from wire import BEAT, Failure, pack, unpack, unpack_object

Answer = Dict[str, Any]


class Run:
    """Threads: one accepts, one a connection reads, one watches the lease, the main one does steps.

    Any byte renews the lease. `released` is called when the lock is given up, before old instances
    are drained.
    """

    def __init__(
        self, host: Host, run: str, lease: float, commands: Commands, released: Callable[[], None]
    ) -> None:
        self.host, self.name, self.lease, self.commands = host, run, lease, commands
        self.lock, self.released = commands.lock, released
        self.lost = commands.lost
        self.deadline = time.monotonic() + lease
        self.queue: "queue.Queue[Optional[Tuple[Answer, Any]]]" = queue.Queue()
        self.answers: Dict[int, Answer] = {}
        self.taken = 0
        self.taking = threading.Lock()
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
        tell_holder(self.lock, self.holding)

    def send(self, message: Answer, wait: bool = True) -> None:
        """To whoever is connected now; a peer that takes nothing for a second is dropped.

        `wait` False: not at all when something else is being sent, for the lease waits for nobody.
        """
        if not self.sending.acquire(blocking=wait):
            return
        try:
            if self.peer is not None:
                self.peer.sendall(_framed(message))
        except OSError:
            peer, self.peer = self.peer, None
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        finally:
            self.sending.release()

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
        read = self._reader(peer)
        with contextlib.suppress(OSError, Failure), peer:  # whoever sends garbage is hung up on
            hello = unpack_object(read)
            if hello is None or hello.get("run") != self.name:
                peer.sendall(pack(b"J", {"busy": dict(self.holding)}))
                return
            self.deadline = time.monotonic() + self.lease
            if not self.greeted.is_set():
                self.spec = shaped(hello.get("spec"), "the run", SPEC)
                self.holding.update(who=self.spec["who"], kind=self.spec["kind"])
                self.greeted.set()
            with contextlib.suppress(OSError):  # where struct timeval has another size
                a_second = struct.pack("ll", 1, 0)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, a_second)
            with self.sending:
                peer.sendall(pack(b"J", {"run": self.name}))
                self.peer = peer
            self._read(read)

    def _reader(self, peer: socket.socket) -> Callable[[int], bytes]:
        """Read so many bytes; each that comes from the run's own operator keeps the lease."""

        def read(size: int) -> bytes:
            parts = bytearray()
            while len(parts) < size:
                part = peer.recv(size - len(parts))
                if not part:
                    break
                if peer is self.peer:
                    self.deadline = time.monotonic() + self.lease
                parts += part
            return bytes(parts)

        return read

    def _read(self, read: Callable[[int], bytes]) -> None:
        while True:
            frame = unpack(read)
            if frame is None:
                return
            if frame[0] == b"J" and "leave" in frame[1]:
                way = frame[1].get("way")
                self.leave(str(frame[1]["leave"]), way if way in ("back", "forward") else "")
            elif frame[0] == b"J" and type(frame[1].get("n")) is int:
                step = frame[1]
                upload = self._spool(step["n"], read) if step.get("blob") else None
                self._take(step, upload)

    def _spool(self, number: int, read: Callable[[int], bytes]) -> Any:
        """What follows a step in binary frames, as a file's path; or why it wasn't written."""
        wrong: Optional[Failure] = None
        name = "upload-%d-%d-%d" % (number % 1000000, threading.get_ident(), time.monotonic_ns())
        path = self.host.path("run", name)
        try:
            with open(path, "wb", buffering=0) as out:
                while True:
                    frame = unpack(read)
                    if frame is None:
                        raise OSError("cut")
                    if frame[0] == b"B" and not frame[1]:
                        return wrong or path
                    if frame[0] == b"B" and wrong is None:
                        try:
                            if out.write(frame[1]) != len(frame[1]):
                                raise OSError(28, "no space left")  # ENOSPC
                        except OSError as error:
                            wrong = Failure.of(error)
        except (OSError, Failure):
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise

    def _take(self, step: Answer, upload: Any) -> None:
        """Queue a step that is new; one that is not is answered when and as it was.

        After the lease nothing is taken: how the run ended is the answer.
        """
        number = step["n"]
        with self.taking:
            known = self.answers.get(number)
            new = known is None and number > self.taken and not self.lost.is_set()
            if new:
                self.taken = number
                self.queue.put((step, upload))
        if known is not None:
            self.send(known)
        if not new and isinstance(upload, str):
            with contextlib.suppress(OSError):
                os.unlink(upload)

    def leave(self, reason: str, way: str = "") -> None:
        """Take no further step: what is under way ends, then the host settles by itself."""
        with self.taking:
            if not self.lost.is_set():
                self.left = (reason[:1000], way)
                self.lost.set()
                self.queue.put(None)

    def _keep_lease(self) -> None:
        beat = 0.0
        while not self.lost.is_set():
            now = time.monotonic()
            if now > self.deadline:
                self.leave("no operator for the length of the lease")
            if now > beat + min(BEAT, self.lease / 6):
                beat = now
                self.send({}, wait=False)
            time.sleep(min(0.1, self.lease / 10))

    # Working.

    def main(self) -> None:
        pids = [os.getpid(), os.getppid()]  # the guard's, too
        self.holding = {"run": self.name, "since": time.time(), "who": None, "pids": pids}
        self.doing("starting")
        server = self.listen()
        threading.Thread(target=self._keep_lease, daemon=True).start()
        while not self.greeted.wait(0.05):
            if self.lost.is_set():
                return self._end(server, Settler(Service(self.host)))
        # It takes long to import, and the first question of a release would wait for it.
        threading.Thread(target=importlib.import_module, args=("http.client",), daemon=True).start()
        steps = Steps(self.host, self.spec, self.commands)
        steps.settled = steps.settler.settle("found by the next run")
        ended: Optional[Answer] = None
        while True:
            item = self.queue.get()
            if item is None or self.lost.is_set():
                self.doing("settling")
                ended = steps.settle(*self.left)
                break
            if item[0].get("do") != "beat":
                self.doing(str(item[0].get("do"))[:80])
            answer = self._do(steps, *item)
            if steps.ended:
                self.doing("closing")
            self.answers[item[0]["n"]] = answer
            self.send(answer)
            if steps.ended:
                break
        try:
            steps.afterwards()
        except Exception:  # tidying up can wait for the next run
            traceback.print_exc()
        self._end(server, steps.settler, ended)

    def _do(self, steps: Steps, step: Answer, upload: Any) -> Answer:
        try:
            if isinstance(upload, Failure):
                raise upload
            return {"n": step["n"], "ok": True, "value": steps.do(step, upload)}
        except Exception as error:
            if not isinstance(error, (Failure, OSError)):
                traceback.print_exc()
            return {"n": step["n"], "ok": False, "error": Failure.of(error).told()}
        finally:
            if isinstance(upload, str):
                with contextlib.suppress(OSError):
                    os.unlink(upload)

    def _end(self, server: socket.socket, settler: Settler, ended: Optional[Answer] = None) -> None:
        """Give the lock up, then say how the run `ended`: who hears it may begin another."""
        with contextlib.suppress(OSError):
            os.unlink("run/run.sock")
        self.lost.set()
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        os.close(self.lock)  # held on by a command of the run that still writes
        self.released()
        if ended is not None:
            self.send({"ended": ended})
        settler.finish()


def _framed(message: Answer) -> bytes:
    """A frame; an answer that fits none is told as a failure, because no answer is a lost host."""
    try:
        return pack(b"J", message)
    except Failure as error:
        said: Answer = {"ok": False, "error": error.told()}
        if "ended" in message:
            kept = ("outcome", "current")
            said = {"ended": {key: message["ended"].get(key) for key in kept}}
        return pack(b"J", {"n": message.get("n"), **said})
