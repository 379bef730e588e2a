"""What a host takes from an operator: garbage ends nothing, and nothing is written outside."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.lib import agent
from tasks.lib.channel import LocalChannel
from tasks.lib.session import HostError, Lost, Session
from tests.support.rig import LONG, Rig, loader

BAD_NAMES = ["../x", "-x", "", ".", "..", "a/b", "a\0b", "a b", "a\nb", "$(touch x)", "ä", "x" * 81]
BAD_NAMES += [".hidden", "a;b", "-oProxyCommand=x"]
BAD_PATHS = ["../x", "/etc/passwd", "a/../../x", "a//b", ".", "", "a\0b", ".git/hooks/x", "./x"]
NASTY = st.one_of(
    st.sampled_from([*BAD_NAMES, *BAD_PATHS, "x" * 60000, "\ud800", "one", "back", "forward"]),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3),
)
BUSY = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# A step's words; `close` is left out, because done right it ends the run.
WORDS = {
    "beat": (), "facts": ("upload",), "stage": ("manifest", "limits", "upload"),
    "hook": ("name", "release", "command", "limit", "stoppable"), "check": ("release",),
    "start": ("release",), "arm": ("release", "facts"), "switch": ("release", "way", "facts"),
    "verify": ("front", "requests", "limit"), "drain": (), "confirm": ("facts",),
}  # fmt: skip


def frame(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body)) + body


@given(data=st.binary(max_size=200) | st.binary(max_size=80).map(lambda b: frame(b"J", b)))
@BUSY
def test_bytes_are_a_frame_or_refused(parts: SimpleNamespace, data: bytes) -> None:
    wire = parts.wire
    try:
        found = wire.unpack(io.BytesIO(data).read)
    except wire.Failure as failure:
        assert failure.kind == "protocol"
    else:
        assert found is None or found[0] in (b"J", b"B")


@pytest.mark.parametrize(
    "body",
    [b"[" * 60000, b'{"a":' * 9000, b'{"n": NaN}', b'{"n": Infinity}', b"[]", b"1", b"\xff\xfe"],
    ids=["brackets", "braces", "NaN", "Infinity", "array", "number", "no text"],
)
def test_what_is_no_plain_object_is_refused(parts: SimpleNamespace, body: bytes) -> None:
    with pytest.raises(parts.wire.Failure):
        parts.wire.unpack(io.BytesIO(frame(b"J", body)).read)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_what_cannot_be_part_of_a_path_or_a_unit_is_no_name(
    parts: SimpleNamespace, name: str
) -> None:
    with pytest.raises(parts.wire.Failure):
        parts.wire.named(name)


@pytest.mark.parametrize("path", BAD_PATHS)
def test_what_leads_out_of_a_release_is_no_path(parts: SimpleNamespace, path: str) -> None:
    with pytest.raises(parts.wire.Failure):
        parts.wire.inside(path)


@given(value=st.text(max_size=90))
@BUSY
def test_a_name_is_one_part_of_a_path(parts: SimpleNamespace, value: str) -> None:
    try:
        name = parts.wire.named(value)
    except parts.wire.Failure:
        return
    assert Path("/a", name).parent == Path("/a") and name not in (".", "..") and name[0] != "-"


NO_PROCESSES: list[Any] = [{}, {"web": 5}, {"web": "a", "../x": "b"}, []]
RESOURCES: dict[str, Any] = {"memory": "", "cpu": "", "tasks": 0, "files": 0}
NO_RESOURCES: list[dict[str, Any]] = [
    {},
    {**RESOURCES, "memory": "1G\nExecStart=/bin/false"},
    {**RESOURCES, "cpu": "50"},
    {**RESOURCES, "tasks": "9"},
    {**RESOURCES, "files": -1},
]
WRONG: list[tuple[str, Any]] = [
    *[("resources", value) for value in NO_RESOURCES],
    *[(key, value) for key in ("release", "app") for value in ("../x", "-x", "a\0b", "", None, 5)],
    *[("tree", value) for value in ("--output=x", "HEAD", "0" * 39, "g" * 40, None)],
    *[(key, "../x") for key in ("directory", "requirements")],
    *[("shared_paths", value) for value in (["../x"], ["/etc"], "uploads", [5])],
    *[("start", value) for value in (-1, "5", None, 1e300, True)],
    *[("processes", value) for value in NO_PROCESSES],
    ("python", "a\0b"),
    ("version", "\ud800"),
]


@pytest.mark.parametrize("key, value", WRONG)
def test_a_manifest_with_a_wrong_value_is_refused(
    parts: SimpleNamespace, rig: Rig, key: str, value: Any
) -> None:
    shapes, wire = parts.shapes, parts.wire
    good = rig.manifest("one", "0" * 40)
    assert shapes.shaped(good, "manifest", shapes.MANIFEST) == good
    with pytest.raises(wire.Failure):
        shapes.shaped({**good, key: value}, "manifest", shapes.MANIFEST)


def everything(base: Path) -> set[str]:
    """All that is beside the host's directory."""
    return {str(p) for p in base.rglob("*") if "srv" not in p.relative_to(base).parts[:1]}


@pytest.fixture
def talk(rig: Rig) -> Callable[[bytes], bytes]:
    """Send bytes to a new agent behind its source, close, and return all that it says."""

    def send(data: bytes) -> bytes:
        channel = LocalChannel(loader(rig.python), cwd=rig.home, env=rig.env)
        code = agent.packed()
        try:
            channel.write(b"mark %d\n" % len(code) + code + data)
            channel._in.close()
            return b"".join(iter(lambda: channel.read(65536, LONG), b""))
        finally:
            channel.close()
            channel.process.wait(LONG)

    return send


def hello(**words: Any) -> bytes:
    return frame(b"J", json.dumps(words).encode())


@pytest.mark.parametrize(
    "sent",
    [
        b"\0" * 50,
        b"GET / HTTP/1.1\r\n\r\n",
        b"J" + struct.pack("!I", 65537) + b"x" * 65537,
        frame(b"B", b"binary"),
        hello(),
        hello(root=5),
        hello(root=""),
        hello(root="/"),
        hello(root="a\0b"),
        hello(root="/nowhere", run="../x", spec={}),
        hello(root="/nowhere", run="x", spec={"run": "x"}),
        hello(root="/nowhere", run="x", start=True),
        frame(b"J", b"[" * 60000),
    ],
)
def test_a_first_frame_that_makes_no_sense_is_told_in_a_sentence(
    talk: Callable[[bytes], bytes], rig: Rig, sent: bytes
) -> None:
    before = everything(rig.base)
    said = talk(sent).partition(b"mark\n")[2]
    assert json.loads(said[5:])["error"]["message"]
    assert everything(rig.base) == before and not rig.root.exists()


def test_a_truncated_frame_is_the_end_and_no_error(talk: Callable[[bytes], bytes]) -> None:
    for cut in (b"", b"J\0\0", b"J\0\0\0\x20{"):
        assert talk(cut) == b"mark\n"


def test_questions_that_make_no_sense_are_answered_and_the_next_one_too(rig: Rig) -> None:
    session = rig.session()
    session.open()
    asked: list[tuple[str, dict[str, Any]]] = [
        ("nothing", {}), ("history", {}), ("history", {"count": "x"}), ("check", {}),
        ("check", {"release": "../x"}), ("push", {}),
        ("push", {"rotated": 5, "who": "t", "run": "r"}),
    ]  # fmt: skip
    for do, words in asked:
        with pytest.raises(HostError) as error:
            session.call(do, LONG, **words)
        assert error.value.kind == "protocol" or do in ("check", "push"), (do, error.value)
    assert session.call("facts", LONG)["current"] == ""


@pytest.fixture
def live(rig: Rig) -> Session:
    """A run on a host on which a release is live."""
    rig.deploy("one")
    return rig.begin(lease=60.0)


def test_steps_with_any_words_end_neither_the_run_nor_the_release(rig: Rig, live: Session) -> None:
    before = everything(rig.base)

    @given(do=st.sampled_from([*WORDS, "../x", "__init__", "settle"]), data=st.data())
    @BUSY
    def any_words(do: str, data: Any) -> None:
        names = data.draw(st.lists(st.sampled_from([*WORDS.get(do, ()), "self", "x"]), unique=True))
        words = {name: data.draw(NASTY) for name in names}
        if do == "stage" and data.draw(st.booleans()):
            words = {"limits": {"stage": 9, "hook": 9, "build": ""}}
            words["manifest"] = rig.manifest("two", "0" * 40)
            words["manifest"][data.draw(st.sampled_from(sorted(words["manifest"])))] = data.draw(
                NASTY
            )
        try:
            live.call(do, LONG, **words)
        except Lost:
            raise
        except HostError as error:
            assert len(error.message) <= 1000

    any_words()
    assert live.call("facts", LONG)["current"] == "one" and rig.healthy("one")
    assert rig.current == "one"
    assert everything(rig.base) == before


def test_garbage_at_the_runs_own_socket_ends_nothing(rig: Rig, live: Session) -> None:
    greeting = frame(b"J", json.dumps({"run": live._hello["run"]}).encode())

    @given(data=st.binary(min_size=1, max_size=300), greet=st.booleans())
    @BUSY
    def garbage(data: bytes, greet: bool) -> None:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(f"/proc/self/fd/{folder}/run.sock")
            try:
                peer.sendall((greeting if greet else b"") + data)
            except OSError:
                pass  # it has hung up already

    folder = os.open(rig.root / "run", os.O_RDONLY)
    try:
        garbage()
    finally:
        os.close(folder)
    live._drop()  # the last of them was heard instead of this one; it comes back
    assert live.call("facts", LONG)["current"] == "one"
    assert not live.lost


def test_the_words_of_a_login_shell_are_skipped(make_rig: Callable[..., Rig]) -> None:
    noise = "head -c 20000 /dev/urandom; echo J; printf 'J\\0\\0\\0\\2{}'"
    assert make_rig(noise=noise).ask("facts")["current"] == ""


def test_asking_makes_nothing(rig: Rig) -> None:
    rig.ask("facts")
    rig.ask("history", count=5)
    assert not rig.root.exists()
