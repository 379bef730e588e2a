"""Looking at a release from outside: its answers, who waits for one, and who can get to it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Dict, Iterator, List, Tuple

from disk import parents
from host import passes
from shapes import PROBE, REQUEST, shaped
from wire import Failure, seconds, text


def ask(where: str, path: str, host: str, limit: float) -> Tuple[int, str]:
    """GET `path` at a unix socket (a path) or an http(s) address: status and body.

    `limit`: seconds for the whole answer, which one that drips would never end. Raises OSError when
    nothing answers, ValueError for what can't be asked.
    """
    import http.client
    import socket

    class Unix(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(where)

    link: http.client.HTTPConnection
    if "://" not in where:
        link = Unix("localhost", timeout=limit)
    elif where.startswith("https://"):
        import ssl

        # The certificate is for the public name; here the host's own front is asked over loopback.
        open_context = ssl._create_unverified_context()
        link = http.client.HTTPSConnection(
            where[8:].rstrip("/"), timeout=limit, context=open_context
        )
    else:
        link = http.client.HTTPConnection(where[7:].rstrip("/"), timeout=limit)
    try:
        headers = {
            "Host": host or "localhost",
            "Connection": "close",
            "User-Agent": "circle-of-closure",
        }
        link.connect()
        with _no_longer_than(limit, link.sock):
            link.request("GET", path, headers=headers)
            answer = link.getresponse()
            return answer.status, answer.read(1 << 20).decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError("not HTTP: %r" % (error,)) from None
    finally:
        link.close()


@contextlib.contextmanager
def _no_longer_than(limit: float, sock: Any) -> Iterator[None]:
    """Hang up after so many seconds: a time limit of the socket's is one for each byte.

    Raises OSError where that was needed.
    """
    import socket
    import threading

    late = threading.Event()
    with socket.socket(fileno=os.dup(sock.fileno())) as twin:

        def hang_up() -> None:
            late.set()
            with contextlib.suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(limit, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if late.is_set():
                raise OSError("no whole answer within %g s" % limit)


def insist(front: str, requests: List[Dict[str, Any]], limit: float, root: str) -> None:
    """Ask each request at this host's own front: every answer has to be as wanted. Raises Failure.

    `root`: the application's directory, which the front has to get at.
    """
    text(front), seconds(limit)
    if not isinstance(requests, list):
        raise Failure("protocol", "requests are a list")
    for request in requests:
        shaped(request, "a request", REQUEST)
        path, wanted = request["path"], request["status"]
        try:
            status, body = ask(front, path, request["host"], limit)
        except (OSError, ValueError) as error:
            raise Failure(
                "verify", "the front %s did not answer %s: %s" % (front, path, error)
            ) from None
        if status != wanted and not (status == 429 and request.get("throttled")):
            said = "%s answered %d through the front, not %d" % (path, status, wanted)
            shut = closed_parent(root) if status in (403, 502, 503) else ""
            if shut:
                said += "; the front may not get past %s (chmod o+x)" % shut
            raise Failure("verify", said, body[:500])
        if status == 429:  # throttled: it can't say more
            continue
        if request.get("release") and not names(body, request["release"]):
            said = "%s does not name %s through the front" % (path, request["release"])
            raise Failure("verify", said, body[:500])
        if request.get("text") and request["text"] not in body:
            raise Failure("verify", "%s does not show %r" % (path, request["text"]), body[:500])


def sample(
    front: str, requests: List[Dict[str, Any]], limit: float, within: float = 0.0
) -> List[Dict[str, Any]]:
    """Ask each request at this host's own front: how long it took, and whether it was well.

    `limit`: seconds for each; `within`: after which no other is begun, 0 for all of them.
    A throttled answer says that too much is asked, not that the release is bad. Raises Failure for
    what is no request; an answer that doesn't come is measured as any other.
    """
    text(front), seconds(limit), seconds(within)
    if not isinstance(requests, list):
        raise Failure("protocol", "requests are a list")
    found: List[Dict[str, Any]] = []
    until = time.monotonic() + within
    for request in requests:
        if found and within and time.monotonic() >= until:
            break
        path = shaped(request, "a request", PROBE)["path"]
        begun, wrong = time.monotonic(), ""
        try:
            status, _ = ask(front, path, request["host"], limit)
            if status >= 500:
                wrong = "%s answered %d" % (path, status)
        except (OSError, ValueError) as error:
            wrong = ("%s did not answer: %s" % (path, error))[:300]
        found.append({"ok": not wrong, "seconds": time.monotonic() - begun, "wrong": wrong})
    return found


def names(body: str, release: str) -> bool:
    """Whether a version's answer names the release: JSON that does, or the id and nothing else."""
    try:
        said = json.loads(body)
    except ValueError:
        return body.strip() == release
    return isinstance(said, dict) and said.get("release") == release


def waiting() -> int:
    """Connections that no listener of ours has accepted yet; 0 where the system doesn't say.

    In Linux's table they carry the listener's path and the state 02, CONNECTING.
    """
    with contextlib.suppress(OSError):
        with open("/proc/net/unix", encoding="utf-8", errors="replace") as source:
            rows = [line.split() for line in source]
        return sum(
            1 for row in rows if len(row) > 7 and row[5] == "02" and row[7].endswith("run/app.sock")
        )
    return 0


def closed_parent(root: str) -> str:
    """The directory on the way to `root` that other users, such as the front's, can't pass."""
    for path in parents(root):
        with contextlib.suppress(OSError):
            said = os.stat(path)
            if not said.st_mode & 0o001 and not (path == root and passes(said)):
                return path
    return ""
