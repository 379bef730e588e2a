"""How a server is reached to be prepared: as its administrator, and as root from there on."""

from __future__ import annotations

import dataclasses
import shlex
import time
from typing import TYPE_CHECKING, NamedTuple

from .. import address, ssh
from ..errors import Refused

if TYPE_CHECKING:
    from ..channel import SSHChannel
    from ..settings import Limits
    from ..target import Target

# What a login shell prints by itself stands before, and is passed over.
MARK = "circle"
# Whether sudo is free is asked of sudo itself; nothing of ours or of the user's is in here.
_GROUND = (
    f'echo "{MARK} uid $(id -u)"; '
    'v=$(python3 -I -c "import sys; print(*sys.version_info[:2])" 2>/dev/null); '
    f'echo "{MARK} python $v"; '
    "if sudo -n true 2>/dev/null; then s=free; "
    "elif command -v sudo >/dev/null; then s=asks; else s=none; fi; "
    f'echo "{MARK} sudo $s"'
)
# The last line says how it ended: an SSH channel of ours has no exit code.
_PYTHON = (
    "export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1; "
    "{ apt-get -q -y update; apt-get -q -y -o DPkg::Lock::Timeout=120 "
    f"install --no-install-recommends python3; }} 2>&1; echo {MARK} ended $?"
)
OLDEST = (3, 9)
ANSWER = 60.0  # seconds that a short command may take: sudo may look its user up far away


class Ground(NamedTuple):
    """What a host says before anything is known of it.

    uid: of the administrator there. python: (3, 11), or () without. sudo: "free", "asks" for a
    password, or "none".
    """

    uid: int
    python: tuple[int, ...]
    sudo: str


def administrator(target: Target, admin: str) -> Target:
    """Return `target` as `admin` reaches it: the same host and port, another user."""
    known = target.address
    host = f"[{known.host}]" if ":" in known.host else known.host
    port = f":{known.port}" if known.port else ""
    changed = address.parse(f"{admin}@{host}{port}")
    return dataclasses.replace(target, address=changed)


class Login:
    """A connection as the administrator; `password` is for sudo, where sudo wants one."""

    def __init__(self, target: Target, limits: Limits) -> None:
        self.target, self.name = target, target.name
        self.password = ""
        self.link = ssh.connect(target, limits)
        try:
            self.ground = self._look()
        except BaseException:
            self.link.close()
            raise

    def close(self) -> None:
        self.link.close()

    @property
    def asks(self) -> bool:
        """Whether sudo wants a password that isn't there yet."""
        return bool(self.ground.uid) and self.ground.sudo == "asks" and not self.password

    def allows(self, password: str) -> bool:
        """Tell whether sudo takes the password, and keep it if so."""
        before, self.password = self.password, password
        right = f"{MARK} yes" in _all_of(self.open(f"echo {MARK} yes"), ANSWER)
        self.password = password if right else before
        return right

    def root(self, command: str) -> str:
        """Return the command line that runs a constant command as root; -k: never by habit."""
        if not self.ground.uid:
            return command
        sudo = "sudo -n" if self.ground.sudo == "free" else "sudo -k -S -p ''"
        return f"{sudo} {command}"

    def open(self, command: str) -> SSHChannel:
        """Start a constant command as root; sudo has its password before this returns.

        Raises ConnectionError, OSError.
        """
        channel = self.link.open(self.root(command))
        if self.password:
            channel.write(self.password.encode() + b"\n")
        return channel

    def install_python(self, limit: float) -> None:
        """Have apt install python3, within `limit` seconds. Raises Refused."""
        said = _all_of(self.open(f"sh -c {shlex.quote(_PYTHON)}"), limit)
        if f"{MARK} ended 0" not in said:
            raise Refused(
                f"{self.name} has no python3, and apt-get could not install it.",
                kind="apt-lock" if "ould not get lock" in said else "apt",
                evidence="\n".join(said.splitlines()[-20:]),
            )
        self.ground = self._look()

    def _look(self) -> Ground:
        said = _all_of(self.link.open(f"sh -c {shlex.quote(_GROUND)}"), ANSWER)
        found = _ground(said, self)
        if found.uid and found.sudo == "none":
            user = self.target.address.user
            raise Refused(f"{user} is not root on {self.name}, which has no sudo.", kind="sudo")
        return found


def _all_of(channel: SSHChannel, limit: float) -> str:
    """Return what a command prints until it ends. Raises TimeoutError after `limit` seconds."""
    until = time.monotonic() + limit
    parts = []
    try:
        channel.end_input()
        while part := channel.read(65536, max(0.1, until - time.monotonic())):
            parts.append(part)
    finally:
        channel.close()
    return b"".join(parts).decode(errors="replace")


def _ground(said: str, login: Login) -> Ground:
    """Read what the host said. Raises Refused."""
    words = [line.split()[1:] for line in said.splitlines() if line.startswith(f"{MARK} ")]
    found = {row[0]: row[1:] for row in words if row}
    try:
        python = tuple(int(part) for part in found["python"])
        return Ground(int(found["uid"][0]), python, found["sudo"][0])
    except (KeyError, IndexError, ValueError):
        raise Refused(
            f"{login.name} runs no commands for {login.target.address.user}: its shell gave"
            f" {said.strip()[-200:]!r}.",
            kind="login",
        ) from None
