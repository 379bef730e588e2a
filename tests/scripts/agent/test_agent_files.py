"""What a host keeps: files written whole, a journal that heals, damage told, releases pruned."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from tests.support.kept import closed
from tests.support.rig import LONG, Rig, until

# Files.


def test_a_file_is_replaced_whole(parts: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "file"
    texts = [letter * 200_000 for letter in "ab"]
    parts.disk.replace(str(path), texts[0])
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(100):
        parts.disk.replace(str(path), texts[turn % 2])
    done.set()
    reader.join(LONG)
    assert seen <= set(texts) and os.listdir(tmp_path) == ["file"]


def test_a_replaced_file_has_its_mode_from_the_first_moment(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o666)
    umask = os.umask(0)
    try:
        parts.disk.replace(str(path), "new", 0o600)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.read_text() == "new"


def test_a_link_in_a_files_place_is_replaced_and_not_followed(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_text("kept")
    path.symlink_to(victim)
    (tmp_path / f"file.{os.getpid()}.new").symlink_to(victim)
    parts.disk.replace(str(path), "new")
    assert victim.read_text() == "kept" and path.read_text() == "new" and not path.is_symlink()


def test_what_cannot_be_written_leaves_the_old_and_nothing_else(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    limited = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[3] / "scripts" / "agent")!r})
from disk import replace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
replace({str(path)!r}, "x" * 5000)
"""
    done = subprocess.run([sys.executable, "-B", "-c", limited], capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_removing_follows_no_link(parts: SimpleNamespace, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    (kept / "file").touch()
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(kept)
    (tree / "closed").mkdir(mode=0o500)
    (tmp_path / "top").symlink_to(kept)
    parts.disk.remove(str(tree))
    parts.disk.remove(str(tmp_path / "top"))
    parts.disk.remove(str(tmp_path / "never"))
    assert os.listdir(tmp_path) == ["kept"] and os.listdir(kept) == ["file"]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o755


def test_a_directory_of_somebody_elses_is_refused(
    parts: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "srv").mkdir()
    if os.getuid() == 0:
        os.chown(tmp_path / "srv", 12345, 12345)
    else:  # only root can give a directory away; so it is we who are somebody else
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(parts.wire.Failure, match="another user"):
        parts.host.Host(str(tmp_path / "srv")).prepare()


def test_a_release_that_was_rolled_back_from_is_marked_until_it_closes_again(host: Any) -> None:
    closed(host, "one")
    closed(host, "two", **{"from": "one"})
    host.record("closed", release="one", kind="rollback", **{"from": "two"})
    assert [(e["release"], e["left"]) for e in host.closed()] == [("one", False), ("two", True)]
    host.record("closed", release="two", kind="rollback", **{"from": "one"})
    assert [(e["release"], e["left"]) for e in host.closed()] == [("one", True), ("two", False)]


# Pruning.


@pytest.mark.parametrize(
    "current, left, keep, kept",
    [
        ("f", "", 1, "def"),  # the newest closed, the target, the current
        ("f", "", 0, "ef"),
        ("f", "", 9, "abcdef"),
        ("c", "", 1, "bcf"),
        ("f", "e", 0, "df"),  # what was rolled back from is no target
        ("a", "", 0, "a"),
    ],
)
def test_pruning_keeps_the_current_the_target_and_the_newest(
    parts: SimpleNamespace, host: Any, current: str, left: str, keep: int, kept: str
) -> None:
    for name in "abcdef":
        closed(host, name)
    if left:
        host.record("closed", release=current, kind="rollback", **{"from": left})
    host.point(current)
    os.makedirs(host.release("never-closed"))
    gone = parts.staging.prune(parts.service.Service(host, "process"), keep)
    assert "".join(host.releases()) == kept and "never-closed" in gone


def test_pruning_keeps_what_runs(rig: Rig) -> None:
    rig.deploy("one")
    until_pruned = rig.begin()
    rig.stage(until_pruned, "two")
    until_pruned.call("start", LONG, release="two")
    rig.switch(until_pruned, "two")
    until_pruned.call("confirm", LONG)
    until_pruned.call("close", LONG, keep=0)
    rig.unlocked()
    assert {"one", "two"} <= set(os.listdir(rig.root / "releases"))


# Damage.


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def retarget(path: Path) -> None:
    path.unlink()
    path.symlink_to("BEHAVIOUR")


@pytest.mark.parametrize(
    "name, harm",
    [
        ("app.py", lambda path: path.write_text("changed")),
        ("app.py", lambda path: path.unlink()),
        ("app.py", lambda path: path.chmod(0o750)),
        ("app.py", lambda path: (path.unlink(), path.mkdir())),
        ("app.py", make_pipe),
        ("link", retarget),
        (".release.json", lambda path: path.unlink()),
        (".files", lambda path: path.write_text("x y")),
    ],
    ids=["changed", "missing", "executable", "directory", "pipe", "link", "manifest", "listing"],
)
def test_damage_is_told_before_anything_is_started(
    rig: Rig, name: str, harm: Callable[[Path], Any]
) -> None:
    rig.deploy("one", files={"link": "-> app.py", "package/deep/ä b.txt": "x"})
    assert rig.ask("check", release="one")["damage"] == ""
    harm(rig.root / "releases" / "one" / name)
    assert name in rig.ask("check", release="one")["damage"]
    session = rig.begin(kind="rollback")
    with pytest.raises(Exception, match="is damaged on this host"):
        session.call("check", LONG, release="one")


def test_what_a_release_writes_itself_is_no_damage(rig: Rig) -> None:
    rig.deploy("one", shared_paths=["uploads"])
    (rig.root / "releases/one/uploads/file").write_text("from a user")
    (rig.root / "releases/one/run/pid").write_text("5")
    assert rig.ask("check", release="one")["damage"] == ""
    assert (rig.root / "shared/uploads/file").read_text() == "from a user"


def test_a_shared_path_leads_out_of_no_release(rig: Rig, tmp_path: Path) -> None:
    session = rig.begin()
    with pytest.raises(Exception, match="leads out of the release"):
        rig.stage(session, "one", files={"data": f"-> {tmp_path}"}, shared_paths=["data/uploads"])
    assert not (tmp_path / "uploads").exists()


def test_what_was_deployed_before_is_staged_again_where_it_is_damaged_and_not_where_it_is_live(
    rig: Rig,
) -> None:
    rig.deploy("one", files={"note": "as it was"})
    rig.deploy("two")
    until(lambda: list(rig.ask("facts")["running"]) == ["two"])
    (rig.root / "releases" / "one" / "note").write_text("damaged")
    session = rig.begin(kind="rollback")
    with pytest.raises(Exception, match="two is live on this host"):
        rig.stage(session, "two", again=True)
    rig.stage(session, "one", files={"note": "as it was"}, again=True)
    assert session.call("check", LONG, release="one") == {"ready": False}
    session.leave("it is given up", limit=LONG)
    rig.unlocked()
    assert rig.events()[-1] == "caught-up" and rig.current == "two"
    assert rig.ask("check", release="one")["damage"] == ""  # it stays
