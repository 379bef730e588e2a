"""The application's directory: the user's, and passable for nginx and nobody else."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import List, Optional

from account import known
from disk import parents
from item import Item, as_user
from wire import Failure

MODE = 0o710


def nginx_user() -> str:
    """Who nginx's workers are: Debian's package says www-data, nginx's own says nginx."""
    for name in ("www-data", "nginx"):
        if known(name):
            return name
    raise Failure("nginx", "there is no user www-data for nginx to run as")


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

    def checked(self) -> None:
        """Raises Failure where somebody but root can change the way, or nginx can't go it."""
        above = os.path.dirname(self.path)
        for path in {*parents(above), *parents(os.path.realpath(above))}:
            if not os.path.lexists(path):
                continue
            said = os.lstat(path)
            open_to_others = said.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if said.st_uid or open_to_others and not stat.S_ISLNK(said.st_mode):
                words = (self.path, path)
                raise Failure("directory", "%s is under %s, which is not only root's" % words)
            if not as_user(nginx_user(), lambda: os.access(path, os.X_OK)):
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
