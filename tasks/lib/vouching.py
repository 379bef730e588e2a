"""A host's key is trusted by whoever has seen it: what isn't known is shown and asked about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import console, hostkeys, refusals
from .errors import NotClosed, Refused

if TYPE_CHECKING:
    import paramiko

    from .hops import Hop
    from .target import Target


def decider(file: Path, yes: bool, replace: bool) -> Callable[[Hop, Target, paramiko.PKey], None]:
    """Return what decides on one key, by raising NotClosed where it is not to be trusted.

    file: where trusted keys are written to; yes: trust without asking; replace: trust a key in the
    place of the one that was known.
    """

    def decide(hop: Hop, target: Target, key: paramiko.PKey) -> None:
        verdict = hostkeys.judge(target.known_hosts, hop.known_as, key)
        shown = f"{hop.known_as} shows {hostkeys.fingerprint(key)}"
        if verdict == hostkeys.KNOWN:
            console.say(f"{shown}: known.")
            return
        if verdict == hostkeys.CHANGED and not replace:
            raise refusals.changed(hop, target, key)
        console.say(f"{shown}: {verdict}.")
        if not (yes or _agreed(f"Is this the key of {hop.known_as}?")):
            raise NotClosed(f"{hop.known_as} is not trusted; compare its key and come back.")
        hostkeys.trust(file, hop.known_as, key)
        if hostkeys.judge(target.known_hosts, hop.known_as, key) != hostkeys.KNOWN:
            # Nothing outvotes a line that says @revoked.
            raise refusals.changed(hop, target, key)

    return decide


def _agreed(question: str) -> bool:
    """Ask; only a whole yes is one."""
    try:
        return input(f"{question} [yes/no] ").strip().lower() == "yes"
    except EOFError:
        raise Refused("There is nobody to ask; compare the keys above and add `--yes`.") from None
