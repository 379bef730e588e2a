"""A server is prepared: its items in order, each told as it is looked at or made so."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import sys
from typing import Any, Callable, Dict, Iterator

from account import Account, Keys
from certificate import Certbot, Given, lineage
from front import READ, Connections, Front, SiteFile, Written
from item import Item
from lasting import Delegation, Journal, Lingering
from logs import Logs
from packages import Packages
from place import Directory
from shapes import flag, matching, shaped
from wire import Failure, count, named, seconds, text

LOCK = "/run/circle-host.lock"


def _each(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def checked(value: Any) -> Any:
        if not isinstance(value, list):
            raise Failure("protocol", "%.80r is no list" % (value,))
        return [check(each) for each in value]

    return checked


# Words of nginx's configuration or a command line, and of apt's: there `name-` is to remove it.
_word = matching(r"|[^\s\x00-\x1f\x7f;{}$\"'\\#-][^\s\x00-\x1f\x7f;{}$\"'\\#]*")
_package = matching(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]")
_user = matching(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]{0,63}")


def _site(value: Any) -> Any:
    return shaped(value, "site", SITE, more=False)


SITE = {
    "name": named,
    "path": _word,
    "port": count,
    "names": _each(_word),
    "reached": _each(_word),
    "body": _word,
    "timeout": seconds,
    "metrics": _each(_word),
    "metrics_from": _each(_word),
    "certificate": _word,
    "key": _word,
    "acme": _word,
}
WANTED = {
    "make": flag,
    "user": _user,
    "packages": _each(_package),
    "keys": _each(text),
    "site": _site,
}


def items(wanted: Dict[str, Any]) -> Iterator[Item]:
    """What a server must have, in the order in which it can be made so."""
    site, user = wanted["site"], wanted["user"]
    stale = "/run/%s.nginx-is-stale" % site["name"]
    mail = site["acme"]
    more = [*wanted["packages"], *(["certbot"] if mail else [])]
    admin = os.environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name
    yield Packages(more)
    yield Account(user)
    yield Keys(user, "" if admin == user else admin, wanted["keys"])
    yield Journal()
    yield Delegation()
    yield Lingering(user)
    yield Directory(site["path"], user)
    yield Connections(stale)
    yield Logs(site)
    if mail:
        site = {**site, "certificate": lineage(site["name"]) + "/fullchain.pem"}
        site["key"] = lineage(site["name"]) + "/privkey.pem"
        if not os.path.exists(site["certificate"]):  # which is asked for through the site
            yield SiteFile(site, stale, False, "site without TLS")
            yield Front(site, stale, False, "nginx without TLS")
        yield Certbot(site, mail)
    elif site["certificate"]:
        yield Given(site)
    secure = bool(site["certificate"])
    yield SiteFile(site, stale, secure)
    yield Front(site, stale, secure)


def look(item: Item) -> Dict[str, Any]:
    """What an item would change. Changes nothing."""
    try:
        changes = item.drift()
    except (Failure, OSError, KeyError) as error:
        return _failed(item, error)
    return {"item": item.name, "state": "drifted" if changes else "holds", "changes": changes}


def make(item: Item) -> Dict[str, Any]:
    """Make an item so, and look again."""
    try:
        changes = item.drift()
        if not changes:
            return {"item": item.name, "state": "holds", "changes": []}
        item.mend()
        left = item.drift()
        if left:
            raise Failure("host", "after all was done it would still be to %s" % "; ".join(left))
    except (Failure, OSError, KeyError) as error:
        return _failed(item, error)
    return {"item": item.name, "state": "changed", "changes": changes}


def _failed(item: Item, error: BaseException) -> Dict[str, Any]:
    return {"item": item.name, "state": "failed", "changes": [], "error": Failure.of(error).told()}


def survey(wanted: Dict[str, Any]) -> None:
    """Look at every item; what would be written, nginx would then have to read."""
    written = False
    for item in items(wanted):
        done = look(item)
        written = written or isinstance(item, Written) and done["state"] == "drifted"
        if written and isinstance(item, Front) and done["state"] == "holds":
            done.update(state="drifted", changes=[READ])
        tell(done)


def run(wanted: Dict[str, Any]) -> None:
    """Look at every item, or make each so until one can't be."""
    if os.geteuid() != 0:
        raise Failure("sudo", "root is needed, and this is not root")
    shaped(wanted, "what is wanted", WANTED, more=False)
    if not wanted["make"]:
        return survey(wanted)
    with _alone():
        for item in items(wanted):
            done = make(item)
            tell(done)
            if done["state"] == "failed":
                return


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two operators don't prepare one host at once. Raises Failure."""
    handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Failure("locked", "somebody else prepares this host") from None
    finally:
        os.close(handle)


def tell(message: Dict[str, Any]) -> None:
    """One object, in a line of its own."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(scope: Dict[str, Any]) -> None:
    """What the loader starts: `MARK` ends what a login shell printed, `WANTED` says what to do."""
    print(scope["MARK"], flush=True)
    os.umask(0o022)
    os.chdir("/")
    try:
        run(json.loads(scope["WANTED"]))
        tell({"done": True})
    except Failure as error:
        tell({"error": error.told()})
