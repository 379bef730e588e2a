"""The application's directory: the user's, and passable for nginx and nobody else."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Iterator, List, Optional

from account import known
from disk import parents
from item import Item, as_user
from wire import Failure

MODE = 0o710
# What a deploy puts into the directory, and what a disk has that is mounted there.
LAYOUT = {"repo.git", "releases", "current", "venvs", "shared", "run", "lock", "journal.jsonl"}
LAYOUT |= {"lost+found"}


def nginx_user() -> str:
    """Who nginx's workers are: Debian's package says www-data, nginx's own says nginx."""
    for name in ("www-data", "nginx"):
        if known(name):
            return name
    raise Failure("nginx", "there is no user www-data for nginx to run as")


def changeable(path: str) -> str:
    """What on the way to `path`, itself included, not only root can change; "" for nothing."""
    for each in _way(path):
        if os.path.lexists(each):
            said = os.lstat(each)
            open_to_others = said.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if said.st_uid or open_to_others and not stat.S_ISLNK(said.st_mode):
                return each
    return ""


def _way(path: str, links: int = 8) -> Iterator[str]:
    """`path`, what is above it, and the same of whatever a link among these leads to."""
    for each in parents(path):
        yield each
        if os.path.islink(each) and links:
            target = os.path.join(os.path.dirname(each), os.readlink(each))
            yield from _way(os.path.abspath(target), links - 1)
            yield from parents(os.path.realpath(each))


class Directory(Item):
    """Mode 0710 with nginx's group: what is under it can be reached by its owner and by nginx.

    Root goes only where nobody else could put a link.
    """

    name = "directory"

    def __init__(self, path: str, user: str) -> None:
        self.path, self.user = path, user

    def drift(self) -> List[str]:
        self.checked()
        group, there = self.group(), self.there()
        if there is None:
            return ["make %s, of %s and for %s to pass" % (self.path, self.user, group)]
        changes = []
        owner = known(self.user)
        if owner is None or there.st_uid != owner.pw_uid:
            self.ours()
            changes.append("give %s to %s" % (self.path, self.user))
        if there.st_gid != grp.getgrnam(group).gr_gid:
            changes.append("let the group %s into %s" % (group, self.path))
        if stat.S_IMODE(there.st_mode) != MODE:
            words = (stat.S_IMODE(there.st_mode), MODE, self.path)
            changes.append("change the mode %04o to %04o of %s" % words)
        return changes

    def group(self) -> str:
        return grp.getgrgid(pwd.getpwnam(nginx_user()).pw_gid).gr_name

    def there(self) -> Optional[os.stat_result]:
        try:
            said = os.lstat(self.path)
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(said.st_mode):
            raise Failure("directory", "%s is no directory" % self.path)
        return said

    def ours(self) -> None:
        """Raises Failure for a directory of somebody else's: /etc, by a mistake, would be given."""
        for name in os.listdir(self.path):
            if name not in LAYOUT and not name.startswith("to-"):
                words = (self.path, name)
                raise Failure("directory", "%s has %s in it, which no deploy put there" % words)

    def checked(self) -> None:
        """Raises Failure where somebody but root can change the way, or nginx can't go it."""
        above = os.path.dirname(self.path)
        wrong = changeable(above)
        if wrong:
            words = (self.path, wrong)
            raise Failure("directory", "%s is under %s, which is not only root's" % words)
        there = [path for path in _way(above) if os.path.lexists(path)]
        closed = as_user(nginx_user(), lambda: [p for p in there if not os.access(p, os.X_OK)])
        for path in closed:
            raise Failure(
                "directory", "%s can't pass %s; `chmod o+x %s`" % (nginx_user(), path, path)
            )

    def mend(self) -> None:
        self.checked()
        os.umask(0o022)
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        user = pwd.getpwnam(self.user)
        if self.there() is None:
            os.mkdir(self.path, 0o700)
        os.chown(self.path, user.pw_uid, grp.getgrnam(self.group()).gr_gid)
        os.chmod(self.path, MODE)
