"""`include` ships what git doesn't have, as it is in the work tree."""

import os

from pathlib import Path

import pytest

from tasks.lib.errors import Refused
from tasks.lib.parcel import Parcel
from tasks.lib.source import resolve
from tests.lib.scratch import Host, Scratch


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / 'my "quoted": project')
    scratch.commit(
        {"server/main.py": "print()\n", "dist/old.js": "old", "plain": "x", ".gitignore": "*.css\n"}
    )
    return scratch


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "repo.git")


def shipped(repo: Scratch, host: Host, *include: str) -> dict[str, tuple[str, bytes]]:
    """Return what arrives on the host; the repository must be as it was."""
    before = repo.fingerprint()
    with Parcel(repo.path, resolve(repo.path), include) as parcel:
        host.take(parcel)
    assert repo.fingerprint() == before
    return host.files(parcel.tree)


def test_a_directory_is_what_it_is_on_disk(repo: Scratch, host: Host) -> None:
    (repo.path / "dist/old.js").unlink()
    repo.write(
        {
            "dist/app.css": "ignored by git\n",
            "dist/crlf.txt": "a\r\n",
            "dist/ünï code.txt": "ü",
            "dist/tab\tand\nline": "odd",
            "dist/deep/er/x": "x",
            "server/main.py": "dirty\n",
            "untracked": "no",
            ".gitattributes": "*.txt text eol=lf\n",
        }
    )
    (repo.path / "dist/run").write_text("#!/bin/sh\n")
    (repo.path / "dist/run").chmod(0o755)
    (repo.path / "dist/link").symlink_to("deep/er")
    assert shipped(repo, host, "dist/") == {
        ".gitignore": ("file", b"*.css\n"),
        "plain": ("file", b"x"),
        "server/main.py": ("file", b"print()\n"),
        "dist/app.css": ("file", b"ignored by git\n"),
        "dist/crlf.txt": ("file", b"a\r\n"),
        "dist/ünï code.txt": ("file", "ü".encode()),
        "dist/tab\tand\nline": ("file", b"odd"),
        "dist/deep/er/x": ("file", b"x"),
        "dist/run": ("program", b"#!/bin/sh\n"),
        "dist/link": ("link", b"deep/er"),
    }


def test_a_file_overrides_the_commit_s(repo: Scratch, host: Host) -> None:
    repo.write({"plain": "changed"})
    assert shipped(repo, host, "./plain")["plain"] == ("file", b"changed")


def test_a_file_may_take_a_directory_s_place_and_the_reverse(repo: Scratch, host: Host) -> None:
    (repo.path / "dist/old.js").unlink()
    (repo.path / "dist").rmdir()
    (repo.path / "plain").unlink()
    repo.write({"dist": "a file now", "plain/inner": "a directory now"})
    files = shipped(repo, host, "dist", "plain/inner")
    assert files["dist"][1] == b"a file now"
    assert files["plain/inner"][1] == b"a directory now"
    assert "dist/old.js" not in files and "plain" not in files


def test_the_same_files_make_the_same_tree(repo: Scratch, host: Host) -> None:
    with Parcel(repo.path, resolve(repo.path), ["dist", "plain", "dist/old.js"]) as parcel:
        assert parcel.tree == repo.git("rev-parse", "HEAD^{tree}")
    assert not list((repo.path / ".git").rglob("parcel*"))


def test_below_a_project_that_is_not_the_top_of_its_repository(repo: Scratch, host: Host) -> None:
    repo.write({"server/built.css": "built"})
    root = repo.path / "server"
    with Parcel(root, resolve(root), ["built.css"], "server") as parcel:
        host.take(parcel)
        assert parcel.requirements("server/built.css") == b"built"
    assert {"server/main.py", "server/built.css", "plain"} <= set(host.files(parcel.tree))


def test_settings_that_would_write_into_the_repository(repo: Scratch, host: Host) -> None:
    hook = repo.path / ".git/hooks/post-index-change"
    hook.write_text("#!/bin/sh\ntouch .git/hooked\n")
    hook.chmod(0o755)
    for key, value in [("core.splitIndex", "true"), ("core.fsmonitor", "true")]:
        repo.git("config", key, value)
    repo.write({"dist/old.js": "new"})
    assert shipped(repo, host, "dist")["dist/old.js"][1] == b"new"


def test_a_sparse_checkout_ships_the_whole_commit(repo: Scratch, host: Host) -> None:
    repo.git("sparse-checkout", "set", "--cone", "--sparse-index", "server")
    assert not (repo.path / "dist").exists()
    repo.write({"server/main.py": "new\n"})
    files = shipped(repo, host, "server")
    assert files["server/main.py"][1] == b"new\n"
    assert files["dist/old.js"][1] == b"old"


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "/etc/passwd",
        ".",
        "",
        ".git/config",
        "dist/.GIT/x",
        "dist/../..",
        "out/passwd",
    ],
)
def test_what_is_not_below_the_project_is_refused(repo: Scratch, path: str) -> None:
    (repo.path.parent / "outside").touch()
    (repo.path / "out").symlink_to("/etc")
    with pytest.raises(Refused, match="not a path below the project") as caught:
        with Parcel(repo.path, resolve(repo.path), [path]):
            pass
    assert caught.value.kind == "config"


def test_a_link_out_of_the_project_is_shipped_as_a_link(repo: Scratch, host: Host) -> None:
    (repo.path / "out").symlink_to("/etc")
    assert shipped(repo, host, "out")["out"] == ("link", b"/etc")


def test_what_is_not_there_or_is_no_file_is_refused(repo: Scratch) -> None:
    with pytest.raises(Refused, match="build it first"):
        with Parcel(repo.path, resolve(repo.path), ["built/"]):
            pass
    os.mkfifo(repo.path / "dist/pipe")
    with pytest.raises(Refused, match="dist/pipe, which is neither a file nor a link"):
        with Parcel(repo.path, resolve(repo.path), ["dist"]):
            pass
