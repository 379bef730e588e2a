"""What systemd is told of a release's processes and of the boot: the texts of the user's units."""

from __future__ import annotations

UNIT = """[Unit]
Description={app}: {process} of release %i
StartLimitIntervalSec=0

[Service]
ExecStart={python} -I {agent} serve {root} %i {process}
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
ExecStart={python} -I {agent} boot {root}

[Install]
WantedBy=default.target
"""


def quoted(word: str) -> str:
    """A word of a unit's command line; see systemd.service(5) and systemd.unit(5)."""
    for special, plain in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, plain)
    return '"%s"' % word
