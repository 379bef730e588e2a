"""The agent among other users of its host, in front of a service and with code that mean it ill."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.lib.session import HostError
from tests.support.rig import LONG, Rig
from tests.support.web import Answer, serve


@pytest.fixture(params=["tcp", "unix"])
def drip(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A service that answers a byte at a time and never to the end; as `ask` takes it."""
    family = socket.AF_INET if request.param == "tcp" else socket.AF_UNIX
    server, over = socket.socket(family), threading.Event()
    server.bind(("127.0.0.1", 0) if request.param == "tcp" else str(tmp_path / "s"))
    server.listen(5)

    def answer() -> None:
        while not over.is_set():
            try:
                link = server.accept()[0]
                with link:
                    link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                    for _ in range(100):  # and for a test that waits for it, long enough
                        over.wait(0.05)
                        link.sendall(b"x")
            except OSError:
                continue

    thread = threading.Thread(target=answer)
    thread.start()
    where = tmp_path / "s"
    yield "http://127.0.0.1:%d" % server.getsockname()[1] if request.param == "tcp" else str(where)
    over.set()
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    server.close()


def test_an_answer_that_drips_is_not_waited_for(parts: SimpleNamespace, drip: str) -> None:
    """A run would stand in it, past its lease, with a release live that nobody confirmed."""
    begun = time.monotonic()
    with pytest.raises(OSError, match="no whole answer within 0.3 s"):
        parts.probe.ask(drip, "/", "", 0.3)
    assert time.monotonic() - begun < LONG / 2
    assert threading.active_count() < 9


@pytest.mark.parametrize(("within", "counts"), [(0.0, [5]), (0.3, [1, 2]), (0.01, [1])])
def test_a_slow_front_is_probed_no_longer_than_a_round(
    parts: SimpleNamespace, within: float, counts: list[int]
) -> None:
    with serve({"/": Answer(wait=0.2)}) as site:
        asked = [{"path": "/", "host": ""}] * 5
        found = parts.probe.sample(site.url, asked, 5.0, within)
    assert len(found) in counts and all(each["ok"] for each in found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_nothing_is_read_or_run_in_what_another_user_made(rig: Rig) -> None:
    """Whoever makes /tmp/app first would have the operator's commands run in a PATH of theirs."""
    rig.deploy("a")
    os.chown(rig.root, 65534, 65534)
    for do in ("facts", "exec", "logs"):
        with pytest.raises(HostError, match="belongs to another user"):
            rig.ask(do, argv=["true"])
    os.chown(rig.root, 0, 0)
    os.chmod(rig.base, 0o777)
    with pytest.raises(HostError, match="can be written by all"):
        rig.ask("facts")
    os.chmod(rig.base, 0o1777)
    assert rig.ask("facts")["current"] == "a"


def literally(rig: Rig, *entries: tuple[bytes, bytes, str]) -> str:
    """A tree of (mode, name, object) that git itself would not make."""
    data = b"".join(b"%s %s\0%s" % (mode, name, bytes.fromhex(id)) for mode, name, id in entries)
    words = ("hash-object", "-t", "tree", "-w", "--literally", "--stdin")
    return rig.git(*words, data=data).decode().strip()


NAMES = [b"..", b".git", b".GIT", b"a/b", b"../../escaped", b".", b"", b"git~1"]


@pytest.mark.parametrize("name", NAMES)
def test_a_tree_that_leads_out_of_a_release_is_refused(rig: Rig, name: bytes) -> None:
    blob = rig.git("hash-object", "-w", "--stdin", data=b"evil").decode().strip()
    inner = literally(rig, (b"100644", b"authorized_keys", blob))
    for tree in (
        literally(rig, (b"100644", name, blob)),
        literally(rig, (b"40000", name, inner)),
        literally(rig, (b"120000", b"x", blob), (b"40000", b"x", inner)),
    ):
        pack = rig.pack([tree, inner, blob])
        session = rig.begin()
        words: dict[str, Any] = {"manifest": rig.manifest("a", tree), "again": False}
        limits = {"stage": LONG, "hook": LONG, "build": ""}
        with pytest.raises(HostError) as refused:
            session.call("stage", LONG, blob=[pack], limits=limits, **words)
        assert refused.value.kind == "upload"
        session.close()
        session.leave("over")
    assert sorted(os.listdir(rig.base)) == ["code", "home", "srv"]
    assert os.listdir(rig.root / "releases") == []


def test_names_that_only_look_like_something_else_are_files(rig: Rig) -> None:
    names = ["-rf", "--to-command=x", "a\nb", "\x1b]0;x\x07", "x" * 255, "A", "a", "%i $X {socket}"]
    names += ["deep/" * 40 + "end", "\u202egpj.exe", "C:\\x", "con", " "]
    rig.deploy("a", files={name: f"in {name}" for name in names})
    for name in names:
        assert (rig.root / "current" / name).read_text() == f"in {name}"
    assert rig.ask("check", release="a") == {"damage": ""}


def test_a_name_that_is_no_text_is_a_file(rig: Rig) -> None:
    rig.tree()
    blob = rig.git("hash-object", "-w", "--stdin", data=b"x").decode().strip()
    listed = rig.git("ls-tree", "-z", rig.tree()) + b"100644 blob %s\t\xff\xfe\0" % blob.encode()
    tree = rig.git("mktree", "-z", data=listed).decode().strip()
    session = rig.begin()
    limits = {"stage": LONG, "hook": LONG, "build": ""}
    words: dict[str, Any] = {"manifest": rig.manifest("a", tree), "limits": limits, "again": False}
    session.call("stage", LONG, blob=[rig.pack(rig.ids(tree))], **words)
    assert os.path.exists(os.fsencode(rig.root / "releases" / "a") + b"/\xff\xfe")
    session.call("check", LONG, release="a")
    session.leave("over")
