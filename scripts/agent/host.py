"""One application's directory on one host: its layout, its journal, its lock, and the one link.

The link `current` decides what is live.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import time
from typing import Any, BinaryIO, Dict, List, Optional

from disk import flush_directory, parents
from shapes import promised
from wire import NAME, Failure

Entry = Dict[str, Any]

VERSION = 1  # of a journal line's form (docs/journal.md)


def passes(said: os.stat_result) -> bool:
    """Whether a group that isn't ours may enter: a root made by `inv host` for the front alone."""
    ours = {os.getegid(), *os.getgroups()}
    return bool(said.st_mode & stat.S_IXGRP) and said.st_gid not in ours


class Host:
    """The directory. Reading never makes anything.

    Sockets are reached by paths relative to it, because they may be long.
    """

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    def release(self, name: str, *parts: str) -> str:
        return os.path.join(self.root, "releases", name, *parts)

    def ours(self) -> None:
        """Raises Failure where another user made the directory, or could put one in its place.

        What is in there is theirs to say then, down to the command that an operator asks for.
        """
        for path in parents(self.root):
            with contextlib.suppress(FileNotFoundError):
                said = os.stat(path)
                replaced = said.st_mode & stat.S_IWOTH and not said.st_mode & stat.S_ISVTX
                if replaced or path == self.root and said.st_uid not in (0, os.geteuid()):
                    raise Failure(
                        "host", "%s belongs to another user or can be written by all" % path
                    )

    def prepare(self) -> None:
        """Make what is missing, with modes that let the front walk to a socket and list nothing.

        Go there. Raises Failure where somebody else could put files of theirs.
        """
        os.umask(0o027)
        modes = {"": 0o711, "releases": 0o711, "venvs": 0o711, "run": 0o700, "shared": 0o750}
        for folder, mode in modes.items():
            path = self.path(folder).rstrip("/")
            os.makedirs(path, exist_ok=True)
            if folder != "shared" and not (folder == "" and passes(os.stat(path))):
                # Who reads what is kept is not ours to say, nor who enters a root made for that.
                with contextlib.suppress(PermissionError):  # the root may be root's
                    os.chmod(path, mode)
            said = os.stat(path)
            if said.st_uid not in (0, os.geteuid()) or said.st_mode & stat.S_IWOTH:
                raise Failure("host", "%s belongs to another user or can be written by all" % path)
        os.chdir(self.root)

    def repository(self) -> None:
        """Make the store of git objects where it is missing. Under the lock. Raises Failure."""
        if not os.path.isfile(self.path("repo.git", "HEAD")):
            self.git("init", "-q", "--bare", self.path("repo.git"))

    def git_command(self, *words: str) -> List[str]:
        """A git command on the host's own objects. What a power cut may not tear is put on disk."""
        command = ["git", "--git-dir", self.path("repo.git")]
        for setting in ("safe.directory=*", "tar.umask=0027", "gc.autoDetach=false"):
            command += ["-c", setting]
        return command + ["-c", "core.fsync=committed,reference", *words]

    def git(self, *words: str, data: bytes = b"", source: Optional[BinaryIO] = None) -> bytes:
        """Run one with `data` or a file as its input; its standard output. Raises Failure."""
        given: Any = {"input": data} if source is None else {"stdin": source}
        done = subprocess.run(self.git_command(*words), capture_output=True, **given)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace")
            if "No space left" in said or "File too large" in said:
                raise Failure.of(OSError(errno.ENOSPC, "git %s: no space left" % words[0]))
            raise Failure("upload", "git %s failed on the host" % words[0], said)
        return bytes(done.stdout)

    # What is there.

    def current(self) -> str:
        """The release that `current` points at, or ""."""
        try:
            return os.path.basename(os.readlink(self.path("current")))
        except OSError:
            return ""

    def releases(self) -> List[str]:
        try:
            return sorted(
                name for name in os.listdir(self.path("releases")) if NAME.fullmatch(name)
            )
        except OSError:
            return []

    def manifest(self, release: str) -> Optional[Dict[str, Any]]:
        """What was said of a release when it was staged; None while it isn't complete."""
        value = self.read_json("releases", release, ".release.json") if release else None
        return value if isinstance(value, dict) else None

    def pending(self) -> Optional[Dict[str, Any]]:
        """What a run that switched has left to settle, or None; nonsense can't be settled."""
        value = self.read_json("run", "pending.json")
        try:
            release, old, way = promised(value)
        except Failure:
            return None
        return {**value, "release": release, "from": old, "way": way}

    def read_json(self, *parts: str) -> Any:
        try:
            with open(self.path(*parts), encoding="utf-8") as source:
                return json.load(source)
        except (OSError, ValueError, RecursionError):
            return None

    def holder(self) -> Optional[Dict[str, Any]]:
        """Who holds the lock: run, who, since, doing.

        {} where that isn't known, None when nobody holds it.
        """
        try:
            handle = os.open(self.path("lock"), os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except OSError:
            with contextlib.suppress(ValueError, TypeError):
                said = dict(json.loads(os.read(handle, 4096) or b"{}"))
                return {**said, **_left_behind(self.path("lock"), said.get("pids"))}
            return {}
        finally:
            os.close(handle)

    # The switch.

    def link(self, release: str) -> str:
        """The spare link that a switch renames.

        Its name carries the release, and it exists before it is needed.
        """
        spare, target = self.path("to-" + release), os.path.join("releases", release)
        if os.path.lexists(spare) and (not os.path.islink(spare) or os.readlink(spare) != target):
            os.unlink(spare)
        if not os.path.lexists(spare):
            os.symlink(target, spare)
        return spare

    def point(self, release: str) -> None:
        """THE switch: one rename, and `current` is this release; "" takes `current` away."""
        if release:
            os.rename(self.link(release), self.path("current"))
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path("current"))
        flush_directory(self.root)

    def drop_links(self) -> None:
        for name in os.listdir(self.root):
            if name.startswith("to-"):
                os.unlink(self.path(name))

    # The journal: append-only, one JSON object a line.

    def journal(self) -> List[Entry]:
        entries = []
        with contextlib.suppress(OSError):
            with open(self.path("journal.jsonl"), encoding="utf-8", errors="replace") as source:
                for line in source:
                    # A torn line is a write that a crash cut short.
                    with contextlib.suppress(ValueError, RecursionError):
                        entry = json.loads(line)
                        if isinstance(entry, dict) and isinstance(entry.get("event"), str):
                            if entry.get("v", VERSION) == VERSION:  # what is newer is not misread
                                entries.append(entry)
        return entries

    def record(self, event: str, **facts: Any) -> None:
        """Append a line and put it on disk. Who writes holds the host's lock.

        A full disk is told and never keeps a host from going back.
        """
        at = time.time()
        # To the millisecond: how long users had a bad release is told from it.
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + ".%03dZ" % (at % 1 * 1000)
        line = json.dumps(dict(v=VERSION, at=now, event=event, **facts)).encode() + b"\n"
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            handle = os.open(self.path("journal.jsonl"), flags, 0o640)
            try:
                size = os.fstat(handle).st_size
                torn = size and os.pread(handle, 1, size - 1) != b"\n"
                line = (b"\n" if torn else b"") + line
                while line:  # a disk that is nearly full takes a part; the next line heals it
                    line = line[os.write(handle, line) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            if not size:
                flush_directory(self.root)
        except OSError as error:
            print("the journal could not be written: %s" % error, file=sys.stderr)

    def runs(self) -> List[List[str]]:
        """Every run that the journal tells of, each with what it deployed, "" for a rollback."""
        found: Dict[str, str] = collections.OrderedDict()
        for entry in self.journal():
            run, release = entry.get("run"), entry.get("release")
            if isinstance(run, str) and isinstance(release, str):
                found[run] = release if entry.get("kind") == "deploy" else ""
        return [list(each) for each in found.items()]

    def closed(self) -> List[Entry]:
        """Releases that closed here, oldest deploy first; `left`: rolled back from since."""
        order: Dict[str, Entry] = collections.OrderedDict()
        for entry in self.journal():
            release, old = entry.get("release"), entry.get("from")
            if entry["event"] != "closed" or not isinstance(release, str):
                continue
            if NAME.fullmatch(release):
                known = order.setdefault(release, dict(entry))
                known["left"] = False
                if entry.get("kind") == "rollback" and isinstance(old, str) and old in order:
                    order[old]["left"] = True
        kept = ("release", "version", "commit", "at", "left", "schema", "migrated", "backup")
        return [dict((key, entry.get(key)) for key in kept) for entry in order.values()]


def _left_behind(lock: str, pids: Any) -> Dict[str, str]:
    """What a run is `doing` that is over while a process that it left behind keeps its lock.

    Whoever is told to wait for it would wait for ever, and has to know what to end.
    """
    if not isinstance(pids, list) or any(_opened(pid, lock) for pid in pids):
        return {}
    for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc/self") else ()):
        with contextlib.suppress(OSError):
            if int(pid) != os.getpid() and _opened(pid, lock):
                with open("/proc/%s/comm" % pid, encoding="utf-8", errors="replace") as source:
                    what = source.read().strip()
                return {"doing": "over, but process %s (%s) of it still runs" % (pid, what)}
    return {}


def _opened(pid: Any, path: str) -> bool:
    files = "/proc/%s/fd/" % pid
    with contextlib.suppress(OSError):
        return any(os.readlink(files + name) == path for name in os.listdir(files))
    return False
