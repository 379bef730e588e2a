"""The operator's half of a run: one host, numbered steps, a heartbeat, and the way back after a
lost connection."""

from __future__ import annotations

import contextlib
import json
import secrets
import struct
import threading
import time
from typing import Any, Callable, Iterable, Mapping

from . import agent, reply
from .channel import Channel

FRAME = 64 * 1024
BEAT = 5.0  # seconds between heartbeats, where the lease is long enough for that
SILENCE = 3 * BEAT  # a connection that carried nothing for so long, or half a lease, is dead
GREETING = 20.0

Value = dict[str, Any]
Opener = Callable[[], Channel]


class HostError(Exception):
    """A step that failed on a host; `kind` as the host named it, `evidence` is output to show."""

    def __init__(self, kind: str, message: str, evidence: str = "") -> None:
        super().__init__(message)
        self.kind, self.message, self.evidence = kind, message, evidence


class Busy(HostError):
    """Somebody else's run holds the host: `holder` has run, who, since (epoch seconds) and
    doing."""

    def __init__(self, holder: Mapping[str, Any]) -> None:
        super().__init__("locked", "another run holds the host")
        self.holder = reply.holder(holder)


class Lost(HostError):
    """The host can't be reached any more, or its run has ended.

    `ended` says how it ended, {} where that isn't known: outcome ("aborted", "reverted", "stuck",
    "closed", "kept", "none"), current (the release that is live), report (log, load,
    memory_available, disk_free), error.
    """

    def __init__(self, message: str, ended: Mapping[str, Any] | None = None) -> None:
        super().__init__("lost", message)
        self.ended = reply.as_object(ended)


class Session:
    """A conversation with a host's agent, which outlives the channel that carries it.

    opener: makes a new channel with the agent's loader at its other end. hello: the first frame
    (root, adapter, and for a run: run, spec). lease: seconds within which a broken connection may
    come back. connect: seconds that `limits.connect` gives; a host has at least GREETING to begin
    its first command, more where that is more, and never longer than the lease.
    """

    def __init__(self, opener: Opener, hello: Value, lease: float, connect: float = 0.0) -> None:
        self._opener, self._hello, self._lease = opener, hello, lease
        self._channel: Channel | None = None
        self._buffer = b""
        self._number = 0
        self._heard = time.monotonic()
        self._told = time.monotonic()
        self.every = min(BEAT, lease / 3)
        # A question has no lease: the host shows that it is there, however long the answer takes.
        self._silence = min(SILENCE, lease / 2) if "run" in hello else SILENCE
        self._greeting = min(max(GREETING, connect), max(5.0, lease))
        self._greeted = False
        self._leaving: Value = {}
        self.lock = threading.RLock()
        self._writing = threading.Lock()
        self.lost: Lost | None = None

    def open(self, start: bool = False) -> Value:
        """Open a channel and greet; `start` also starts the run.

        Returns the agent's greeting. Raises Busy, Lost (the run has ended), HostError,
        OSError.
        """
        with self.lock:
            return self._open(start)

    def _open(self, start: bool) -> Value:
        mark = secrets.token_hex(16).encode()
        code = agent.packed()
        self._drop()
        channel = self._channel = self._opener()
        begin = b"%s %d\n" % (mark, len(code)) + code + _frame({**self._hello, "start": start})
        try:
            channel.write(begin)
        except (OSError, EOFError) as error:  # nobody reads there; what was said tells why
            raise EOFError(_last_words(channel) or str(error)) from None
        try:
            self._skip_to(mark + b"\n")
        except TimeoutError:
            said = f"it answers SSH and ran no command within {self._greeting:g} s"
            raise TimeoutError(f"{said}: see what its login shell waits for") from None
        kind, greeting = self._receive(self._greeting)
        if "error" in greeting:
            raise HostError(**reply.failure(greeting["error"]))
        if "busy" in greeting:
            raise Busy(greeting["busy"])
        if "ended" in greeting:
            raise Lost("its run has ended", greeting["ended"])
        with self._writing:
            self._greeted = True
            if self._leaving:  # it was told to a connection that has broken, or to none
                channel.write(_frame(self._leaving))
        return greeting

    def call(
        self,
        do: str,
        within: float,
        /,
        blob: Iterable[bytes] | None = None,
        heard: Callable[[str], None] | None = None,
        **words: Any,
    ) -> Any:
        """Have one step done and return its value.

        within: seconds until the host counts as hanging. blob: bytes that go with the step. heard:
        given what a streaming question sends. A connection that breaks is opened anew within the
        lease, and the step is asked for again under its number: the host answers it without doing
        it twice. Raises HostError as the host told it, or Lost.
        """
        with self.lock:
            if self.lost:
                raise self.lost
            self._number += 1
            step = {"n": self._number, "do": do, **words}
            data = None if blob is None else b"".join(blob)
            until = time.monotonic() + within
            while True:
                try:
                    if self._channel is None:
                        self.open()
                    self._send(step, data)
                    value = self._wait(step["n"], until, heard)
                    return reply.facts(value) if do == "facts" else value
                except (OSError, EOFError) as error:
                    self._again(error, until)
                except ValueError as error:
                    raise HostError("protocol", f"its facts make no sense: {error}") from None
                except Lost as error:
                    self.lost = error
                    raise

    def beat(self) -> None:
        """Keep the lease while nothing else is going on; a step that is under way does it
        itself."""
        if self.lock.acquire(blocking=False):
            try:
                self.call("beat", self._lease)
            finally:
                self.lock.release()

    def leave(self, reason: str, way: str = "", limit: float = 60.0) -> Lost:
        """Have the host end what is under way and settle: as it was promised, or `way` ("back").

        A step that another thread waits for ends too. Waits up to `limit` seconds for the outcome.
        """
        with self._writing:
            self._leaving = {"leave": reason, "way": way}
            try:
                if self._channel is not None and self._greeted:
                    self._channel.write(_frame(self._leaving))
            except (OSError, EOFError):
                pass
        try:
            self.call("beat", limit)
        except Lost as lost:
            return lost
        except HostError as error:
            return Lost(error.message)
        return Lost("it did not settle in time")

    def close(self) -> None:
        """Hang up; a host's run goes on by itself."""
        self._drop()

    def _again(self, error: Exception, until: float) -> None:
        """After a break: leave the loop to try again, or find that it is too late."""
        self._drop()
        now = time.monotonic()
        if now > min(until, self._heard + self._lease) or "run" not in self._hello:
            reason = "it hangs" if now > until else "it can't be reached"
            self.lost = Lost(f"{reason} ({error or type(error).__name__})")
            raise self.lost
        time.sleep(0.2)

    def _send(self, step: Value, data: bytes | None) -> None:
        assert self._channel is not None
        with self._writing:
            self._channel.write(_frame({**step, "blob": True} if data is not None else step))
            if data is not None:  # in pieces: put together, it would be in memory three times
                for at in range(0, len(data), FRAME):
                    self._channel.write(_frame(data[at : at + FRAME]))
                self._channel.write(_frame(b""))
        self._told = time.monotonic()

    def _keep_up(self, until: float) -> float:
        """Show the host that its operator is there, however much it says itself.

        Returns the seconds until the next time. Raises TimeoutError when it is late for the step.
        """
        now = time.monotonic()
        if now > until:
            raise TimeoutError("the step took longer than it may")
        if now >= self._told + self.every:
            assert self._channel is not None
            # What a host said before it hung up is still to be read, and then that it did.
            with self._writing, contextlib.suppress(OSError, EOFError):
                self._channel.write(_frame({}))
            self._told = now
        return max(0.01, min(self._told + self.every, until) - now)

    def _wait(self, number: int, until: float, heard: Callable[[str], None] | None) -> Any:
        while True:
            left = self._keep_up(until)
            try:
                kind, message = self._receive(left)
            except TimeoutError:
                if time.monotonic() > self._heard + self._silence:
                    raise
                continue
            if "ended" in message:
                raise Lost("its run has ended", message["ended"])
            if message.get("n") != number:
                continue
            if "out" in message:
                if heard:
                    heard(str(message["out"]))
                continue
            if message.get("ok"):
                return message.get("value")
            raise HostError(**reply.failure(message.get("error")))

    def _receive(self, timeout: float) -> tuple[bytes, Value]:
        head = self._exactly(5, timeout)
        size = struct.unpack("!I", head[1:])[0]
        if head[:1] not in (b"J", b"B") or size > FRAME:
            raise HostError("protocol", "the host sent something that is not a frame")
        body = self._exactly(5 + size, timeout)[5:]
        self._buffer = self._buffer[5 + size :]
        try:
            return head[:1], reply.parsed(body)
        except ValueError:
            raise HostError("protocol", "the host sent something that is not an object") from None

    def _exactly(self, size: int, timeout: float) -> bytes:
        while len(self._buffer) < size:
            self._fill(timeout)
        return self._buffer[:size]

    def _fill(self, timeout: float) -> None:
        if self._channel is None:
            raise EOFError("the connection was closed")
        chunk = self._channel.read(65536, timeout)
        if not chunk:
            raise EOFError(_last_words(self._channel) or "the connection was closed")
        self._heard = time.monotonic()
        self._buffer += chunk

    def _skip_to(self, mark: bytes) -> None:
        while mark not in self._buffer:
            self._fill(self._greeting)
            if len(self._buffer) > 1 << 20:
                raise HostError("protocol", "the host's login shell prints without end")
        self._buffer = self._buffer.split(mark, 1)[1]

    def _drop(self) -> None:
        channel, self._channel, self._buffer = self._channel, None, b""
        self._greeted = False
        if channel is not None:
            try:
                channel.close()
            except (OSError, EOFError):
                pass


def _frame(value: Value | bytes) -> bytes:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return (b"B" if isinstance(value, bytes) else b"J") + struct.pack("!I", len(body)) + body


def _last_words(channel: Channel) -> str:
    complaint = getattr(channel, "complaint", None)
    return complaint().strip().splitlines()[-1] if complaint and complaint().strip() else ""
