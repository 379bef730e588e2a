"""What has no end of its own: logs and commands on the hosts, shown as they come."""

from __future__ import annotations

import os
import queue
import sys
import threading
from concurrent.futures import Future
from typing import Any, Callable, Iterator, NamedTuple, Sequence

from . import console
from .declare import Outcome
from .errors import Interrupted, NotClosed, Refused
from .fleet import Fleet, HostErrors, Member, refusal
from .hostlist import by, counted
from .settings import Environment
from .target import Target

FOREVER = float("inf")
LONGEST = 60_000  # bytes of a command that fit the frame in which it travels


class Logs(NamedTuple):
    """Which log to show. release: "" for each host's live one; lines: the newest so many."""

    process: str = "web"
    release: str = ""
    lines: int = 100
    follow: bool = False


def logs(targets: Sequence[Target], environment: Environment, wanted: Logs, host: str) -> Outcome:
    """Print the log of a process; the hosts' secrets are hidden by the hosts. `host`: "" for all.

    Raises Refused, NotClosed with the hosts whose log could not be shown, Interrupted.
    """
    chosen = [target for target in targets if host in ("", target.name)]
    if not chosen:
        names = ", ".join(target.name for target in targets)
        raise Refused(f"{environment.name} has no host {host}, but {names}.", kind="config")
    if wanted.lines < 0:
        raise Refused("--lines is how many lines to show, 0 or more.", kind="config")
    show = Shown([target.name for target in chosen], live=wanted.follow)
    within = FOREVER if wanted.follow else environment.limits.step
    try:
        return _everywhere(chosen, environment, "logs", within, wanted._asdict(), show)
    except KeyboardInterrupt:
        again = f"inv deploy.status --env={environment.name}"
        raise Interrupted(f"No log is followed any more; see `{again}`.") from None


def newest(
    targets: Sequence[Target], environment: Environment, wanted: Logs
) -> dict[str, list[str]]:
    """Return the newest lines of each host's log, with what is secret there hidden by the hosts.

    Hosts that give none are left out. Raises Refused, NotClosed where none gives any.
    """
    show = Kept([target.name for target in targets], live=False)
    within, words = environment.limits.step, {**wanted._asdict(), "follow": False}
    try:
        _everywhere(targets, environment, "logs", within, words, show)
    except NotClosed:
        if not show.lines:
            raise
    return show.lines


def command(targets: Sequence[Target], environment: Environment, argv: Sequence[str]) -> Outcome:
    """Run a command on every host, in the live release's directory and environment, by no shell.

    Raises Refused, NotClosed with the hosts where it failed, Interrupted.
    """
    if not argv:
        raise Refused("Say what to run: `inv deploy.run -- COMMAND`.", kind="config")
    if sum(len(word.encode(errors="replace")) + 8 for word in argv) > LONGEST:
        raise Refused("The command is too long; put it into a file of the release.", kind="config")
    show = Shown([target.name for target in targets], live=True)
    try:
        return _everywhere(targets, environment, "exec", FOREVER, {"argv": list(argv)}, show)
    except KeyboardInterrupt:
        raise Interrupted(
            "Interrupted: the command is ended on every host, and what it had done stays done; see"
            f" `inv deploy.status --env={environment.name}`."
        ) from None


def words(argv: Sequence[str]) -> list[str]:
    """Return what follows `--` on a command line; Invoke joins it, which loses its quoting."""
    return list(argv)[list(argv).index("--") + 1 :] if "--" in argv else []


class Shown:
    """Prints what hosts send, line by line: at once where `live`, else one host after another.

    A line begins with its host where there are several.
    """

    def __init__(self, names: Sequence[str], live: bool) -> None:
        self.names, self.live = list(names), live
        self.width = max(map(len, names)) if len(names) > 1 else 0
        self.parts = dict.fromkeys(names, "")

    def add(self, name: str, text: str) -> None:
        """Take a piece of a host's output, which need not end with a line."""
        self.parts[name] += text
        if self.live:
            *whole, self.parts[name] = self.parts[name].split("\n")
            self._print(name, whole)

    def end(self) -> None:
        """Print what is left."""
        for name in self.names:
            left, self.parts[name] = self.parts[name], ""
            self._print(name, left.removesuffix("\n").split("\n") if left else [])

    def _print(self, name: str, lines: Sequence[str]) -> None:
        for line in lines:
            console.say(f"{name:<{self.width}} | {line}" if self.width else line)


class Kept(Shown):
    """Keeps what hosts send, and prints nothing."""

    def __init__(self, names: Sequence[str], live: bool) -> None:
        super().__init__(names, live)
        self.lines: dict[str, list[str]] = {}

    def _print(self, name: str, lines: Sequence[str]) -> None:
        if lines:
            self.lines[name] = [*lines]


def _everywhere(
    targets: Sequence[Target],
    environment: Environment,
    do: str,
    within: float,
    said: dict[str, Any],
    show: Shown,
) -> Outcome:
    """Ask the hosts that answer; those that don't are told with the others that failed."""
    with Fleet(targets, environment) as fleet:
        absent = fleet.connect()
        if len(absent) == len(targets):
            raise refusal(absent, environment.name)
        members = [member for member in fleet.members if member.name not in absent]
        wrong = {name: str(error) for name, error in absent.items()}
        kind = next((error.kind for error in absent.values()), "command")

        def one(member: Member, heard: Callable[[str, str], None]) -> Any:
            def each(text: str) -> None:
                heard(member.name, text)

            return member.session.call(do, within, heard=each, **said)["code"]

        codes: Future[dict[str, int]] = Future()
        try:
            for name, text in _pieces(fleet, members, one, codes):
                show.add(name, text)
            show.end()
        except BrokenPipeError:  # as in `… | head`: enough has been seen
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Outcome({"environment": environment.name})
    ended = _ended(codes, wrong)
    return _judge(environment, do, ended, wrong, kind)


def _pieces(
    fleet: Fleet,
    members: Sequence[Member],
    one: Callable[[Member, Callable[[str, str], None]], Any],
    codes: Future[dict[str, int]],
) -> Iterator[tuple[str, str]]:
    """Yield (host, text) as it comes, here: only this thread prints and can be interrupted."""
    pieces: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            heard = lambda name, text: pieces.put((name, text))  # noqa: E731
            codes.set_result(fleet.each(lambda member: one(member, heard), members))
        except BaseException as error:
            codes.set_exception(error)
        finally:
            pieces.put(None)

    threading.Thread(target=work, daemon=True).start()
    while True:
        piece = pieces.get()
        if piece is None:
            return
        yield piece


def _ended(codes: Future[dict[str, int]], wrong: dict[str, str]) -> dict[str, int]:
    """Return the exit codes by host, and add to `wrong` why others have none."""
    try:
        return codes.result()
    except HostErrors as error:
        wrong.update({name: each.message for name, each in error.errors.items()})
        return error.values


def _judge(
    environment: Environment, do: str, codes: dict[str, int], wrong: dict[str, str], kind: str
) -> Outcome:
    failed = {name: f"ended with {code}" for name, code in codes.items() if code}
    wrong = {**failed, **wrong}
    detail = {"environment": environment.name, "codes": codes, "failed": wrong}
    if wrong:
        what = "The log could not be shown" if do == "logs" else "The command failed"
        raise NotClosed(
            f"{what} on {counted(list(wrong))}.",
            kind=kind,
            evidence="\n".join(f"{counted(names)}: {why}" for why, names in by(wrong)),
            detail=detail,
        )
    return Outcome(detail)
