"""Ending a sandbox, and starting one that doesn't start; all real processes and ports."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests

from tasks.lib.errors import NotClosed
from tasks.lib.sandbox import control, processes, state
from tests.lib.sandbox.site import Make, says, status, until


def test_ending_it_leaves_no_process_and_no_file(make: Make) -> None:
    made = make(hosts=2)
    hosts = made.start()
    made.serve("one")
    # Detached in every way that there is: a session of its own, no parent, no open file of ours.
    script = (
        'nohup setsid sh -c \'trap "" TERM HUP INT; echo $$ > srv/stubborn; while :; do sleep 1;'
        " done' >/dev/null 2>&1 </dev/null &"
    )
    says(made, script)
    until((made.base / "host1/srv/stubborn").exists)
    stubborn = psutil.Process(int((made.base / "host1/srv/stubborn").read_text()))
    assert stubborn.ppid() not in [each.pid for each in hosts]
    assert made.stop() >= 4
    assert not stubborn.is_running() or stubborn.status() == psutil.STATUS_ZOMBIE
    assert processes.marked(made.base) == []
    assert not made.base.exists() and list(made.root.iterdir()) == []
    for host in hosts:
        with pytest.raises(requests.exceptions.ConnectionError):
            status(host.front)
    assert made.stop() == 0


def test_ending_it_can_keep_its_files(make: Make) -> None:
    made = make()
    before = made.start()[0]
    control.stop(made.settings, made.root, keep=True)
    assert processes.marked(made.base) == []
    after = made.start()[0]
    assert (after.ssh_port, after.front_port) == (before.ssh_port, before.front_port)


def test_what_was_removed_by_hand_is_ended_all_the_same(make: Make) -> None:
    made = make()
    made.start()
    shutil.rmtree(made.base)
    assert made.stop() == 1
    assert not made.base.exists()


def test_another_sandbox_is_left_alone(make: Make) -> None:
    one, other = make("project"), make("project2")
    one.start()
    kept = other.start()[0]
    one.stop()
    assert status(kept.front) == 503


def test_a_host_that_does_not_start_is_told_with_the_end_of_its_log(make: Make) -> None:
    made = make()
    (made.base / "host1").mkdir(parents=True)
    (made.base / "host1" / "host_key").write_text("no key\n")
    with pytest.raises(NotClosed, match="host1 didn't start; see .*daemon.log") as refused:
        made.start()
    assert "KeyImportError: Invalid private key" in str(refused.value.evidence)
    assert refused.value.kind == "start"
    assert processes.marked(made.base) == []
    assert control.missing(made.settings, made.root) == ["host1"]


def test_of_several_hosts_those_that_start_stay_and_the_others_can_be_mended(make: Make) -> None:
    made = make(hosts=3)
    (made.base / "host2").mkdir(parents=True)
    (made.base / "host2" / "host_key").write_text("no key\n")
    with pytest.raises(NotClosed, match="host2 didn't start"):
        made.start()
    assert len(processes.marked(made.base)) == len(state.read(made.base).hosts) == 1
    (made.base / "host2" / "host_key").unlink()
    assert len(made.start()) == 3


def test_a_host_that_hangs_while_it_starts_is_given_up(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make()
    agent = made.base / "host1" / "srv" / "run" / "agent.py"
    agent.parent.mkdir(parents=True)
    agent.write_text("import time; time.sleep(60)\n")
    monkeypatch.setattr(control, "START_LIMIT", 1.5)
    with pytest.raises(NotClosed, match="didn't start"):
        made.start()
    assert processes.marked(made.base) == []


def test_a_torn_state_counts_as_none(make: Make) -> None:
    made = make()
    made.start()
    (made.base / state.FILE).write_text('{"hosts": [{"name": ')
    assert state.read(made.base).hosts == ()
    assert len(made.start()) == 1 and len(processes.marked(made.base)) == 1


def test_a_process_id_that_belongs_to_another_now_is_no_host(make: Make) -> None:
    made = make()
    host = made.start()[0]
    for pid in (os.getpid(), 0, -1, 2**40):
        other = state.Host(host.name, host.ssh_port, host.front_port, pid)
        assert not state.running(made.base, other)
    assert state.running(made.base, host)


def test_its_daemon_dies_by_term_at_once_and_cleanly(make: Make) -> None:
    made = make()
    host = made.start()[0]
    daemon = psutil.Process(host.pid)
    daemon.terminate()
    until(lambda: not processes.marked(made.base))
    assert "Traceback" not in (made.base / "host1" / "daemon.log").read_text()


def test_ending_does_not_wait_for_who_ignores_it_longer_than_the_grace(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{deaf}; time.sleep(60)"],
        env=os.environ | {state.MARKER: str(tmp_path)},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stdout.readline() == b"1\n"
    started = time.monotonic()
    assert processes.end(tmp_path, grace=0.3) == 1
    assert time.monotonic() - started >= 0.3
    assert process.wait(10) == -signal.SIGKILL
    process.stdout.close()


def test_what_can_not_be_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GONE", -1.0)
    process = subprocess.Popen(["sleep", "60"], env=os.environ | {state.MARKER: str(tmp_path)})
    try:
        with pytest.raises(NotClosed, match=f"Processes {process.pid} of"):
            processes.end(tmp_path, grace=0)
    finally:
        process.kill()
        process.wait()
