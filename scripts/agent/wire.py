"""Frames between operator, relay and run, and what is checked of anything that arrives in one.

A frame is a kind byte (J for one JSON object, B for binary), four bytes of length in network order and at most 64 KiB.
An empty object is a heartbeat; an upload is B frames that follow a step's J frame and end with an empty one.
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


class Failure(Exception):
    """A step that did not succeed: `kind` selects the operator's troubleshooting, `evidence` is output to show."""

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


def pack(kind: bytes, value: Any) -> bytes:
    """One frame. Raises Failure when it would be over the limit."""
    body = value if kind == b"B" else json.dumps(value).encode()
    if len(body) > FRAME:
        raise Failure("protocol", "a frame of %d bytes is over the limit" % len(body))
    return kind + struct.pack("!I", len(body)) + bytes(body)


def tell(out: BinaryIO, message: Dict[str, Any]) -> None:
    """Send one frame at once."""
    out.write(pack(b"J", message))
    out.flush()


def unpack(read: Callable[[int], bytes]) -> Optional[Tuple[bytes, Any]]:
    """The next frame as (kind, value), or None at the end of input; `read(n)` gives n bytes, fewer only at the end."""
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
        value = json.loads(body)
    except ValueError:
        raise Failure("protocol", "what arrived is not JSON") from None
    if not isinstance(value, dict):
        raise Failure("protocol", "what arrived is not an object")
    return kind, value


def named(value: Any) -> str:
    """A release, process or run name that may become part of a path and of a unit's name. Raises Failure."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Failure("protocol", "%r can't be a name here" % (value,))
    return value


def inside(value: Any) -> str:
    """A relative path that stays inside a release. Raises Failure."""
    parts = value.rstrip("/").split("/") if isinstance(value, str) else [".."]
    if any(part in ("", ".", "..", ".git") for part in parts) or "\0" in value:
        raise Failure("protocol", "%r can't be a path inside a release" % (value,))
    return "/".join(parts)
