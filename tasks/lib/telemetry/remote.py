"""An environment's own stack, on a host of its own: files go there, Compose is driven there.

Everything goes over one SSH connection, whose host key must be known. Nothing is installed: a
constant loader reads our half (scripts/stack/there.py) from the connection. What is asked of the
stack's programs goes through that connection as well: they listen on loopback there.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import secrets
import shlex
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Sequence

from .. import agent, console, reply, ssh, target
from ..developer.compose import Done, Mount, compose_words
from ..errors import NotClosed, Refused
from . import composed, shipping
from .credentials import Credentials
from .settings import Stack
from .ways import Way

if TYPE_CHECKING:
    from ..settings import Environment, Settings

HALF = agent.SCRIPTS / "stack" / "there.py"
_LOADER = (
    "import sys;i=sys.stdin.buffer;"
    "m,n,s=next(l for l in iter(i.readline,b'') if l.startswith(b'stack ')).split()[1:];"
    "c=i.read(int(s));"
    "exec(compile(c,'there.py','exec'),"
    "{'__name__':'there','MARK':m.decode(),'NAME':n.decode()})"
)
COMMAND = f"python3 -I -c {shlex.quote(_LOADER)}"
LIMIT = 300.0  # seconds without a word: a pull of an image that is shown says something
ENDS = 5.0  # seconds that our half has there to put things away
LONGEST = 1 << 22  # bytes of a line that is still taken for one


class There:
    """A stack on a host, as `developer.stack` is given it. Use as a context manager.

    host: its name or address. addresses: where its programs are reached from here, while this is
    open. See `developer.compose.Place` for the rest.
    """

    def __init__(self, settings: Settings, environment: Environment, root: Path) -> None:
        """Connect, and lay the files out in a directory of this session's own. Raises Refused."""
        where = target.stack_host(environment, root)
        assert where is not None, "asked for an environment that has one"
        files = shipping.files(root, environment.name)
        self.environment, self.name, self.host = environment, where.name, where.address.host
        self._variables = shipping.variables(root, settings.app, environment)
        self._rest = b""
        self._kept = contextlib.ExitStack()
        self._link = ssh.connect(where, environment.limits)
        self._kept.callback(self._link.close)
        atexit.register(self.close)  # whoever forgets it leaves nothing there
        try:
            self._channel = self._link.open(COMMAND)
            self._kept.callback(self._ended)
            self._begin(shipping.name(settings.app, environment.name))
            self._ask("lay", files=files)
            self.addresses = self._tunnelled(settings.stack)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> There:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session, and what was only laid out with it. May be repeated."""
        self._kept.close()

    def _ended(self) -> None:
        """Wait until our half has put away what it laid out."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.end_input()
            while self._channel.read(65536, ENDS):
                pass

    @property
    def asks(self) -> Mapping[str, str]:
        """See Place."""
        return {"otel-collector": self.addresses.collector_health}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """See Place."""
        return compose_words(self.run)

    def run(self, *argv: str) -> Done:
        """See Place."""
        said = self._ask("run", argv=list(argv), env=self._variables, shown=False)
        return Done(int(said["code"]), str(said["out"]), str(said["err"]))

    def shown(self, *argv: str) -> int:
        """See Place."""
        return int(self._ask("run", argv=list(argv), env=self._variables, shown=True)["code"])

    def holder(self, port: int) -> str:
        """See Place."""
        return str(self._ask("holder", port=port)["holder"])

    def lacks(self) -> str:
        """See Place."""
        lacking = self.run("docker", "--version").code == 127
        return f"Docker is not installed on {self.name}" if lacking else ""

    def unreadable(self, mounts: Sequence[Mount]) -> str:
        """See Place. What is shipped can be read by whoever gets into its directory."""
        return ""

    def ship(self) -> list[str]:
        """Make the files there those of this project, and return the services that read them."""
        changed = [str(each) for each in self._ask("ship")["changed"]]
        return shipping.readers(changed)

    def credentials(self) -> Credentials | None:
        """Return what senders need, None where the stack has none yet; the key stays there."""
        said = self._ask("secrets")
        token, certificate = str(said["token"]).strip(), str(said["certificate.pem"])
        return Credentials(token, certificate, "") if token and certificate else None

    def keep(self, made: Credentials) -> None:
        """Give the stack its credentials: they are kept there, and nowhere else with their key."""
        files = {"token": made.token, "certificate.pem": made.certificate, "key.pem": made.key}
        self._ask("keep", files=files)

    def _begin(self, name: str) -> None:
        mark, source = f"begin-{secrets.token_hex(16)}", HALF.read_bytes()
        try:
            self._channel.write(f"stack {mark} {name} {len(source)}\n".encode() + source)
        except OSError as error:
            raise self._lost(str(error)) from None
        while mark not in self._line():  # a login shell may say something first
            pass

    def _ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Have one thing done there, show the lines that come, and return the answer."""
        try:
            self._channel.write(json.dumps({"do": do, **more}).encode() + b"\n")
        except OSError as error:
            raise self._lost(str(error)) from None
        while True:
            try:
                said = reply.parsed(self._line())
            except ValueError:
                raise self._lost("it said what makes no sense") from None
            if said.get("done"):
                return said
            if "error" in said:
                raise NotClosed(f"{self.name}: {said['error']}.", kind="host")
            console.say(str(said.get("line", "")))

    def _line(self) -> str:
        while b"\n" not in self._rest:
            try:
                part = self._channel.read(65536, LIMIT)
            except OSError as error:
                raise self._lost(str(error)) from None
            if not part or len(self._rest) > LONGEST:
                raise self._lost(self._channel.complaint().strip()[-500:] or "it ended")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    def _lost(self, why: str) -> Refused:
        return Refused(f"The stack's host {self.name} was lost: {why}.", kind="unreachable")

    def _tunnelled(self, stack: Stack) -> Stack:
        """Open a way to each of the stack's programs, for as long as this is open.

        Where the configuration has an address for one, that is used.
        """
        own, said = self.environment.observability, {}
        for key in PORTS:
            here = getattr(own, key, "")
            said[key] = here or f"http://127.0.0.1:{self.forward(self.port(key))}"
        return Stack(**{**said, "otlp": own.otlp or shipping.endpoint(self.environment, self.host)})

    def port(self, key: str) -> int:
        """Return what a program of PORTS listens on there."""
        return int(self._variables.get(composed.PORTS[key], PORTS[key]))

    def forward(self, there: int, here: int = 0) -> int:
        """Have a port here be one of loopback there, while this is open; here: 0 is a free one."""
        way = Way(self._link.connection.transport, there, here)
        self._kept.callback(way.close)
        return way.port


# What the stack's programs listen on there, by the key of `stack:`; docker-compose.yml's defaults.
PORTS = {
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
    "recipes": 4320,
    "collector": 8888,
    "collector_metrics": 8889,
    "collector_health": 13133,
}
assert set(PORTS) < set(composed.PORTS)
