"""The user that deploys are made as, and the keys that let operators in as that user."""

from __future__ import annotations

import base64
import contextlib
import grp
import hashlib
import os
import pwd
import stat
from typing import Any, Dict, List, Optional, Sequence

from disk import replace
from item import Item, as_user, must
from wire import Failure

KINDS = ("ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-")
MOST = 1 << 20  # bytes of a file of keys that are read
ORDINARY = 1000  # the first user's id that isn't the system's own, as Debian has it


def known(name: str) -> Optional[pwd.struct_passwd]:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


class Account(Item):
    """An ordinary user, without a password, whose shell can be logged in to."""

    name = "account"

    def __init__(self, user: str) -> None:
        self.user = user

    def drift(self) -> List[str]:
        there = known(self.user)
        if there is None:
            return ["make the user %s, with a home, bash and no password" % self.user]
        if there.pw_uid == 0:
            raise Failure("account", "%s is root, and deploys need none of its rights" % self.user)
        shut = os.path.basename(there.pw_shell) in ("nologin", "false")
        if shut and there.pw_uid < ORDINARY or self.user == "www-data":
            raise Failure("account", "%s is a user of the system; name another" % self.user)
        if not os.path.isdir(there.pw_dir):
            words = (self.user, there.pw_dir, self.user)
            raise Failure("account", "%s has no home %s; `mkhomedir_helper %s`" % words)
        if shut:
            return ["give %s the shell /bin/bash" % self.user]
        return []

    def mend(self) -> None:
        if known(self.user):
            must("account", "usermod", "--shell", "/bin/bash", self.user)
            return
        words = ["--create-home", "--key", "HOME_MODE=0750", "--shell", "/bin/bash"]
        with contextlib.suppress(KeyError):
            grp.getgrnam(self.user)
            words += ["--gid", self.user]
        must("account", "useradd", *words, self.user)


class Keys(Item):
    """The public keys that let somebody in as the user: `keys`, and those of the administrator.

    Whoever may be root here may be the user anyway. Keys are added, none is taken away.
    """

    name = "authorized keys"

    def __init__(self, user: str, admin: str, keys: Sequence[str]) -> None:
        self.user, self.admin, self.keys = user, admin, list(keys)

    def wanted(self) -> Dict[str, str]:
        """Each key's line, by its kind and content."""
        found: Dict[str, str] = {}
        admins = as_user(self.admin, lambda: _read(_file(self.admin))) if self.admin else ""
        for line in [*self.keys, *admins.splitlines()]:
            if plain(line):
                found.setdefault(" ".join(line.split()[:2]), " ".join(line.split()))
        return found

    def drift(self) -> List[str]:
        wanted = self.wanted()
        if known(self.user) is None:
            return ["let in %s" % shown(line) for line in wanted.values()]
        changes: List[str] = as_user(self.user, lambda: _look(self.user, wanted))
        return changes

    def mend(self) -> None:
        wanted = self.wanted()
        as_user(self.user, lambda: _write(self.user, wanted))


def plain(line: str) -> bool:
    """Whether a line of authorized_keys is a key, and one without options that restrict it."""
    words = line.split()
    return len(words) > 1 and words[0].startswith(KINDS)


def shown(line: str) -> str:
    """A key as `ssh-keygen -l` shows it."""
    words = line.split()
    try:
        digest = hashlib.sha256(base64.b64decode(words[1], validate=True)).digest()
    except ValueError:
        return line
    name = base64.b64encode(digest).decode().rstrip("=")
    return " ".join([words[0], "SHA256:" + name, *words[2:]])


# What follows is run by the user whose home it is.


def _file(user: str) -> str:
    return os.path.join(pwd.getpwnam(user).pw_dir, ".ssh", "authorized_keys")


def _read(path: str) -> str:
    """What is in a file of keys, "" where there is none; without O_NONBLOCK a pipe would hang."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise Failure("keys", "%s: %s" % (path, error.strerror)) from None
    with open(handle, "rb") as source:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Failure("keys", "%s is no file" % path)
        return source.read(MOST).decode("utf-8", "replace")


def _places(user: str) -> List[Any]:
    """Each directory and file that sshd looks at, with the mode bits it must not have."""
    file = _file(user)
    folder = os.path.dirname(file)
    places = []
    for path, shut, kind in (
        (os.path.dirname(folder), 0o022, stat.S_ISDIR),
        (folder, 0o077, stat.S_ISDIR),
        (file, 0o077, stat.S_ISREG),
    ):
        with contextlib.suppress(FileNotFoundError):
            said = os.lstat(path)
            if not kind(said.st_mode):
                raise Failure("keys", "%s is a link or the like; remove it" % path)
            if said.st_uid != os.getuid():
                words = (path, user, path)
                raise Failure("keys", "%s is not its user's; `chown %s: %s`" % words)
            places.append((path, said.st_mode, shut))
    return places


def _look(user: str, wanted: Dict[str, str]) -> List[str]:
    changes = ["close %s to others" % path for path, mode, shut in _places(user) if mode & shut]
    have = {" ".join(line.split()[:2]) for line in _read(_file(user)).splitlines() if plain(line)}
    return changes + ["let in %s" % shown(wanted[key]) for key in wanted if key not in have]


def _write(user: str, wanted: Dict[str, str]) -> None:
    file = _file(user)
    for path, mode, shut in _places(user):
        if mode & shut:
            os.chmod(path, stat.S_IMODE(mode) & ~shut)
    os.makedirs(os.path.dirname(file), 0o700, exist_ok=True)
    text = _read(file)
    have = {" ".join(line.split()[:2]) for line in text.splitlines() if plain(line)}
    more = [line for key, line in wanted.items() if key not in have]
    if more:
        text += "\n" if text and not text.endswith("\n") else ""
        replace(file, text + "\n".join([*more, ""]), 0o600)
