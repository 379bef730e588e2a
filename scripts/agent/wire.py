"""Frames between operator, relay and run, and what is checked of anything that arrives in one.

A frame is a kind byte (J for one JSON object, B for binary), four bytes of length in network order
and at most 64 KiB. An empty object is a heartbeat; an upload is B frames that follow a step's J
frame and end with an empty one.
"""

from __future__ import annotations

import errno
import json
import re
import struct
from typing import Any, BinaryIO, Callable, Dict, Optional, Tuple

FRAME = 64 * 1024
BEAT = 5.0  # seconds between heartbeats
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
SHOWN = 16000  # characters of evidence that are sent at the most


class Failure(Exception):
    """A step that did not succeed.

    `kind` selects the operator's troubleshooting, `evidence` is output to show.
    """

    def __init__(self, kind: str, message: str, evidence: str = "") -> None:
        super().__init__(message)
        self.kind, self.message, self.evidence = kind, message, evidence

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """Any exception as a Failure; a full disk gets its own kind."""
        if isinstance(error, cls):
            return error
        full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        disk = isinstance(error, OSError) and error.errno in full
        return cls("disk" if disk else "host", "%s: %s" % (type(error).__name__, error))

    def told(self) -> Dict[str, str]:
        """What is sent of it: so much of the newest evidence as a frame holds, whatever it is."""
        kept = self.evidence[-SHOWN:]
        while len(json.dumps(kept)) > FRAME // 2:
            kept = kept[-len(kept) // 2 :]
        return {"kind": self.kind, "message": self.message[:1000], "evidence": kept}


def pack(kind: bytes, value: Any) -> bytes:
    """One frame. Raises Failure when it would be over the limit."""
    body = value if kind == b"B" else json.dumps(value).encode()
    if len(body) > FRAME:
        raise Failure("protocol", "a frame of %d bytes is over the limit" % len(body))
    return kind + struct.pack("!I", len(body)) + bytes(body)


def tell(out: BinaryIO, message: Any) -> None:
    """Send one object now. Raises Failure, OSError when nobody listens."""
    out.write(pack(b"J", message))
    out.flush()


def unpack(read: Callable[[int], bytes]) -> Optional[Tuple[bytes, Any]]:
    """The next frame as (kind, value), or None at the end of input.

    `read(n)` gives n bytes, fewer only at the end. Raises Failure for what is no frame.
    """
    head = read(5)
    if len(head) < 5:
        return None
    kind, size = head[:1], struct.unpack("!I", head[1:])[0]
    if kind not in (b"J", b"B") or size > FRAME:
        raise Failure("protocol", "what arrived is not a frame")
    body = read(size)
    if len(body) < size:
        return None
    if kind == b"B":
        return kind, body
    try:
        value = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Failure("protocol", "what arrived is not JSON") from None
    if not isinstance(value, dict):
        raise Failure("protocol", "what arrived is not an object")
    return kind, value


def unpack_object(read: Callable[[int], bytes]) -> Optional[Dict[str, Any]]:
    """The next frame's object, or None at the end of input. Raises Failure, also for a binary."""
    frame = unpack(read)
    if frame is None:
        return None
    if frame[0] != b"J":
        raise Failure("protocol", "a binary frame came where none was expected")
    return dict(frame[1])


def _refuse(word: str) -> Any:
    raise ValueError(word)  # NaN and the infinities are not JSON, and no time limit either


# What may become part of a path, a unit's name or a limit.


def named(value: Any) -> str:
    """A release, process or run name that may become part of a path and of a unit's name.

    Raises Failure.
    """
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Failure("protocol", "%.200r can't be a name here" % (value,))
    return value


def inside(value: Any) -> str:
    """A relative path that stays inside a release. Raises Failure."""
    parts = value.rstrip("/").split("/") if isinstance(value, str) else [".."]
    if any(part in ("", ".", "..", ".git") for part in parts) or "\0" in value:
        raise Failure("protocol", "%.200r can't be a path inside a release" % (value,))
    return "/".join(parts)


def text(value: Any) -> str:
    """Text that can be written to a file or be part of an environment. Raises Failure."""
    if isinstance(value, str) and "\0" not in value:
        try:
            value.encode()
            return value
        except UnicodeEncodeError:  # half of a surrogate pair
            pass
    raise Failure("protocol", "%.200r can't be a text here" % (value,))


def count(value: Any) -> int:
    """A whole number from 0 to a million. Raises Failure."""
    if type(value) is not int or not 0 <= value <= 1000000:
        raise Failure("protocol", "%.200r can't be a number here" % (value,))
    return int(value)


def seconds(value: Any) -> float:
    """A duration from 0 s to 30 days. Raises Failure."""
    if type(value) not in (int, float) or not 0 <= value <= 30 * 86400:
        raise Failure("protocol", "%.200r can't be a duration here" % (value,))
    return float(value)
