"""What becomes of `inv release` when the remote, a hook or the operator says no in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.lib import journal
from tests.lib.scratch import Scratch
from tests.support.shop import Shop

Said = pytest.CaptureFixture[str]


pytestmark = pytest.mark.usefixtures("somebody")


PROTECTED = """
[ "$1" != refs/heads/main ] || { echo "GH006: protected branch hook declined" >&2; exit 1; }
"""
MEANWHILE = """
unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE
cd "$(git rev-parse --show-toplevel)/../other" && git {} >/dev/null 2>&1
"""
HOOKS: list[Any] = [
    pytest.param("pre-receive", "echo no releases today; exit 1", "no releases today", id="hook"),
    pytest.param("update", PROTECTED, "protected branch hook declined", id="protected branch"),
    pytest.param("update", '[ "${1#refs/tags/}" = "$1" ]', "rejected", id="protected tag"),
    pytest.param("pre-push", "echo not on a Friday >&2; exit 1", "not on a Friday", id="own hook"),
    pytest.param("pre-push", MEANWHILE.format("push origin main"), "rejected", id="overtaken"),
    pytest.param(
        "pre-push", MEANWHILE.format("push origin v0.1.0"), "rejected", id="tag overtaken"
    ),
]


@pytest.mark.parametrize(("name", "script", "sentence"), HOOKS)
def test_a_push_that_is_rejected_leaves_all_as_it_was(
    shop: Shop, capsys: Said, name: str, script: str, sentence: str
) -> None:
    there = Scratch.clone(shop.remote, shop.path.parent / "other")
    there.commit({"theirs.py": ""}, "fix: theirs")
    there.git("tag", "--annotate", "--message=x", "v0.1.0")
    where = shop if name == "pre-push" else shop.remote
    shop.hook(name, script, where)
    before, refs = shop.state(), shop.refs()
    assert shop.release() == 1
    said = capsys.readouterr()
    assert sentence in said.out and sentence in said.err
    assert "origin did not take v0.1.0; nothing has changed, here or there" in said.err
    assert "Runbook: The push is rejected" in said.err
    assert shop.state() == before
    assert shop.tags() == [] and journal.read(journal.where(shop.path))[-1]["outcome"] == "troubled"
    (Path(where.git("rev-parse", "--absolute-git-dir")) / "hooks" / name).unlink()
    if "other" in script:  # somebody else was quicker, and has to be looked at first
        assert shop.release() == 2
    else:
        assert shop.refs() == refs
        assert shop.release() == 0
        shop.whole("v0.1.0")


def test_what_the_remote_has_decides(shop: Shop, capsys: Said) -> None:
    """The connection is lost when the remote has taken it: whoever pushed hears of nothing."""
    shop.hook("post-receive", "kill -KILL $PPID")
    assert shop.release() == 0
    assert "unexpected disconnect" in capsys.readouterr().out, "git push itself fails"
    shop.whole("v0.1.0")


def test_a_clone_that_cannot_follow_is_told_and_finished_later(shop: Shop, capsys: Said) -> None:
    shop.hook("pre-push", "echo edited >>CHANGELOG.md", shop)
    assert shop.release() == 1
    said = capsys.readouterr().err
    assert "v0.1.0 is on origin, but this clone could not follow" in said
    assert "CHANGELOG.md" in said and said.endswith("Next: inv release\n")
    assert (shop.path / "CHANGELOG.md").read_text().endswith("edited\n")
    shop.git("checkout", "--", "CHANGELOG.md")
    assert shop.release(version="v2.0.0") == 0
    assert "that was v0.1.0; for v2.0.0 run" in capsys.readouterr().err
    shop.whole("v0.1.0")


def test_who_else_is_at_it_is_told(shop: Shop, capsys: Said) -> None:
    lock = shop.path / ".git" / "index.lock"
    shop.hook("pre-push", f'touch "{lock}"', shop)
    assert shop.release() == 1
    assert "index.lock': File exists" in capsys.readouterr().err
    lock.unlink()
    assert shop.release() == 0
    shop.whole("v0.1.0")


def test_hooks_and_configuration_of_the_user_are_followed(shop: Shop, tmp_path: Path) -> None:
    shop.hook("pre-push", f'cat >"{tmp_path}/pushed"; env >"{tmp_path}/env"', shop)
    shop.git("config", "remote.origin.pushurl", shop.remote.path.as_uri())
    shop.git("tag", "--annotate", "--message=x", "unrelated")
    shop.git("config", "push.followTags", "true")
    assert shop.release() == 0
    pushed = (tmp_path / "pushed").read_text()
    assert "refs/heads/main" in pushed and "refs/tags/v0.1.0" in pushed
    assert "GIT_TERMINAL_PROMPT" not in (tmp_path / "env").read_text()
    assert "unrelated" not in shop.refs(), "nothing but the release goes out"


@pytest.mark.parametrize(
    ("hook", "sentence", "taken"),
    [
        ("pre-receive", "Interrupted before origin had taken v0.1.0: nothing has changed", False),
        ("post-receive", "Interrupted when origin had taken v0.1.0 already", True),
    ],
)
def test_ctrl_c_while_it_is_pushed(shop: Shop, hook: str, sentence: str, taken: bool) -> None:
    shop.hook(hook, 'touch "$GIT_DIR/at-it"; exec sleep 20')
    before = shop.state()
    process = shop.start()
    until(shop.remote.path / "at-it")
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and sentence in said
    (shop.remote.path / "hooks" / hook).unlink()
    if taken:
        shop.whole("v0.1.0")
    else:
        assert shop.state() == before and "tags" not in shop.refs()
    assert shop.release() == 0
    shop.whole("v0.1.0")


def test_two_at_once_make_one_release(shop: Shop) -> None:
    """The second comes while the remote decides on the first."""
    shop.hook("pre-receive", 'mkdir "$GIT_DIR/at-it" && sleep 1; exit 0')
    first = shop.start()
    until(shop.remote.path / "at-it")
    second = shop.start()
    ends = {process.communicate(timeout=60)[0]: process.returncode for process in (first, second)}
    assert 0 in ends.values() and set(ends.values()) <= {0, 1, 2}, ends
    shop.whole("v0.1.0")
    assert shop.release() == 0
    assert shop.tags() == ["v0.1.0"]


FAILING = """#!/bin/sh
case " $* " in *" $FAIL_AT "*) echo "fatal: No space left on device" >&2; exit 128 ;; esac
exec {git} "$@"
"""


@pytest.mark.parametrize(
    "step", ["hash-object -w", "update-index -z", "write-tree", "commit-tree", "tag --annotate"]
)
def test_a_failure_before_the_push_leaves_all_as_it_was(
    shop: Shop, capsys: Said, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before, refs = shop.state(), shop.refs()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{a_git(shop, FAILING)}:{os.environ['PATH']}")
        patch.setenv("FAIL_AT", step)
        assert shop.release() == 2
    said = capsys.readouterr().err
    assert f"git {step.split()[0]} failed (exit code 128), and nothing has changed" in said
    assert "No space left on device" in said
    assert (shop.state(), shop.refs()) == (before, refs)
    assert shop.release() == 0
    shop.whole("v0.1.0")


def a_git(shop: Shop, script: str) -> Path:
    """Return a directory with a git that does what the script says, and then what git does."""
    git = shop.path.parent / "bin" / "git"
    git.parent.mkdir()
    git.write_text(script.format(git=shutil.which("git")))
    git.chmod(0o755)
    return git.parent


INTERRUPTER = """#!/bin/sh
case " $* " in *" $INT_AT "*) kill -INT 0 ;; esac
exec {git} "$@"
"""


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("commit-tree", "Interrupted; nothing has changed: run `inv release`."),
        ("read-tree -m", "Interrupted when origin had taken v0.1.0 already, which is in place"),
        ("update-ref -m", "Interrupted when origin had taken v0.1.0 already, which is in place"),
    ],
)
def test_ctrl_c_at_any_other_time(shop: Shop, step: str, sentence: str) -> None:
    before = shop.state()
    path = f"{a_git(shop, INTERRUPTER)}:{os.environ['PATH']}"
    process = shop.start(PATH=path, INT_AT=step)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and sentence in said, said
    if "place" in sentence:
        shop.whole("v0.1.0")
    else:
        assert shop.state() == before


def test_variables_of_another_repository_steer_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where it is run from a hook, or from an alias of git."""
    elsewhere = Scratch.new(tmp_path / "elsewhere")
    with monkeypatch.context() as patch:
        patch.setenv("GIT_DIR", str(elsewhere.path / ".git"))
        patch.setenv("GIT_INDEX_FILE", str(elsewhere.path / ".git/index"))
        patch.setenv("GIT_OBJECT_DIRECTORY", str(elsewhere.path / ".git/objects"))
        assert shop.release() == 0
    shop.whole("v0.1.0")


def until(file: Path) -> None:
    end = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < end, f"{file} never came"
        time.sleep(0.02)
