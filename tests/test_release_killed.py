"""`inv release` killed between any two of its steps: the next one finishes it or starts over, and
there is never a second tag or half a release."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest

from tests.support.shop import Shop

# A git that kills whoever called it, before or after it does the step that is named.
KILLER = """#!/bin/sh
case " $* " in
    *" $KILL_AT "*) [ "$KILL_WHEN" = after ] && {git} "$@"; kill -KILL $PPID; exit 1 ;;
esac
exec {git} "$@"
"""
BEFORE = ["hash-object -w", "read-tree", "write-tree", "commit-tree", "init", "tag --annotate"]
STEPS = [
    *((step, "before", "") for step in [*BEFORE, "push"]),
    *((step, "after", "v0.1.0") for step in ("push", "read-tree -m", "update-ref -m")),
    *((step, "before", "v0.1.0") for step in ("diff-tree -r -z", "update-ref -m")),
]


pytestmark = pytest.mark.usefixtures("somebody")


@pytest.mark.parametrize(("step", "when", "out"), STEPS)
def test_killed_between_any_two_steps(shop: Shop, step: str, when: str, out: str) -> None:
    killer = shop.path.parent / "bin" / "git"
    killer.parent.mkdir()
    killer.write_text(KILLER.format(git=shutil.which("git")))
    killer.chmod(0o755)
    before = shop.state()
    path = f"{killer.parent}:{os.environ['PATH']}"
    process = shop.start(PATH=path, KILL_AT=step, KILL_WHEN=when)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, said
    assert ("refs/tags/v0.1.0" in shop.refs()) == bool(out)
    if not out:
        assert shop.state() == before
    again(shop)


def again(shop: Shop) -> None:
    """Run it again, twice: it closes, with the one tag."""
    for _ in range(2):
        assert shop.release() == 0
        shop.whole("v0.1.0")
        assert shop.tags() == ["v0.1.0"] and shop.refs().count("refs/tags/") == 1
        assert shop.git("rev-list", "--count", "HEAD") == "2"


def test_killed_with_all_it_started_while_the_remote_decides(shop: Shop) -> None:
    shop.hook("pre-receive", 'touch "$GIT_DIR/at-it"; sleep 20')
    before = shop.state()
    process = shop.start()
    end = time.monotonic() + 30
    while not (shop.remote.path / "at-it").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    (shop.remote.path / "hooks" / "pre-receive").unlink()
    assert shop.state() == before
    again(shop)


@pytest.mark.parametrize("staged", [False, True])
def test_a_clone_that_was_left_with_the_files_written(shop: Shop, staged: bool) -> None:
    """git itself was killed between the files and its index, or before the branch moved."""
    assert shop.release() == 0
    old = shop.git("rev-parse", "HEAD^")
    shop.git("tag", "--delete", "v0.1.0")
    shop.git("reset", "--soft" if staged else "--mixed", "--quiet", old)
    assert shop.git("status", "--porcelain")
    again(shop)


def test_a_branch_that_was_pulled_meanwhile_is_as_good(shop: Shop) -> None:
    assert shop.release() == 0
    shop.git("tag", "--delete", "v0.1.0")
    shop.git("reset", "--hard", "--quiet", "HEAD^")
    shop.git("pull", "--quiet", "--ff-only")
    again(shop)
