"""Who keeps a release's processes: `systemd --user` where it runs, else groups of our own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any, Dict, List, Optional, Tuple

from disk import replace
from host import Host
from listening import Launch, popen
from units import BOOT, UNIT, limits, quoted
from wire import Failure

LOG = 16 << 20  # bytes that a log may have before all but the newest sixteenth is cut off


def born(pid: int) -> Optional[str]:
    """When a process started; None when it is gone or a zombie. With the pid, its identity.

    On Linux in ticks since the boot, which is named, too: after a boot they may well come again.
    """
    if os.path.isdir("/proc/self"):
        try:
            with open("/proc/%d/stat" % pid, encoding="latin-1") as source:
                fields = source.read().rpartition(")")[2].split()
            with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as source:
                boot = source.read(8)
        except OSError:
            return None
        return None if fields[0] in "ZX" else "%s-%s" % (boot, fields[19])
    ps = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    shown = subprocess.run(ps, stdout=subprocess.PIPE, text=True).stdout.strip()
    return None if not shown or shown[0] == "Z" else shown.split(None, 1)[1]


class Processes:
    """Process groups, each known by its pid and start time.

    Where there is no systemd, and in the sandbox.
    """

    kind, poll = "process", 0.01

    def __init__(self, host: Host) -> None:
        self.host = host
        self.children: Dict[int, Any] = {}

    def record(self, release: str, process: str) -> str:
        return self.host.release(release, "run", process + ".json")

    def log(self, release: str, process: str) -> str:
        return self.host.release(release, "run", process + ".log")

    def pid(self, release: str, process: str) -> Optional[int]:
        """The process's id while it lives, else None."""
        known = self.host.read_json("releases", release, "run", process + ".json")
        pid = known.get("pid") if isinstance(known, dict) else None
        if not isinstance(pid, int) or pid <= 1 or not known.get("born"):
            return None
        if pid in self.children:
            self.children[pid].poll()  # reaps a child of ours
        return pid if born(pid) == known["born"] else None

    def start(self, release: str, process: str, launch: Launch) -> None:
        log = os.open(self.log(release, process), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            child = popen(launch, log, self.host.release(release, "run", "app.sock"))
        except OSError as error:
            raise Failure("start", "%s can't be run: %s" % (launch[0][0], error.strerror)) from None
        finally:
            os.close(log)
        self.children[child.pid] = child
        try:
            self.note(release, process, child.pid)
        except BaseException:  # a full disk: what nobody can find again must not run
            with contextlib.suppress(OSError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise

    def note(self, release: str, process: str, pid: int, ending: bool = False) -> None:
        """Write down who it is; `ending`: it was told to end. Raises OSError."""
        known = {"pid": pid, "born": born(pid), "ending": ending}
        replace(self.record(release, process), json.dumps(known))

    def alive(self, release: str, process: str) -> bool:
        """Whether there is anything to stop."""
        return self.pid(release, process) is not None

    def up(self, release: str, process: str) -> bool:
        """Whether it runs and was not told to end, by whomever: a run may be killed after that."""
        known = self.host.read_json("releases", release, "run", process + ".json")
        return self.alive(release, process) and not known.get("ending")

    def living(self, asked: List[Tuple[str, str]], ending: bool = True) -> List[Tuple[str, str]]:
        """Those of `asked` (release and process) that are alive; `ending`: also who was told to."""
        return [each for each in asked if (self.alive if ending else self.up)(*each)]

    def stop(self, release: str, process: str, limit: float) -> None:
        """TERM, then KILL after `limit` seconds, to the whole group."""
        pid = self.pid(release, process)
        if pid is not None:
            with contextlib.suppress(OSError):  # a full disk
                self.note(release, process, pid, ending=True)
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

    def trim(self, release: str, process: str) -> None:
        """Cut a log that has grown too long; it is appended to, so the writer need not know."""
        with contextlib.suppress(OSError):
            trim(self.log(release, process))


def trim(path: str, limit: int = LOG) -> None:
    """Keep the newest sixteenth of a log of more than `limit` bytes. Raises OSError."""
    with open(path, "r+b") as log:
        size = os.fstat(log.fileno()).st_size
        if size <= limit:
            return
        log.seek(size - limit // 16)
        newest = log.read().partition(b"\n")[2]
        log.truncate(0)
    with open(path, "ab") as log:
        log.write(newest)


class Systemd(Processes):
    """One unit of a template for each release and process, under `systemd --user`.

    With lingering, without which all would end with the operator's session.
    """

    kind, poll = "systemd", 0.05

    def family(self, app: str) -> str:
        """What the units are named after: the application; elsewhere than in /srv, its place, too.

        So that two of the same name, such as staging and production, don't share their units.
        """
        if self.host.root == "/srv/" + app:
            return app
        return "%s.%s" % (app, hashlib.sha256(os.fsencode(self.host.root)).hexdigest()[:6])

    def template(self, app: str, process: str) -> str:
        # No name of ours has a colon: a process is never taken for another application.
        return self.family(app) + ("" if process == "web" else ":" + process) + "@.service"

    def unit(self, release: str, process: str) -> str:
        app = (self.host.manifest(release) or {"app": "app"})["app"]
        return self.template(app, process).replace("@", "@" + release)

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
        app, boot = manifest["app"], self.family(manifest["app"]) + "-boot.service"
        fills = {"app": app, "process": process, "drain": str(int(manifest["drain"]) + 5)}
        # The host's own interpreter, which a release's may not be: it has to outlive the release.
        fills.update(python=quoted(sys.executable), root=quoted(self.host.root))
        fills.update(agent=quoted(self.host.path("run", "agent.py")))
        fills.update(limits=limits(manifest.get("resources", {})))
        texts = {self.template(app, process): UNIT, boot: BOOT}
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
        # The unit comes back to `serve`, which makes the same launch.
        self.install(release, process)
        code, output = self.call("start", self.unit(release, process))
        if code:
            raise Failure("start", "systemd did not start %s" % self.unit(release, process), output)

    def alive(self, release: str, process: str) -> bool:
        """Whether there is anything to stop: also between an exit and the start that follows it."""
        return bool(self.living([(release, process)]))

    def note(self, release: str, process: str, pid: int, ending: bool = False) -> None:
        """systemd knows."""

    def up(self, release: str, process: str) -> bool:
        return bool(self.living([(release, process)], ending=False))

    def living(self, asked: List[Tuple[str, str]], ending: bool = True) -> List[Tuple[str, str]]:
        """Asked of systemd all at once: each call takes longer than its answer is worth.

        And by a pattern: it would load each unit that is asked for by name, and forget it again.
        """
        if not asked:
            return []
        units = [self.unit(*each) for each in asked]
        patterns = {re.sub("@.*", "@*.service", unit) for unit in units}
        wanted = "active,activating,reloading" + (",deactivating" if ending else "")
        words = ("--plain", "--no-legend", "--full", "--state=" + wanted, *sorted(patterns))
        shown = self.call("list-units", *words)[1]
        up = {line.split(None, 1)[0] for line in shown.splitlines() if line.strip()}
        return [each for each, unit in zip(asked, units) if unit in up]

    def pid(self, release: str, process: str) -> Optional[int]:
        shown = self.call("show", "-p", "MainPID", self.unit(release, process))[1]
        pid = shown.strip().rpartition("=")[2]
        return int(pid) if pid.isdigit() and pid != "0" else None

    def stop(self, release: str, process: str, limit: float) -> None:
        self.call("stop", self.unit(release, process))
        self.call("reset-failed", self.unit(release, process))

    def trim(self, release: str, process: str) -> None:
        """The journal bounds itself."""

    def log_command(self, release: str, process: str, lines: int, follow: bool) -> List[str]:
        unit = self.unit(release, process)
        command = ["journalctl", "--user", "-q", "-o", "cat", "-n", str(lines), "--user-unit", unit]
        return command + (["-f"] if follow else ["--no-pager"])


def lingers() -> bool:
    """Whether this user's services outlive the user's sessions (loginctl enable-linger)."""
    import pwd

    return os.path.exists("/var/lib/systemd/linger/" + pwd.getpwuid(os.getuid()).pw_name)


def keeper(host: Host, kind: str) -> Processes:
    """The adapter by name; "auto" is systemd where this user has a manager of its own."""
    if kind == "auto":
        kind = (
            "systemd" if os.path.exists("/run/user/%d/systemd/private" % os.getuid()) else "process"
        )
    return Systemd(host) if kind == "systemd" else Processes(host)
