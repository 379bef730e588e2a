"""Bringing up an environment's own stack on its host: files, credentials, containers, way in."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .. import console
from ..developer import ports, stack
from ..errors import NotClosed, Refused
from ..telemetry import credentials, remote, shipping
from . import showing, validate

if TYPE_CHECKING:
    from ..telemetry.credentials import Credentials
    from ..telemetry.remote import There
    from ..telemetry.settings import Stack
    from .world import World

KEPT = Path(".circle/telemetry")  # of this clone; git ignores it


def bring(world: World, place: There) -> None:
    """Ship the stack, start it, and see that it is open to who has its token, and to nobody else.

    Raises Refused, NotClosed.
    """
    again = f"inv preaggregate --env={world.environment}"
    _closed(place)
    validate.validate(world.root, place)
    known = _credentials(place)
    up = {each.name for each in stack.services(place) if not each.said}
    if again_read := sorted(up & set(place.ship())):
        console.say(f"Starting {', '.join(again_read)} again: what it reads has changed.")
        place.shown(*place.words, "restart", *again_read)
    with showing.services() as told:
        found = stack.start(place, world.settings.preaggregate.start, told, again)
    console.say(f"Up on {place.name}: " + ", ".join(each.name for each in found) + ".")
    endpoint = shipping.endpoint(place.environment, place.host)
    file = keep(world.root, world.environment, known, endpoint)
    if wrong := way_in(endpoint, known, file.parent / "certificate.pem"):
        raise NotClosed(f"{endpoint} {wrong}: mend that, then run `{again}` again.", kind="way-in")
    said = file.relative_to(world.root)
    console.say(f"Services send to {endpoint}; what they need for that is in {said}.")


def _credentials(place: There) -> Credentials:
    """Return the stack's credentials; they are made where it has none."""
    known = place.credentials()
    if known is None:
        known = credentials.made(place.host)
        place.keep(known)
        console.say(f"Made a token and a certificate for {place.host}; the key stays there.")
    if wrong := credentials.faults(known):
        console.warn(
            f"Of {place.name}: {wrong}. Remove the files in ~/…-stack/collector/secrets there, and "
            "the next run makes new ones."
        )
    return known


def _closed(place: There) -> None:
    """Raise Refused where more would be open on that host than the way in."""
    known = shipping.port(place.environment)
    loopback = ("127.0.0.1", "::1")
    wrong = [
        f"{each.service}'s {each.port} at {each.address or 'every address'}"
        for each in stack.ports(place)
        if each.address not in loopback and each.port != known
    ]
    if wrong:
        raise Refused(
            f"{'; '.join(wrong)} would be open to others on {place.name}, and asks nobody who they "
            "are: bind it to 127.0.0.1 in docker-compose.yml.",
            kind="open",
        )


def keep(root: Path, environment: str, known: Credentials, endpoint: str) -> Path:
    """Write what senders need to this clone, for its user alone, and return the file of variables.

    They go into the environment's .env; the certificate goes with the release.
    """
    place = root / KEPT / environment
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    _private(place / "certificate.pem", known.certificate)
    # As `include:` takes the file into a release: its path there is its path here.
    shown = (KEPT / environment / "certificate.pem").as_posix()
    said = credentials.variables(endpoint, known.token, shown)
    text = "".join(f"{key}={value}\n" for key, value in said.items())
    file = place / "service.env"
    _private(file, text)
    return file


def _private(path: Path, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)


def tunnel(place: There, here: Stack) -> None:
    """Have the addresses of `here`, the stack on this machine, be those of a stack on its host.

    Until Ctrl-C. Raises Refused (kind "port") where one of them is taken.
    """
    wanted = {key: urlsplit(getattr(here, key)).port or 0 for key in remote.PORTS}
    taken = [f"{port} ({ports.holder(port)})" for port in wanted.values() if not ports.free(port)]
    if taken:
        raise Refused(
            f"Taken here: {', '.join(taken)}; end that (`inv preaggregate.down`), or take other "
            "addresses under `stack:` in invoke.yaml.",
            kind="port",
        )
    rows = [(key, getattr(here, key)) for key in remote.PORTS]
    for key, port in wanted.items():
        place.forward(place.port(key), port)
    console.table(rows, (f"of {place.name}", "reached at"))
    console.say("Open until Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):
        wait()


def wait() -> None:
    """Wait for Ctrl-C."""
    threading.Event().wait()


def way_in(endpoint: str, known: Credentials, certificate: Path) -> str:
    """Return what is wrong with the way in, as a sender finds it: "" where it lets in who has the
    token, and nobody else."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(certificate)
        for token, wanted in (("", 401), (known.token, 200)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                answer = session.post(
                    f"{endpoint}/v1/metrics", json={}, headers=headers, timeout=10
                )
            except requests.exceptions.SSLError as error:
                return f"doesn't show the certificate of the stack ({type(error).__name__})"
            except requests.RequestException as error:
                return f"can't be reached from here ({type(error).__name__}): see the firewall"
            if answer.status_code != wanted:
                with_it = "with its token" if token else "without a token"
                return f"answered {answer.status_code} {with_it}, and {wanted} is right"
    return ""
