"""The site's log files: made before nginx makes them, which lets every user of the host read them.

Who visits, and where, is nobody else's to know; and nginx's error log has whole requests in it, the
query included. From the first rotation on, logrotate makes them with the same mode.
"""

from __future__ import annotations

import os
import pwd
import stat
from typing import Any, List, Mapping

from item import Item
from place import nginx_user

FOLDER = "/var/log/nginx"
MODE = 0o640


class Logs(Item):
    """Mode 0640, of nginx's user and of the group adm, as those of Debian's own sites."""

    name = "logs"

    def __init__(self, site: Mapping[str, Any]) -> None:
        kinds = ("access", "error")
        self.paths = ["%s/%s.%s.log" % (FOLDER, site["name"], kind) for kind in kinds]

    def drift(self) -> List[str]:
        changes = []
        for path in self.paths:
            if not os.path.lexists(path):
                changes.append("make %s" % path)
            elif stat.S_IMODE(os.lstat(path).st_mode) & ~MODE:
                changes.append("close %s to others" % path)
        return changes

    def mend(self) -> None:
        user = pwd.getpwnam(nginx_user())
        group = os.stat(FOLDER).st_gid
        for path in self.paths:
            flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            try:
                handle = os.open(path, flags | os.O_CREAT | os.O_EXCL, MODE)
                os.fchown(handle, user.pw_uid, group)
            except FileExistsError:
                handle = os.open(path, flags)
            os.fchmod(handle, stat.S_IMODE(os.fstat(handle).st_mode) & MODE)
            os.close(handle)
