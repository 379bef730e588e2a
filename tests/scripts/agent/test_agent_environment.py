"""A release's environment: one form on disk, rotated keys, and nothing of it in what is shown."""

from __future__ import annotations

import json
import stat
from types import SimpleNamespace

import pytest

from tests.support.rig import LONG, Rig


def test_an_environment_is_stored_in_one_form_only(rig: Rig) -> None:
    good = 'A="1"\nB="two\\nlines \\u00e4"\n'
    push = {"rotated": [], "who": "t", "run": "push-1"}
    assert rig.ask("push", blob=[good.encode()], **push) == {"keys": 2}
    for bad in ("A=1\n", "A='1'\n", 'A="1"', 'a-b="1"\n', 'A="\\u0000"\n', 'A="1"\n\n', "\xff"):
        with pytest.raises(Exception, match="canonical form|is cut"):
            rig.ask("push", blob=[bad.encode("latin-1")], **push)
    kept = rig.root / "shared" / ".env"
    assert kept.read_text() == good and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert rig.ask("facts")["environment"] == ["A", "B"]


def test_a_file_changes_neither_who_a_release_is_nor_its_own_interpreter(
    parts: SimpleNamespace, rig: Rig
) -> None:
    text = 'RELEASE_ID="other"\nVERSION="9"\nSOCKET="/x"\nPATH="/opt/bin"\nMORE="yes"\n'
    rig.ask("push", blob=[text.encode()], rotated=[], who="t", run="push-1")
    rig.deploy("one")
    service = parts.service.Service(parts.host.Host(str(rig.root)), "process")
    env = service.command("one", "true")[2]
    assert (env["RELEASE_ID"], env["VERSION"], env["MORE"]) == ("one", "one", "yes")
    assert env["SOCKET"] == "run/app.sock" and env["PATH"].endswith("/opt/bin")


def test_a_rotated_key_is_the_older_releases_too(parts: SimpleNamespace, rig: Rig) -> None:
    words = {"who": "t", "run": "push-1"}
    rig.ask("push", blob=[b'OLD="1"\nROTATED="1"\n'], rotated=[], **words)
    rig.deploy("one")
    rig.ask("push", blob=[b'OLD="2"\nROTATED="2"\n'], rotated=["ROTATED"], **words)
    service = parts.service.Service(parts.host.Host(str(rig.root)), "process")
    assert service.own_env("one") == {"OLD": "1", "ROTATED": "2"}


def test_what_a_failing_release_says_is_shown_without_its_secrets(rig: Rig) -> None:
    secret = "hunter2-\nsecond line of it"
    rig.ask("push", blob=[f"SECRET={json.dumps(secret)}\n".encode()], rotated=[], who="t", run="p")
    session = rig.begin()
    rig.stage(session, "one", "say-secret exit-at-start")
    with pytest.raises(Exception) as error:
        session.call("start", LONG, release="one")
    shown = f"{error.value} {getattr(error.value, 'evidence', '')}"
    assert "the password is ***" in shown and "this release does not start" in shown
    assert "hunter2" not in shown and "second line of it" not in shown
