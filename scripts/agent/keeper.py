"""Who keeps a release's processes: `systemd --user` where it runs, else process groups of our own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from typing import Any, Dict, List, Optional, Tuple

from disk import replace
from host import Host
from wire import Failure

Launch = Tuple[List[str], str, Dict[str, str]]  # argv, working directory, environment

UNIT = """[Unit]
Description={app}: {process} of release %i
StartLimitIntervalSec=0

[Service]
ExecStart={python} -I "{root}/run/agent.py" serve "{root}" %i {process}
Restart=always
RestartSec=1
SuccessExitStatus=143
TimeoutStopSec={drain}
"""
BOOT = """[Unit]
Description={app}: settle what is pending, then start the current release

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={python} -I "{root}/run/agent.py" boot "{root}"

[Install]
WantedBy=default.target
"""


def born(pid: int) -> Optional[str]:
    """When a process started, in the system's own unit; None when it is gone or a zombie. With the pid, its identity."""
    if os.path.isdir("/proc/self"):
        try:
            with open("/proc/%d/stat" % pid, encoding="latin-1") as source:
                fields = source.read().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    ps = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    shown = subprocess.run(ps, stdout=subprocess.PIPE, text=True).stdout.strip()
    return None if not shown or shown[0] == "Z" else shown.split(None, 1)[1]


class Processes:
    """Process groups, each known by its pid and start time: where there is no systemd, and in the sandbox."""

    kind, poll = "process", 0.01

    def __init__(self, host: Host) -> None:
        self.host = host
        self.children: Dict[int, Any] = {}

    def record(self, release: str, process: str) -> str:
        return self.host.release(release, "run", process + ".json")

    def log(self, release: str, process: str) -> str:
        return self.host.release(release, "run", process + ".log")

    def pid(self, release: str, process: str) -> Optional[int]:
        known = self.host.read_json("releases", release, "run", process + ".json")
        if not isinstance(known, dict):
            return None
        if known["pid"] in self.children:
            self.children[known["pid"]].poll()  # reaps a child of ours
        return known["pid"] if born(known["pid"]) == known["born"] else None

    def start(self, release: str, process: str, launch: Launch) -> None:
        argv, cwd, env = launch
        log = os.open(self.log(release, process), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise Failure("start", "%s can't be run: %s" % (argv[0], error.strerror)) from None
        finally:
            os.close(log)
        self.children[child.pid] = child
        known = json.dumps({"pid": child.pid, "born": born(child.pid)})
        replace(self.record(release, process), known)

    def alive(self, release: str, process: str) -> bool:
        return self.pid(release, process) is not None

    def stop(self, release: str, process: str, limit: float) -> None:
        """TERM, then KILL after `limit` seconds, to the whole group."""
        pid = self.pid(release, process)
        for sign, wait in ((signal.SIGTERM, limit), (signal.SIGKILL, 5.0)):
            if pid is None or not self.alive(release, process):
                break
            with contextlib.suppress(OSError):
                os.killpg(pid, sign)
            until = time.monotonic() + wait
            while self.alive(release, process) and time.monotonic() < until:
                time.sleep(0.01)
        if pid is not None:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)  # what the main process left of its group
        with contextlib.suppress(OSError):
            os.unlink(self.record(release, process))

    def memory(self, release: str) -> int:
        """Bytes resident in the release's processes; 0 where the system doesn't say."""
        total = 0
        for process in (self.host.manifest(release) or {"processes": ()})["processes"]:
            with contextlib.suppress(OSError, IndexError, ValueError):
                with open(
                    "/proc/%d/statm" % (self.pid(release, process) or 0), encoding="ascii"
                ) as source:
                    total += int(source.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return total

    def log_command(self, release: str, process: str, lines: int, follow: bool) -> List[str]:
        return (
            ["tail", "-n", str(lines)] + (["-F"] if follow else []) + [self.log(release, process)]
        )


class Systemd(Processes):
    """One unit of a template for each release and process, under `systemd --user` with lingering."""

    kind, poll = "systemd", 0.05

    def unit(self, release: str, process: str) -> str:
        app = (self.host.manifest(release) or {"app": "app"})["app"]
        return "%s%s@%s.service" % (app, "" if process == "web" else "-" + process, release)

    def call(self, *words: str) -> Tuple[int, str]:
        env = dict(os.environ, XDG_RUNTIME_DIR="/run/user/%d" % os.getuid())
        command = ("systemctl", "--user") + words
        done = subprocess.run(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.returncode, done.stdout

    def install(self, release: str, process: str) -> None:
        """The unit files, written where they are missing or differ."""
        manifest = self.host.manifest(release)
        assert manifest is not None
        folder = os.path.expanduser("~/.config/systemd/user")
        os.makedirs(folder, exist_ok=True)
        fills = {"app": manifest["app"], "process": process, "python": manifest["interpreter"]}
        fills.update(root=self.host.root.replace("%", "%%"), drain=str(int(manifest["drain"]) + 5))
        boot = manifest["app"] + "-boot.service"
        texts = {self.unit(release, process).replace("@" + release, "@"): UNIT, boot: BOOT}
        changed = False
        for name, text in texts.items():
            path, wanted = os.path.join(folder, name), text.format(**fills)
            try:
                with open(path, encoding="utf-8") as source:
                    same = source.read() == wanted
            except OSError:
                same = False
            if not same:
                replace(path, wanted, 0o644)
                changed = True
        if changed:
            self.call("daemon-reload")
            self.call("enable", boot)

    def start(self, release: str, process: str, launch: Launch) -> None:
        self.install(
            release, process
        )  # the unit comes back to `serve`, which makes the same launch
        code, output = self.call("start", self.unit(release, process))
        if code:
            raise Failure("start", "systemd did not start %s" % self.unit(release, process), output)

    def alive(self, release: str, process: str) -> bool:
        unit = self.unit(release, process)
        shown = self.call("show", "-p", "ActiveState,SubState", unit)[1]
        return "ActiveState=active" in shown

    def pid(self, release: str, process: str) -> Optional[int]:
        shown = self.call("show", "-p", "MainPID", "--value", self.unit(release, process))[
            1
        ].strip()
        return int(shown) if shown.isdigit() and shown != "0" else None

    def stop(self, release: str, process: str, limit: float) -> None:
        self.call("stop", self.unit(release, process))
        self.call("reset-failed", self.unit(release, process))

    def log_command(self, release: str, process: str, lines: int, follow: bool) -> List[str]:
        unit = self.unit(release, process)
        command = ["journalctl", "--user", "-q", "-o", "cat", "-n", str(lines), "--user-unit", unit]
        return command + (["-f"] if follow else ["--no-pager"])


def keeper(host: Host, kind: str) -> Processes:
    """The adapter by name; "auto" is systemd where this user has a manager of its own."""
    if kind == "auto":
        kind = (
            "systemd" if os.path.exists("/run/user/%d/systemd/private" % os.getuid()) else "process"
        )
    return Systemd(host) if kind == "systemd" else Processes(host)
