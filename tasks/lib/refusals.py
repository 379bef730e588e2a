"""What an SSH connection that isn't made says: one sentence, with the host and the next command."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from . import hostkeys
from .errors import Refused
from .hops import Hop

if TYPE_CHECKING:
    import paramiko

    from .target import Target


class Dropped(Refused):
    """The other side hung up before it said which SSH it speaks; it may not the next time."""


def unknown(hop: Hop, target: Target, key: paramiko.PKey) -> Refused:
    """Return the refusal of a host whose key nobody has vouched for yet."""
    return Refused(
        f"The host key of {hop.known_as} is not known; compare it and run `{_trust(target)}`.",
        kind="hostkey-unknown",
        evidence=f"It shows {hostkeys.fingerprint(key)}",
    )


def changed(hop: Hop, target: Target, key: paramiko.PKey) -> Refused:
    """Return the refusal, loud, of a host that shows another key than the one that is trusted."""
    found = hostkeys.entries(target.known_hosts, hop.known_as)
    trusted = [f"  {hostkeys.fingerprint(each.key)} {each.marker} ({each.where})" for each in found]
    return Refused(
        f"THE HOST KEY OF {hop.known_as} HAS CHANGED: someone may be in between, and nothing was "
        "sent. If the host was set up anew, compare the key with its administrator and run "
        f"`{_trust(target)} --replace`.",
        kind="hostkey-changed",
        evidence="\n".join([f"It shows\n  {hostkeys.fingerprint(key)}\nand known was", *trusted]),
    )


def _trust(target: Target) -> str:
    return f"inv host.trust --env={target.environment}"


@contextlib.contextmanager
def guard(hop: Hop, target: Target, greeted: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """
    Turn what can go wrong with a connection into one sentence that names the host and the next
    command.

    greeted: tells afterwards whether the other side has named its version of SSH. Raises Dropped
    when it hung up before, else Refused.
    """
    from paramiko import AuthenticationException, SSHException

    away = "" if hop.text == target.address.text else f", on the way to {target.name},"
    try:
        yield
    except AuthenticationException as error:
        raise _unauthorized(hop, away, error) from error
    except (SSHException, EOFError, OSError, ValueError) as error:
        if "No authentication methods" in str(error):
            raise _unauthorized(hop, away, error) from error
        try_it = f"try `ssh -p {hop.port} {hop.user}@{hop.host}`."
        if _hung_up(error) and not greeted():
            raise Dropped(
                f"{hop.known_as}{away} hung up each time before it greeted: too many connect at"
                f" once (MaxStartups in its sshd_config), or it bars this one; {try_it}",
                kind="unreachable",
            ) from error
        raise Refused(
            f"{hop.known_as}{away} can't be reached: {reason(error)}; {try_it}", kind="unreachable"
        ) from error


def _hung_up(error: BaseException) -> bool:
    """Tell whether a connection ended, rather than was silent or never made."""
    ends = (EOFError, ConnectionResetError, BrokenPipeError)
    return isinstance(error, ends) or isinstance(error.__context__, ends)


def _unauthorized(hop: Hop, away: str, error: Exception) -> Refused:
    return Refused(
        f"{hop.known_as}{away} refused authentication of {hop.user}; give it your key with "
        f"`ssh-copy-id -p {hop.port} {hop.user}@{hop.host}`, or name the right key in ssh_config.",
        kind="auth",
        evidence=reason(error),
    )


def reason(error: Exception) -> str:
    """Return what an exception says, or its name when it says nothing."""
    return str(error).rstrip(".") or type(error).__name__
