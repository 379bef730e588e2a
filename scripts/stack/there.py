"""The host's half of an environment's stack: keeps its files, and runs what it is told to.

It reads requests as JSON, one a line, and answers each with a line; lines of a command that is
shown come before that. When its input ends, so does what it runs, and what was only laid out.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from typing import Any, Dict, List, Optional

NAME = str(globals().get("NAME", "stack"))  # of the stack: the loader has put it there
MARK = str(globals().get("MARK", ""))
SECRETS = os.path.join("collector", "secrets")
LIMIT = 60.0  # seconds for a command whose output is kept


class There:
    """One operator's session. `cwd` is where its files were laid out, and then where they are."""

    def __init__(self) -> None:
        self.home = os.path.join(os.path.expanduser("~"), NAME)
        self.laid = self.cwd = ""
        self.child: Optional["subprocess.Popen[str]"] = None

    def lay(self, files: Dict[str, str], **_: Any) -> Dict[str, Any]:
        """Write files below a directory of this session's own, and work there."""
        self.laid = self.cwd = tempfile.mkdtemp(prefix=NAME + "-", dir=os.path.expanduser("~"))
        for name, text in files.items():
            _write(os.path.join(self.cwd, name), base64.b64decode(text))
        os.makedirs(os.path.join(self.cwd, SECRETS), exist_ok=True)
        return {}

    def ship(self, **_: Any) -> Dict[str, Any]:
        """Make the stack's own files what was laid out, and work there; return what has changed."""
        os.makedirs(self.home, exist_ok=True)
        os.chmod(self.home, 0o700)  # within, containers read as other users
        os.makedirs(os.path.join(self.home, SECRETS), exist_ok=True)
        wanted, there = _files(self.laid), _files(self.home)
        changed = [name for name in wanted if _read(self.laid, name) != _read(self.home, name)]
        for name in changed:
            _write(os.path.join(self.home, name), _read(self.laid, name) or b"")
        gone = [name for name in there if name not in wanted and not name.startswith(SECRETS)]
        for name in gone:
            os.unlink(os.path.join(self.home, name))
        for name in wanted:
            os.makedirs(os.path.dirname(os.path.join(self.home, name)), exist_ok=True)
        self.cwd = self.home
        return {"changed": changed + gone}

    def secrets(self, **_: Any) -> Dict[str, Any]:
        """Return what a sender needs of the stack's credentials: not the key."""
        found = {
            n: _read(os.path.join(self.home, SECRETS), n) for n in ("token", "certificate.pem")
        }
        return {name: (text or b"").decode("utf-8", "replace") for name, text in found.items()}

    def keep(self, files: Dict[str, str], **_: Any) -> Dict[str, Any]:
        """Write the credentials, which nobody but containers and this user can get to."""
        os.makedirs(self.home, exist_ok=True)
        os.chmod(self.home, 0o700)
        for name, text in files.items():
            _write(os.path.join(self.home, SECRETS, os.path.basename(name)), text.encode())
        return {}

    def run(self, argv: List[str], env: Dict[str, str], shown: bool, **_: Any) -> Dict[str, Any]:
        """Run a command; its lines are said as they come where it is shown, else with its end."""
        said: Dict[str, Any] = {"stdin": subprocess.DEVNULL, "cwd": self.cwd or None}
        said["env"] = {**os.environ, **env}
        said.update(stdout=subprocess.PIPE, universal_newlines=True, errors="replace")
        said["stderr"] = subprocess.STDOUT if shown else subprocess.PIPE
        try:
            self.child = subprocess.Popen(argv, **said)
        except OSError as error:
            return {"code": 127, "out": "", "err": "%s: %s" % (argv[0], error.strerror)}
        out = err = ""
        if shown:
            assert self.child.stdout is not None
            for line in self.child.stdout:
                say({"line": line.rstrip("\n")})
            self.child.wait()
        else:
            try:
                out, err = self.child.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                self.child.kill()
                out, err = self.child.communicate()
                err += "\n%s did not end within %g s" % (argv[0], LIMIT)
        return {"code": self.child.returncode, "out": out, "err": err}

    def holder(self, port: int, **_: Any) -> Dict[str, Any]:
        """Return who listens on a port, "" where nobody does."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return {"holder": ""}
            except OSError:
                return {"holder": "another program there"}

    def end(self) -> None:
        """Leave nothing of the session."""
        if self.child is not None and self.child.poll() is None:
            self.child.terminate()
        if self.laid:
            shutil.rmtree(self.laid, ignore_errors=True)


def _files(root: str) -> List[str]:
    found = []
    for place, _, names in os.walk(root):
        found += [os.path.relpath(os.path.join(place, name), root) for name in names]
    return sorted(found)


def _read(root: str, name: str) -> Optional[bytes]:
    try:
        with open(os.path.join(root, name), "rb") as opened:
            return opened.read()
    except OSError:
        return None


def _write(path: str, content: bytes) -> None:
    """Write a file that containers can read; a program never finds half of it."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as out:
        out.write(content)
    os.replace(path + ".new", path)


def say(answer: Dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    os.umask(0o022)
    there, asked = There(), queue.Queue()  # type: ignore[var-annotated]

    def answer() -> None:
        while True:
            request = asked.get()
            try:
                said = getattr(there, request["do"])(**request)
                say({"done": True, **said})
            except Exception as error:  # the operator is told, whatever it was
                say({"error": "%s: %s" % (type(error).__name__, error)})

    threading.Thread(target=answer, daemon=True).start()
    say({"mark": MARK})
    try:
        for line in sys.stdin:
            asked.put(json.loads(line))
    finally:
        there.end()
        sys.stdout.flush()
        os._exit(0)


if __name__ in ("__main__", "there"):
    main()
