"""A host that is another's by now: what it sends is a failure of that host, and nothing else."""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.lib import console, plain, reply
from tasks.lib.channel import LocalChannel
from tasks.lib.errors import NotClosed
from tasks.lib.fleet import held
from tasks.lib.server import talk
from tasks.lib.session import Busy, HostError, Lost, Session

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
# It reads what the operator sends first, then says what it likes.
HOST = """
import sys
i = sys.stdin.buffer
mark, size = i.readline().split()
i.read(int(size))
sys.stdout.buffer.write(mark + b"\\n" + bytes.fromhex(sys.argv[1]))
sys.stdout.buffer.flush()
i.read()
"""


def frame(body: bytes, kind: bytes = b"J") -> bytes:
    return kind + struct.pack("!I", len(body)) + body


def session(said: bytes) -> Session:
    """A session with a host that says this, whatever it is asked."""
    argv = [sys.executable, "-c", HOST, said.hex()]
    return Session(lambda: LocalChannel(argv), {"root": "/srv/x"}, 5.0)


READY = frame(b'{"ready": true}')
SAYINGS = {
    "nested": frame(b"[" * 60000),
    "an object nested": frame(b'{"n":' * 10000),
    "no JSON": frame(b"\xff\x00"),
    "a list": frame(b"[1]"),
    "binary": frame(b"x" * 9, b"B"),
    "no frame": b"Z" * 9,
    "an empty answer": frame(b'{"n": 1}'),
    "a failure without words": frame(b'{"n": 1, "error": 5}'),
    "a failure with more": frame(b'{"n": 1, "ok": false, "error": {"kind": [], "x": 1}}'),
    "an end that is none": frame(b'{"ended": [1]}'),
    "facts that are none": frame(b'{"n": 1, "ok": true, "value": 5}'),
    "facts of other types": frame(b'{"n": 1, "ok": true, "value": {"current": ["a"]}}'),
    "closed without names": frame(b'{"n": 1, "ok": true, "value": {"closed": [{}]}}'),
}


@pytest.mark.parametrize("said", SAYINGS.values(), ids=SAYINGS)
def test_what_makes_no_sense_is_a_failure_of_the_host(said: bytes) -> None:
    for whole in (said, READY + said):
        asked = session(whole)
        try:
            with pytest.raises((HostError, Lost)) as failed:
                asked.open()
                asked.call("facts", 5.0)
            assert isinstance(failed.value.message, str) and failed.value.message
        finally:
            asked.close()


@given(said=JSON)
def test_a_holder_is_shown_whatever_it_is(said: Any) -> None:
    assert held("a", Busy(reply.holder(said)), "staging").kind == "locked"
    assert held("a", Busy(reply.holder({"since": said, "who": said})), "staging").message


@given(said=JSON)
def test_an_item_of_a_server_is_one_or_refused(said: Any) -> None:
    for event in (said, {"item": said, "state": "failed", "changes": [said], "error": said}):
        try:
            found = talk._event(json.dumps(event), "a")
        except NotClosed:
            continue
        if "item" in found:
            assert all(isinstance(found[key], str) for key in ("item", "state"))
            assert all(isinstance(change, str) for change in found["changes"])
            assert all(isinstance(text, str) for text in found["error"].values())


@given(text=st.text(st.characters()))
def test_any_text_can_be_shown_and_kept(text: str) -> None:
    console.clean(text).encode()
    assert json.loads(plain.dumps({"said": text}).encode()) == {"said": text}
    assert not set(plain.dumps(text)) & {chr(code) for code in range(0x7F, 0xA0)}
