"""Starting and stopping the sandbox's hosts."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotClosed
from . import environment, processes, state
from .state import Host, State

if TYPE_CHECKING:
    from ..settings import Settings

# How long a host may take until it answers, its boot (see daemon.py) included, in seconds.
START_LIMIT = 90.0
# How much of a log is shown when a host doesn't start, in lines.
TAIL = 20


def directory(settings: Settings, root: Path) -> Path:
    """Return the sandbox's directory; root: the project's."""
    return (root / settings.sandbox.directory).resolve()


def start(settings: Settings, root: Path) -> tuple[Host, ...]:
    """
    Start the hosts that the configuration wants and that don't run yet; end those that it no longer
    wants.

    settings: `sandbox.hosts` how many, `sandbox.port` that of the first one's front if it is free.
    root: the project's directory. Returns the hosts, each of which answers.
    Raises NotClosed with the end of the log of one that doesn't start.
    """
    base = directory(settings, root)
    _prepare(base)
    wanted = _wanted(settings)
    with _lock(base):
        for host in state.read(base).hosts:
            if host.name not in wanted:
                _remove(base, host)
        down = missing(settings, root)
        _start(base, {name: settings.sandbox.port if name == "host1" else 0 for name in down})
        return state.read(base).hosts


def missing(settings: Settings, root: Path) -> list[str]:
    """Name the hosts that the configuration wants and that don't run."""
    base = directory(settings, root)
    return [name for name in _wanted(settings) if not _runs(base, name)]


def stop(settings: Settings, root: Path, *, keep: bool = False) -> int:
    """
    End every process of the sandbox and remove its directory.

    settings, root: as for `start`; keep: leave the files (the hosts then come back as they were).
    Returns how many processes there were. Raises NotClosed when some can't be killed.
    """
    base = directory(settings, root)
    if not base.exists():
        # Someone removed it by hand: what ran in it may still be there.
        return processes.end(base)
    with _lock(base):
        ended = processes.end(base)
        if not keep:
            shutil.rmtree(base)
    return ended


def kill_host(settings: Settings, root: Path, name: str) -> None:
    """End a host as a power failure does: everything at once. Its files stay."""
    base = directory(settings, root)
    processes.end(base / name, grace=0)


def restart_host(settings: Settings, root: Path, name: str) -> Host:
    """
    Turn a host off and on again: as after a power failure, with the same ports and host key.

    settings, root: as for `start`; name: `host1` and so on. Returns the host, which answers.
    Raises NotClosed when there is none of this name, or it doesn't start again.
    """
    base = directory(settings, root)
    known = state.read(base).host(name)
    if known is None:
        raise NotClosed(f"The sandbox has no {name}; start it with `inv host --env=sandbox`.")
    with _lock(base):
        return _start(base, {name: known.front_port})[0]


def _wanted(settings: Settings) -> list[str]:
    return [f"host{number}" for number in range(1, settings.sandbox.hosts + 1)]


def _prepare(base: Path) -> None:
    """Make the directory and the operator's key, once."""
    base.mkdir(parents=True, exist_ok=True)
    base.chmod(0o700)
    with _lock(base):
        # Whatever the project's own .gitignore says: keys and hosts are nobody's source.
        (base / ".gitignore").write_text("*\n")
        _make_key(base / state.USER_KEY)


def _runs(base: Path, name: str) -> bool:
    known = state.read(base).host(name)
    return known is not None and state.running(base, known)


def _start(base: Path, fronts: dict[str, int]) -> list[Host]:
    """Start daemons, side by side, wait until each answers, and write down where."""
    hosts: list[Host] = []
    before = state.read(base)
    with contextlib.ExitStack() as pipes:
        try:
            waiting = {}
            for name, front in fronts.items():
                waiting[name] = _spawn(base / name, before.host(name), front)
                pipes.callback(os.close, waiting[name])
            for name, pipe in waiting.items():
                hosts.append(Host(name=name, **_answer(base / name, pipe)))
        finally:
            _write(base, hosts, set(fronts))
    return hosts


def _write(base: Path, hosts: list[Host], started: set[str]) -> None:
    """Write down the hosts that answer, and end those that were started and don't."""
    now = state.read(base)
    for host in hosts:
        now = now.with_host(host)
    state.write(base, now)
    _write_known_hosts(base, now)
    for name in started - {host.name for host in hosts}:
        processes.end(base / name, grace=0)


def _spawn(home: Path, known: Host | None, front_port: int) -> int:
    """Run a host's daemon, detached. Returns a pipe on which it will say where it answers."""
    (home / "srv").mkdir(parents=True, exist_ok=True)
    _make_key(home / state.HOST_KEY)
    # What a daemon that died left behind would hold the ports, and the lock of a run.
    processes.end(home, grace=0)
    options = ["--front-port", str(front_port)]
    if known is not None:
        options = ["--ssh-port", str(known.ssh_port), "--front-port", str(known.front_port)]
        options += ["--again"]
    ours, theirs = os.pipe()
    # As `lib`, not `tasks.lib`: a host needs none of the phases, and must not read the operator's
    # .env as tasks.py does.
    daemon = [sys.executable, "-m", "lib.sandbox.daemon", *options, "--ready", str(theirs)]
    modules = Path(__file__).resolve().parents[2]
    try:
        with (home / state.LOG).open("ab") as log:
            # The shell is gone at once and the daemon nobody's child: nothing is left to reap.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *daemon],
                cwd=home,
                env=environment.for_daemon(os.environ, home, modules),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs,),
                start_new_session=True,
                check=True,
            )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return ours


def _answer(home: Path, pipe: int) -> dict[str, int]:
    """Wait for what a daemon says about itself: its process id and ports."""
    try:
        said: dict[str, int] = json.loads(_read_all(pipe, START_LIMIT))
        return said
    except ValueError:
        raise NotClosed(
            f"The sandbox's {home.name} didn't start; see {home / state.LOG}.",
            kind="start",
            evidence=_tail(home / state.LOG),
        ) from None


def _read_all(pipe: int, limit: float) -> bytes:
    """Read until the other side closes, which it also does by dying; b"" when it takes too long."""
    found = b""
    while select.select([pipe], [], [], limit)[0]:
        data = os.read(pipe, 4096)
        if not data:
            return found
        found += data
    return b""


def _tail(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()
    return "\n".join(lines[-TAIL:])


def _remove(base: Path, host: Host) -> None:
    processes.end(base / host.name)
    shutil.rmtree(base / host.name, ignore_errors=True)
    left = State(tuple(each for each in state.read(base).hosts if each.name != host.name))
    state.write(base, left)


def _make_key(path: Path) -> None:
    """
    Make an Ed25519 key pair as `ssh-keygen` does, unless there is one: the quickest to sign and to
    check with.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if path.exists():
        return
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_bytes(public + b"\n")
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    fresh = path.with_name(f"{path.name}.new")
    fresh.touch(0o600)
    fresh.write_bytes(secret)
    # Last, and whole: the private key's presence says that the pair is complete.
    fresh.rename(path)


def _write_known_hosts(base: Path, now: State) -> None:
    lines = []
    for host in now.hosts:
        public = (base / host.name / f"{state.HOST_KEY}.pub").read_text().strip()
        lines.append(f"[127.0.0.1]:{host.ssh_port} {public}\n")
    fresh = base / f"{state.KNOWN_HOSTS}.new"
    fresh.write_text("".join(lines))
    fresh.rename(base / state.KNOWN_HOSTS)


@contextlib.contextmanager
def _lock(base: Path) -> Iterator[None]:
    """
    Let one at a time start and stop hosts; who waited for a sandbox that was removed makes it anew.
    """
    while True:
        base.mkdir(parents=True, exist_ok=True)
        with (base / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _same(lock.fileno(), base / "lock"):
                yield
                return


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
