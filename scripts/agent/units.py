"""What systemd is told of a release's processes and of the boot: the texts of the user's units."""

from __future__ import annotations

from typing import Any, Mapping

# What hardens a unit is what a user's own systemd has without a namespace of its own: those need
# what some kernels refuse to users (PrivateTmp and Protect…: 226), or rights (PrivateDevices,
# CapabilityBoundingSet: 218). And /tmp stays the same for a release's processes and its hooks.
UNIT = """[Unit]
Description={app}: {process} of release %i
StartLimitIntervalSec=0

[Service]
ExecStart={python} -I {agent} serve {root} %i {process}
Restart=always
RestartSec=1
SuccessExitStatus=143
TimeoutStopSec={drain}
UMask=0027
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
{limits}"""
BOOT = """[Unit]
Description={app}: settle what is pending, then start the current release

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={python} -I {agent} boot {root}

[Install]
WantedBy=default.target
"""


def limits(resources: Mapping[str, Any]) -> str:
    """The lines of a unit for a manifest's resources; what is "" or 0, or not said, is no limit.

    See systemd.resource-control(5) and, for the open files, systemd.exec(5): only the number that
    a process has without asking is set, not how many it may ask for.
    """
    lines = ("MemoryMax=%s", "CPUQuota=%s", "TasksMax=%s", "LimitNOFILE=%s:infinity")
    said = (resources.get(key) for key in ("memory", "cpu", "tasks", "files"))
    return "".join(line % value + "\n" for line, value in zip(lines, said) if value)


def quoted(word: str) -> str:
    """A word of a unit's command line; see systemd.service(5) and systemd.unit(5)."""
    for special, plain in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, plain)
    return '"%s"' % word
