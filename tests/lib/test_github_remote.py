"""Which of a remote's addresses is GitHub's, and what gh calls the repository there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tasks.lib import github
from tests.lib.scratch import Scratch
from tests.support.github import NAME, TOKEN

Patch = pytest.MonkeyPatch

HERE = f"github.com/{NAME}"
CASES = [
    ("https://github.com/acme/shop.git", HERE),
    ("https://github.com/acme/shop", HERE),
    ("https://github.com/acme/shop/", HERE),
    ("https://GitHub.com/acme/shop.git", HERE),
    ("https://www.github.com/acme/shop.git", HERE),
    (f"https://jane:{TOKEN}@github.com/acme/shop.git", HERE),
    ("git@github.com:acme/shop.git", HERE),
    ("github.com:acme/shop", HERE),
    ("ssh://git@github.com/acme/shop.git", HERE),
    ("ssh://git@ssh.github.com:443/acme/shop.git", HERE),
    ("git://github.com/acme/shop.git", HERE),
    ("https://github.com/acme/shop.js.git", f"{HERE}.js"),
    ("https://forge.example:8443/acme/shop.git", f"forge.example:8443/{NAME}"),
    ("git@forge.example:acme/shop.git", f"forge.example:8443/{NAME}"),
    ("ssh://git@forge.example:22/acme/shop.git", f"forge.example:8443/{NAME}"),
    ("https://forge.example/acme/shop.git", ""),
    ("https://gitlab.com/acme/shop.git", ""),
    ("https://github.com.evil.example/acme/shop.git", ""),
    ("https://evil.example/github.com/acme/shop.git", ""),
    ("https://github.com/acme", ""),
    ("https://github.com/acme/shop/tree", ""),
    ("https://github.com:bad/acme/shop", ""),
    ("https://gist.github.com/acme/shop.git", ""),
    ("file:///srv/github.com/acme/shop.git", ""),
    ("/srv/git/shop.git", ""),
    ("../origin.git", ""),
    ("-oProxyCommand=x:acme/shop", ""),
]


@pytest.mark.parametrize(("url", "name"), CASES, ids=[url for url, _ in CASES])
def test_of(tmp_path: Path, monkeypatch: Patch, url: str, name: str) -> None:
    monkeypatch.setenv("GH_HOST", "forge.example:8443")
    scratch = Scratch.new(tmp_path)
    scratch.git("config", "remote.origin.url", url)
    assert github.repository(tmp_path, "origin") == name


def test_of_what_git_makes_of_it(tmp_path: Path) -> None:
    scratch = Scratch.new(tmp_path)
    scratch.git("config", "url.https://github.com/.insteadOf", "gh:")
    assert github.repository(tmp_path, "gh:acme/shop") == HERE
    assert github.repository(tmp_path, "nothing") == ""


def test_of_a_name_of_the_users_own(tmp_path: Path, monkeypatch: Patch) -> None:
    (tmp_path / "ssh_config").write_text("Host work\n  HostName github.com\n")
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F "{tmp_path}/ssh_config" "$@"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    scratch = Scratch.new(tmp_path / "work")
    scratch.git("config", "remote.origin.url", "git@work:acme/shop.git")
    assert github.repository(tmp_path / "work", "origin") == HERE
