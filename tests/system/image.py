"""The image of a Debian server.

Made from Debian's packages by debootstrap, once for a machine, and kept by Docker.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.system.daemon import alone
from tests.system.engine import Engine

SUITE = "bookworm"
# What a server has when it is rented, then what `inv host` installs: a test takes that away again.
PACKAGES = (
    "systemd systemd-sysv dbus openssh-server sudo ca-certificates iproute2 procps"
    " git python3 python3-venv nginx-light libpam-systemd dbus-user-session logrotate faketime"
).split()
# They would wake up in the middle of a test, and hold apt's lock.
TIMERS = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer"
    " logrotate.timer"
).split()
# So that a host reaches the package indexes that this machine does: certificates, pip's file.
CARRIED = {
    Path("/etc/ssl/certs/ca-certificates.crt"): "etc/ssl/certs/ca-certificates.crt",
    Path("/etc/pip.conf"): "etc/pip.conf",
    Path("~/.config/pip/pip.conf").expanduser(): "etc/pip.conf",
}


def image(engine: Engine) -> str:
    """Return the image's name; it is made where it is missing, which takes about a minute."""
    carried = {kept: file.read_bytes() for file, kept in CARRIED.items() if file.exists()}
    said = repr([SUITE, PACKAGES, TIMERS, sorted(carried.items())])
    name = f"circle-host:{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    with alone(Path("/run/circle-image.lock")):  # another test process may be making it
        if not engine.run("images", "-q", name):
            with tempfile.TemporaryDirectory(prefix="circle-image-") as place:
                _make(Path(place), carried)
                _import(engine, Path(place), name)
    return name


def _make(root: Path, carried: dict[str, bytes]) -> None:
    for tries_left in (2, 1, 0):  # the archive may be out of reach for a moment
        wrong = _bootstrap(root)
        if not wrong:
            break
        assert tries_left, wrong
    for kept, content in carried.items():
        (root / kept).write_bytes(content)
    for key in (root / "etc/ssh").glob("ssh_host_*"):  # each host makes its own
        key.unlink()
    for timer in TIMERS:
        (root / "etc/systemd/system" / timer).symlink_to("/dev/null")
    for leftover in (root / "var/cache/apt/archives", root / "var/lib/apt/lists"):
        shutil.rmtree(leftover, ignore_errors=True)


def _bootstrap(root: Path) -> str:
    """Return "" when the tree is made, else what debootstrap said, and nothing is left of it."""
    words = ["--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root)]
    done = subprocess.run(["debootstrap", *words], capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    log = root / "debootstrap" / "debootstrap.log"
    said = log.read_text(errors="replace") if log.exists() else ""
    for mounted in ("proc", "sys", "dev"):  # it leaves them where it fails
        subprocess.run(["umount", "--recursive", str(root / mounted)], capture_output=True)
    for each in root.iterdir():
        shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    return f"debootstrap ended with {done.returncode}: {done.stdout[-2000:]}{said[-2000:]}"


def _import(engine: Engine, root: Path, name: str) -> None:
    tar = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
    done = subprocess.run(
        ["docker", "import", "-", name], stdin=tar.stdout, capture_output=True, env=engine.env
    )
    assert tar.wait() == 0 and done.returncode == 0, done.stderr.decode()
