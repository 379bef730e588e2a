"""A release's files on their way to the hosts: each gets what it lacks, and makes it complete."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .fleet import Fleet, Member
from .parcel import Parcel
from .session import Value
from .settings import Environment

MARGIN = 5.0  # seconds over a host's own limits after which it counts as hanging


def identifiers(parcel: Parcel) -> bytes:
    """Return the names of a parcel's objects, 20 bytes each: the hosts say which they lack."""
    return b"".join(bytes.fromhex(name) for name in parcel.ids)


def stage(
    fleet: Fleet,
    members: Sequence[Member],
    environment: Environment,
    parcel: Parcel,
    missing: Mapping[str, str],
    manifest: Value,
    again: bool = False,
) -> None:
    """Upload what each of `members` lacks and make the release complete there.

    missing: by host, a hexadecimal number with a bit for each of the parcel's objects behind a
    leading 1, set where the host lacks it. again: the release was deployed before; what is left of
    it there is replaced, and it stays when the run is given up. Raises HostErrors, Refused.
    """
    limits = environment.limits
    more = {"stage": limits.stage, "hook": limits.hook, "build": environment.hooks.build}
    packs = {bits: _pack(parcel, bits) for bits in {missing[member.name] for member in members}}
    limit = limits.stage + limits.hook + limits.step

    def each(member: Member) -> Any:
        own = {**manifest, "host": member.name}
        words: dict[str, Any] = {"manifest": own, "limits": more}
        words |= {"again": True} if again else {}
        blob = [packs[missing[member.name]]]
        return member.session.call("stage", limit + MARGIN, blob=blob, **words)

    fleet.each(each, members)


def _pack(parcel: Parcel, bits: str) -> bytes:
    """Return a packfile of the objects whose bit is set."""
    flags = bin(int(bits, 16))[3:]
    return b"".join(parcel.pack([name for name, flag in zip(parcel.ids, flags) if flag == "1"]))
