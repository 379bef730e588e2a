"""The recipes' story, told by doing it: four releases and a rollback on a host of one's own.

    scripts/try            shows it live, and ends with a table
    scripts/try --json     ends with one line of figures
    scripts/try --keep     leaves the sandbox up

It exits 0 when every claim of the story held, 1 when one did not, 2 when it could not begin.
"""

import argparse
import json
import shlex
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from scripts import releases
from scripts.claims import ENOUGH, STEPS, Claim, Facts, figures, judge
from scripts.display import Display
from scripts.load import Load
from scripts.recipes import SIGNALS, Told, held_back, inv
from tasks.lib import console
from tasks.lib.errors import Refused

RATE = 150.0
SANDBOX = "--env=sandbox"
DEPLOY = ("deploy", SANDBOX, "--yes", "--json")
# What is typed at each step, and what it is about.
CHAPTERS = {
    "v1": ((*DEPLOY, "--version=v1", "--watch=0s"), "v1, the first release"),
    "v2": ((*DEPLOY, "--version=v2"), "v2, while requests come in"),
    "v3": ((*DEPLOY, "--version=v3"), "v3, which does not start"),
    "v4": ((*DEPLOY, "--version=v4"), "v4, healthy until it has traffic"),
    "rollback": (
        ("rollback", SANDBOX, "--yes", "--json", "--reason=the story ends here"),
        "back to v1, on request",
    ),
}
assert tuple(CHAPTERS) == STEPS


class Stopped(BaseException):
    """Somebody wants the story to end; `code` is what to exit with."""

    def __init__(self, code: int) -> None:
        self.code = code


def tell(root: Path, display: Display) -> tuple[Facts, str]:
    """Tell the story in the empty directory `root`; return what happened, and the front's URL.

    Raises `Refused` when it can't begin.
    """
    with display.step("project", "a scratch project with releases v1 to v4"):
        project = releases.make(root)
    with display.step("host", "a host on this machine, over SSH"):
        front = _front(inv(root, "host", SANDBOX, "--json"))
    told: dict[str, Told] = {}
    live: dict[str, str] = {}
    load = Load([f"{front}/", f"{front}/api/version"], RATE)
    display.follow(load.snapshot, project.commits)
    try:
        for step, (words, about) in CHAPTERS.items():
            with display.step(step, about) as done:
                told[step] = inv(root, *words)
                live[step] = _live(front)
                done(told[step])
            if step == "v1":
                if told[step].code:
                    break  # nothing to build the story on
                load.start()
        else:
            _until(lambda: load.snapshot().requests >= ENOUGH)
    finally:
        sent = load.stop()
    return Facts(project.commits, told, live, sent), front


def _until(true: Callable[[], bool], limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while not true() and time.monotonic() < end:
        time.sleep(0.05)


def _front(told: Told) -> str:
    hosts = told.detail.get("hosts")
    if told.code or not isinstance(hosts, dict):
        raise Refused(
            "The sandbox did not start: see above, then `scripts/try`.", evidence=told.last
        )
    front: str = next(iter(hosts.values()))["front"]
    return front


def _live(front: str) -> str:
    """Return the commit that the service behind the front says it is, "" without an answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{front}/api/version", timeout=10) as answer:
            return str(json.load(answer)["commit"])
    except (OSError, ValueError, KeyError):
        return ""


def conclude(facts: Facts, as_json: bool) -> int:
    """Print what the story came to; return the exit code."""
    claims = judge(facts)
    numbers = figures(facts, claims)
    console.set_json(as_json)
    console.say()
    console.table(
        [("yes" if claim.held else "NO", claim.sentence) for claim in claims],
        ("held", "claim"),
    )
    console.table(
        [
            (f"{numbers['requests']:,} requests", f"{numbers['lost']} lost"),
            ("answered with an error by v4", str(numbers["errors"])),
            ("deploy of v2, its watch apart", _seconds(numbers["deploy_seconds"])),
            ("rollback, from command to verified", _seconds(numbers["rollback_seconds"])),
            ("its switch", _milliseconds(numbers["switch_seconds"])),
        ]
    )
    for request in facts.load.first_lost:
        console.fail(f"lost at {request.at:.3f} s: {request.url}: {request.reason}")
    for claim in claims:
        if not claim.held:
            _explain(claim, facts)
    if as_json:
        console.document(numbers)
    return 0 if numbers["held"] else 1


def _explain(claim: Claim, facts: Facts) -> None:
    if claim.step and claim.step not in facts.told:
        return  # the story ended before it
    console.fail(f"Did not hold: {claim.sentence}.")
    if claim.step:
        told = facts.of(claim.step)
        live = facts.live.get(claim.step, "")
        console.fail(f"  inv exited with {told.code}; live afterwards: {live[:7] or 'nothing'}")
        console.fail("\n".join(f"  {line}" for line in told.last.splitlines()))


def _seconds(number: object) -> str:
    return f"{number:.2f} s" if isinstance(number, int | float) else "not measured"


def _milliseconds(number: object) -> str:
    return f"{1000 * number:.0f} ms" if isinstance(number, int | float) else "not measured"


def _end(root: Path) -> None:
    """Stop and remove all that the story started and made."""
    if (root / "invoke.yaml").exists():
        told = inv(root, "host.down", SANDBOX)
        if told.code:
            console.fail(f"The sandbox in {root} could not be stopped, so it stays there.")
            console.fail(told.last)
            return
    shutil.rmtree(root, ignore_errors=True)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/try", description="Try the recipes out.")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    parser.add_argument("--keep", action="store_true", help="leave the sandbox up")
    given = parser.parse_args(arguments)
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup and a shell's & want it
            signal.signal(number, _stop)
    root, keep = None, False
    try:
        with held_back():
            root = Path(tempfile.mkdtemp(prefix="circle-", suffix="-story"))
        with Display(to_stderr=given.json) as display:
            facts, front = tell(root, display)
        code = conclude(facts, given.json)
        keep = given.keep
        if keep:
            place, python = shlex.quote(str(root)), shlex.quote(sys.executable)
            down = f"cd {place} && {python} -m invoke host.down {SANDBOX} && rm -r {place}"
            print(f"The sandbox stays up: {front}\nTo end it: {down}", file=sys.stderr)
    except Refused as error:
        console.fail(f"{error}\n{error.evidence}".strip())
        code = 2
    except Stopped as stop:
        console.fail("Interrupted: stopping what was started; `scripts/try` begins anew.")
        code = stop.code
    finally:
        # From here on nothing stops the stopping.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if root is not None and not keep:
            _end(root)
    return code


if __name__ == "__main__":
    sys.exit(main())
