"""Uploads as git objects: only what is missing travels, and what releases need is kept."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.lib.session import HostError, Session
from tests.support.rig import LONG, Rig


def lacks(rig: Rig, session: Session, tree: str) -> list[str]:
    """The objects of a tree that the host says it lacks."""
    ids = rig.ids(tree)
    asked = session.call("facts", LONG, blob=[b"".join(bytes.fromhex(i) for i in ids)])["missing"]
    bits = bin(int(asked, 16))[3:]
    assert len(bits) == len(ids)
    return [name for name, bit in zip(ids, bits) if bit == "1"]


def test_a_second_upload_is_what_has_changed(rig: Rig) -> None:
    files = {f"data/{number}": str(number) * 500 for number in range(50)}
    session = rig.begin()
    tree = rig.tree(files=files)
    assert set(lacks(rig, session, tree)) == set(rig.ids(tree))  # a fresh host has none
    rig.stage(session, "one", files=files)
    changed = rig.tree(files={**files, "data/7": "changed"})
    missing = lacks(rig, session, changed)
    assert len(missing) == 3  # the file and the two directories that it is in
    manifest, limits = rig.manifest("two", changed), {"stage": LONG, "hook": LONG, "build": ""}
    blob = [rig.pack(missing)]
    session.call("stage", LONG, blob=blob, manifest=manifest, limits=limits)
    assert (rig.root / "releases/two/data/7").read_text() == "changed"
    assert (rig.root / "releases/two/data/8").read_text() == files["data/8"]
    again = rig.manifest("three", changed)
    session.call("stage", LONG, blob=[b""], manifest=again, limits=limits)
    assert (rig.root / "releases/three/data/7").read_text() == "changed"


def test_a_pack_that_lacks_something_leaves_nothing(rig: Rig) -> None:
    session = rig.begin()
    tree = rig.tree(files={"a": "1", "b": "2"})
    limits = {"stage": 9, "hook": 9, "build": ""}
    words: dict[str, Any] = {"manifest": rig.manifest("one", tree), "limits": limits}
    for blob in (b"", rig.pack(rig.ids(tree)[:2]), b"PACK" + os.urandom(500)):
        with pytest.raises(HostError) as error:
            session.call("stage", LONG, blob=[blob], **words)
        assert error.value.kind == "upload"
        assert not list((rig.root / "releases").iterdir())


def test_collecting_garbage_keeps_what_releases_need(rig: Rig) -> None:
    rig.deploy("one", files={"only-one": "1" * 900})
    rig.deploy("two", files={"only-two": "2" * 900})
    git = ["git", "--git-dir", str(rig.root / "repo.git")]
    subprocess.run([*git, "gc", "-q", "--prune=now"], check=True)
    for release in ("one", "two"):
        tree = subprocess.run(
            [*git, "rev-parse", f"refs/releases/{release}"], capture_output=True, check=True
        ).stdout.decode()
        subprocess.run([*git, "archive", tree.strip()], check=True, stdout=subprocess.DEVNULL)
    rig.deploy("three", keep=0, files={"only-one": "1" * 900})
    refs = subprocess.run([*git, "for-each-ref"], capture_output=True, check=True).stdout
    assert b"refs/releases/three" in refs


def test_modes_links_and_names_arrive(rig: Rig) -> None:
    names = {"plain": "x", "a b/ä\n.txt": "y", "link": "-> a b", "dangling": "-> nowhere"}
    rig.tree(files=names)
    session = rig.begin()
    rig.stage(session, "one", files=names)
    base = rig.root / "releases" / "one"
    assert (base / "a b" / "ä\n.txt").read_text() == "y"
    assert os.readlink(base / "link") == "a b" and os.readlink(base / "dangling") == "nowhere"
    assert stat.S_IMODE((base / "plain").stat().st_mode) == 0o640


def test_a_large_pack_is_held_in_no_memory(rig: Rig) -> None:
    session = rig.begin()
    size = 60_000_000
    rig.tree()
    large = rig.code / "large"
    large.write_bytes(os.urandom(size))
    rig.git("add", "-A", "-f")
    tree = rig.git("write-tree").decode().strip()
    limits = {"stage": LONG, "hook": LONG, "build": ""}
    words: dict[str, Any] = {"manifest": rig.manifest("one", tree), "limits": limits}
    session.call("stage", LONG, blob=[rig.pack(rig.ids(tree))], **words)
    for process in rig.holders():
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
        assert peak < size, f"{peak >> 20} MiB in {process.cmdline()}"


def test_an_environment_of_packages_is_shared_by_those_that_need_the_same(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    def needs(**files: str) -> bytes:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        found = parts.staging._needs(str(tmp_path / "top"), str(tmp_path), "tree", set())
        return b"".join(found)

    first = needs(top="-r base  # the rest\n-c=limits\n", base="a==1\n-r top\n", limits="b<2\n")
    assert first == needs()
    assert needs(base="a==2\n") != first
    assert needs(base="a==1\n-r top\n", limits="b<3\n") != first
    assert b"tree" not in first and b"tree" in needs(limits="-e .\n")
    with pytest.raises(parts.wire.Failure, match="absent"):
        needs(limits="-r absent\n")
