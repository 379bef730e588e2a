"""Who keeps processes: identities that a reused pid doesn't have, logs with an end, unit files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.rig import LONG, Rig, until


def test_a_pid_that_was_given_to_another_process_is_not_ours(
    parts: SimpleNamespace, rig: Rig
) -> None:
    rig.deploy("one")
    keeper = parts.keeper.Processes(parts.host.Host(str(rig.root)))
    record = Path(keeper.record("one", "web"))
    known = json.loads(record.read_text())
    assert keeper.pid("one", "web") == known["pid"]
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    try:
        record.write_text(json.dumps({**known, "pid": stranger.pid}))
        assert keeper.pid("one", "web") is None
        keeper.stop("one", "web", 0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"pid": 1, "born": "x"}', '{"pid": "5"}', '{"pid": 999999, "born": null}'],
)
def test_a_record_that_makes_no_sense_is_of_no_process(
    parts: SimpleNamespace, rig: Rig, text: str
) -> None:
    rig.deploy("one")
    keeper = parts.keeper.Processes(parts.host.Host(str(rig.root)))
    Path(keeper.record("one", "web")).write_text(text)
    assert keeper.pid("one", "web") is None


def test_a_process_that_ends_at_once_is_not_alive(parts: SimpleNamespace, rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one", processes={"web": "true"})
    begun = time.monotonic()
    with pytest.raises(Exception, match="ended before it answered"):
        session.call("start", LONG, release="one")
    assert time.monotonic() - begun < 20


def test_a_release_that_is_never_healthy_is_stopped_again(rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one", "unhealthy", start=1.0)
    with pytest.raises(Exception, match="was not healthy after 1 s: /api/health answered 503"):
        session.call("start", LONG, release="one")
    assert session.call("facts", LONG)["running"] == {}


def test_one_that_says_it_is_another_is_not_healthy(rig: Rig) -> None:
    session = rig.begin()
    rig.stage(session, "one", "wrong-release", start=1.0)
    with pytest.raises(Exception, match="does not name one"):
        session.call("start", LONG, release="one")


def test_throttled_is_not_down(rig: Rig) -> None:
    rig.deploy("one", "throttled")
    assert rig.current == "one"


def test_a_slow_start_is_waited_for(rig: Rig) -> None:
    rig.deploy("one", "start=3")
    assert rig.healthy("one")


def test_what_does_not_heed_term_is_killed_with_its_group(rig: Rig) -> None:
    stubborn = "sh -c 'trap \"\" TERM; python app.py run/app.sock & while :; do sleep 1; done'"
    rig.deploy("one", processes={"web": stubborn}, drain=0.5)
    rig.deploy("two")
    until(lambda: [p.pid for p in rig.processes()] == [rig.pid("two")], "some of it is left")


def test_a_log_is_cut_to_its_newest_lines_while_it_is_written(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    with open(path, "ab", buffering=0) as writer:
        for number in range(2000):
            writer.write(b"line %06d\n" % number)
        parts.keeper.trim(str(path), 16_000)
        writer.write(b"the next\n")
    lines = path.read_text().splitlines()
    assert lines[-2:] == ["line 001999", "the next"] and len(lines) < 100
    assert all(len(line) == 11 for line in lines[:-1])
    parts.keeper.trim(str(path), 16_000)
    assert path.read_text().splitlines() == lines


def test_words_of_a_unit_are_quoted(parts: SimpleNamespace) -> None:
    assert parts.units.quoted('a b%c$d"e\\f') == '"a b%%c$$d\\"e\\\\f"'


@pytest.mark.parametrize(
    ("resources", "lines"),
    [
        pytest.param({}, "", id="a manifest from before"),
        pytest.param({"memory": "", "cpu": "", "tasks": 0, "files": 0}, "", id="none"),
        pytest.param({"memory": "1G", "tasks": 9}, "MemoryMax=1G\nTasksMax=9\n", id="some"),
        pytest.param(
            {"cpu": "50%", "files": 99}, "CPUQuota=50%\nLimitNOFILE=99:infinity\n", id="others"
        ),
    ],
)
def test_resources_are_lines_of_a_unit(
    parts: SimpleNamespace, resources: dict[str, object], lines: str
) -> None:
    assert parts.units.limits(resources) == lines


def test_units_of_two_applications_are_never_the_same(parts: SimpleNamespace) -> None:
    def template(root: str, app: str, process: str) -> str:
        return str(parts.keeper.Systemd(parts.host.Host(root)).template(app, process))

    assert template("/srv/shop", "shop", "web") == "shop@.service"
    names = [
        template(root, app, process)
        for root in ("/srv/shop", "/srv/staging/shop", "/srv/shop-api")
        for app in ("shop", "shop-api")
        for process in ("web", "api")
    ]
    assert len(set(names)) == len(names)


def test_a_service_started_by_a_unit_lets_the_front_connect_whatever_it_does(rig: Rig) -> None:
    """As after a crash: systemd starts it again and nobody of ours looks on."""
    rig.deploy("one")
    os.killpg(rig.pid("one"), signal.SIGKILL)
    until(lambda: not rig.healthy("one"))
    path = rig.root / "run" / "agent.py"
    argv = [rig.python, "-I", str(path), "serve", str(rig.root), "one", "web"]
    process = subprocess.Popen(argv, env=rig.env, stdin=subprocess.DEVNULL)
    try:
        until(lambda: rig.healthy("one"))
        sock = rig.root / "releases" / "one" / "run" / "app.sock"
        until(lambda: os.stat(sock).st_mode & 0o777 == 0o666)
        children = [p for p in rig.processes() if p.ppid() == process.pid]
        assert children == []  # it has no child of ours to wait for
    finally:
        process.terminate()
        assert process.wait(LONG) in (0, -15, 143)


def test_a_unit_whose_release_is_gone_says_so(rig: Rig) -> None:
    rig.deploy("one")
    done = rig.agent("serve", str(rig.root), "gone", "web")
    assert done.returncode == 1
    assert done.stderr == "gone is not complete on this host\n"
