"""A parcel holds a release's tree, whole and as it is, and leaves the repository alone."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tasks.lib.errors import Refused
from tasks.lib.parcel import Parcel
from tasks.lib.source import resolve
from tests.lib.scratch import Host, Scratch

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "my: project")
    scratch.commit({"server/main.py": "print()\n", "server/requirements.txt": "uvicorn\n"})
    return scratch


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "repo.git")


def refusal(
    repo: Scratch, include: Iterable[str] = (), directory: str = "", version: str = ""
) -> Refused:
    with (
        pytest.raises(Refused) as caught,
        Parcel(repo.path, resolve(repo.path, version), include, directory),
    ):
        pass
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_tree_arrives_as_it_is(repo: Scratch, host: Host) -> None:
    repo.write(
        {
            "run me.sh": "#!/bin/sh\n",
            "übung/größe.txt": "ß\n",
            "empty": "",
            "crlf.txt": "a\r\nb\r\n",
            "binary": bytes(range(256)) * 5,
            "tab\tand\nline": "odd\n",
            "hidden/not me.txt": "x",
            ".gitattributes": "hidden export-ignore\n",
        }
    )
    (repo.path / "run me.sh").chmod(0o755)
    (repo.path / "a link").symlink_to("übung/größe.txt")
    repo.commit()
    before = repo.fingerprint()
    with Parcel(repo.path, resolve(repo.path)) as parcel:
        assert parcel.tree == repo.git("rev-parse", "HEAD^{tree}")
        objects = repo.git("rev-list", "--objects", "--no-object-names", parcel.tree).split()
        assert sorted(parcel.ids) == sorted(objects)
        host.take(parcel)
    files = host.files(parcel.tree)
    assert files["run me.sh"] == ("program", b"#!/bin/sh\n")
    assert files["übung/größe.txt"] == ("file", "ß\n".encode())
    assert files["a link"] == ("link", "übung/größe.txt".encode())
    assert files["crlf.txt"][1] == b"a\r\nb\r\n"
    assert files["binary"][1] == bytes(range(256)) * 5
    assert files["tab\tand\nline"][1] == b"odd\n"
    assert files["empty"][1] == b""
    assert "hidden/not me.txt" not in files
    assert repo.fingerprint() == before


def test_only_what_is_missing_travels(repo: Scratch, host: Host) -> None:
    repo.git("tag", "v1")
    repo.commit({"server/main.py": "print(2)\n"})
    with Parcel(repo.path, resolve(repo.path, "v1")) as parcel:
        assert host.take(parcel) == 4
    with Parcel(repo.path, resolve(repo.path)) as parcel:
        assert host.take(parcel) == 3  # the file and the two trees above it
        assert host.take(parcel) == 0
        assert b"".join(parcel.pack([])) == b""


def test_a_host_gets_nothing_that_is_not_the_release_s(repo: Scratch) -> None:
    secret = repo.commit({"secret": "s3cret"})
    blob = repo.git("rev-parse", "HEAD:secret")
    repo.git("rm", "--quiet", "secret")
    repo.commit()
    with Parcel(repo.path, resolve(repo.path)) as parcel:
        assert b"".join(parcel.pack([blob, secret, "--all", "HEAD"])) == b""


def test_a_reader_that_stops_early_leaves_no_process(repo: Scratch) -> None:
    repo.commit({"big": os.urandom(1_000_000)})
    with Parcel(repo.path, resolve(repo.path)) as parcel:
        pieces = iter(parcel.pack(parcel.ids))
        assert next(pieces).startswith(b"PACK")
        pieces.close()  # type: ignore[attr-defined]
        assert len(b"".join(parcel.pack(parcel.ids))) > 1_000_000


def test_an_older_version_comes_from_its_commit_not_from_the_work_tree(
    repo: Scratch, host: Host
) -> None:
    repo.git("tag", "v1")
    repo.commit({"server/main.py": "print(2)\n"})
    repo.write({"server/main.py": "dirty\n", "new": "untracked"})
    with Parcel(repo.path, resolve(repo.path, "v1")) as parcel:
        host.take(parcel)
    assert host.files(parcel.tree)["server/main.py"][1] == b"print()\n"
    assert "new" not in host.files(parcel.tree)


def test_requirements_are_read_from_the_tree(repo: Scratch) -> None:
    (repo.path / "link.txt").symlink_to("server/requirements.txt")
    (repo.path / "gone.txt").symlink_to("nothing")
    repo.commit()
    repo.write({"server/requirements.txt": "dirty\n"})
    with Parcel(repo.path, resolve(repo.path)) as parcel:
        assert parcel.requirements("server/requirements.txt") == b"uvicorn\n"
        assert parcel.requirements("./server//requirements.txt") == b"uvicorn\n"
        assert parcel.requirements("link.txt") == b"uvicorn\n"
        for path in ("gone.txt", "nothing", "server", "../etc/passwd", "a\nb", "", "-x"):
            assert parcel.requirements(path) is None


def test_the_service_s_directory_must_be_in_the_tree(repo: Scratch) -> None:
    with Parcel(repo.path, resolve(repo.path), directory="server/") as parcel:
        assert parcel.tree
    for directory in ("elsewhere", "server/main.py"):
        error = refusal(repo, directory=directory)
        assert error.kind == "config" and directory in str(error)


@pytest.mark.parametrize("depth", ["--depth=1", "--no-tags"])
def test_a_shallow_clone_is_enough(repo: Scratch, host: Host, tmp_path: Path, depth: str) -> None:
    repo.commit({"server/main.py": "print(2)\n"})
    clone = Scratch.clone(repo, tmp_path / "clone", depth)
    before = clone.fingerprint()
    with Parcel(clone.path, resolve(clone.path)) as parcel:
        host.take(parcel)
    assert host.files(parcel.tree)["server/main.py"][1] == b"print(2)\n"
    assert clone.fingerprint() == before


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
@pytest.mark.parametrize("include", [(), ("server",)], ids=["plain", "include"])
def test_a_partial_clone_asks_its_remote_for_the_rest(
    repo: Scratch, host: Host, tmp_path: Path, kind: str, include: tuple[str, ...]
) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.commit({"deep/er/x": "x\n", "old": "old\n"})
    repo.git("tag", "v1")
    repo.commit({"old": "new\n", "deep/er/x": "y\n"})
    clone = Scratch.clone(repo, tmp_path / "clone", f"--filter={kind}")
    before = clone.fingerprint()
    with Parcel(clone.path, resolve(clone.path, "v1"), include) as parcel:
        host.take(parcel)
    assert parcel.tree == repo.git("rev-parse", "v1^{tree}")
    assert host.files(parcel.tree)["old"][1] == b"old\n"
    assert clone.fingerprint() == before


def test_a_partial_clone_without_its_remote_is_refused(repo: Scratch, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = Scratch.clone(repo, tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    repo.path.rename(tmp_path / "moved")
    assert refusal(clone, version="main").kind == "git"


def test_a_damaged_clone_is_refused(repo: Scratch) -> None:
    blob = repo.git("rev-parse", "HEAD:server/main.py")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    error = refusal(repo)
    assert "git fsck" in str(error) and error.evidence == blob


@pytest.mark.parametrize("name", ["file.psd", "spaced name.bin"])
def test_an_lfs_pointer_is_refused_unless_included(repo: Scratch, host: Host, name: str) -> None:
    repo.commit({name: POINTER, ".gitattributes": "*.psd filter=lfs -text\n"})
    error = refusal(repo)
    assert name in str(error) and "`git lfs pull`" in str(error)
    assert name in str(refusal(repo, include=[name])), "a pointer in the work tree is a stub too"
    repo.write({name: b"the real thing"})
    with Parcel(repo.path, resolve(repo.path), [name]) as parcel:
        host.take(parcel)
    assert host.files(parcel.tree)[name] == ("file", b"the real thing")


def test_many_pointers_are_named_shortly(repo: Scratch) -> None:
    repo.commit({f"{number}.bin": f"{POINTER}x{number}" for number in range(9)})
    assert "4.bin and 4 more" in str(refusal(repo))


def test_a_submodule_is_refused_unless_included(repo: Scratch, host: Host, tmp_path: Path) -> None:
    library = Scratch.new(tmp_path / "library")
    library.commit({"lib.py": "lib\n", "sub/deep.py": "deep\n"})
    repo.git(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
        library.path.as_uri(), "vendor/lib",
    )  # fmt: skip
    repo.commit()
    error = refusal(repo)
    assert "vendor/lib" in str(error) and "`git submodule update --init" in str(error)
    with Parcel(repo.path, resolve(repo.path), ["vendor/lib"]) as parcel:
        host.take(parcel)
    files = host.files(parcel.tree)
    assert files["vendor/lib/lib.py"][1] == b"lib\n"
    assert files["vendor/lib/sub/deep.py"][1] == b"deep\n"
    assert "vendor/lib/.git" not in files


def test_five_thousand_files(tmp_path: Path, host: Host) -> None:
    repo = Scratch.new(tmp_path / "large")
    repo.commit({f"d{n % 50}/e{n % 7}/f{n}.txt": f"{n}\n" * (n % 90) for n in range(5000)})
    started = time.process_time()
    with Parcel(repo.path, resolve(repo.path)) as parcel:
        own = time.process_time() - started
        assert host.take(parcel) == len(parcel.ids) > 5000
    assert len(host.files(parcel.tree)) == 5000
    # Not a limit on the machine: the work per file must stay far below that of a process per file.
    assert own < 5000 * 0.001
