"""What a connection asks of a host's key, and what it makes of the one that it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import hostkeys, refusals
from .hops import Hop

if TYPE_CHECKING:
    import paramiko

    from .target import Target


def factory(hop: Hop, target: Target) -> Callable[..., paramiko.Transport]:
    """
    Make transports that ask for the key that is known (a host that has another besides hasn't
    changed).
    """
    import paramiko

    known = hostkeys.kinds(target.known_hosts, hop.known_as)

    def transport(sock: Any, **options: Any) -> paramiko.Transport:
        made = paramiko.Transport(sock, **options)
        security = made.get_security_options()
        first = [kind for kind in known if kind in security.key_types]
        security.key_types = [*first, *(kind for kind in security.key_types if kind not in first)]
        return made

    return transport


def policy(hop: Hop, target: Target) -> paramiko.RejectPolicy:
    """
    Refuse every key that isn't known for this hop.

    paramiko's own check takes the first line of one file only. None of its lists is filled, so that
    it asks here, and all lines of all files count (ssh(1), VERIFYING HOST KEYS).
    """
    import paramiko

    class Known(paramiko.RejectPolicy):
        # The stub says that RejectPolicy never returns; this one does for the key that is known.
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # type: ignore
            verdict = hostkeys.judge(target.known_hosts, hop.known_as, key)
            if verdict == hostkeys.UNKNOWN:
                raise refusals.unknown(hop, target, key)
            if verdict != hostkeys.KNOWN:
                raise refusals.changed(hop, target, key)

    return Known()
