"""The operator of a fault test: `inv`, run in this process, that meets its fault at a named place.

    python driver.py ACTION STEP:MOMENT SIGNS [--through PORT,PORT,…] -- deploy --json

STEP is as the plan names it: `switch`, or `switch.2` in the second stage. MOMENT is `begin`, `end`,
or `amid`: when the first host has done the step and no other has been asked for it (of a stage's
watch: when it has been asked once). There the place is written to SIGNS/reached, and then ACTION is
done: `kill` ends this process with SIGKILL, `interrupt` sends it what Ctrl-C sends, `pause` waits
for SIGNS/go.
`--through` names the ports that lead to the hosts' sshd, in their order.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

# As a script this directory would come first; the project in the current one is what is driven.
sys.path[0] = os.getcwd()

from tasks.lib import rollout, session, target  # noqa: E402

PATIENCE = 60.0


class Fault:
    """What happens, where; it happens once."""

    def __init__(self, action: str, place: str, signs: Path) -> None:
        self.action, self.signs = action, signs
        self.step, _, self.moment = place.partition(":")
        # What the hosts are asked for in it; a stage's steps are numbered.
        act = self.step.partition(".")[0]
        self.asked = {"watch": "probe"}.get(act, act)
        self.under_way = ""
        self.met = False
        self.alone = threading.Lock()

    def at(self, step: str, moment: str) -> None:
        if self.met or (step, moment) != (self.step, self.moment):
            return
        self.met = True
        (self.signs / "reached").write_text(f"{step}:{moment}")
        if self.action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action == "interrupt":  # it is the main thread that gets it, whoever asks
            os.kill(os.getpid(), signal.SIGINT)
            return
        until = time.monotonic() + PATIENCE
        while not (self.signs / "go").exists() and time.monotonic() < until:
            time.sleep(0.01)

    # As an observer.

    def begin(self, step: str, does: str) -> None:
        self.under_way = step
        self.at(step, "begin")

    def end(self, step: str, seconds: float) -> None:
        self.at(step, "end")

    # Between the hosts of one step.

    def split(self, call: Any) -> Any:
        """Let one host at a time do the step of the fault; after the first the fault is met."""

        def one_by_one(session: Any, do: str, *more: Any, **words: Any) -> Any:
            here = (do, self.under_way) == (self.asked, self.step)
            if self.moment != "amid" or not here:
                return call(session, do, *more, **words)
            with self.alone:
                value = call(session, do, *more, **words)
                self.at(self.step, "amid")
                return value

        return one_by_one


def lead(ports: list[int]) -> None:
    """Have the hosts' sshd reached through other ports; their keys stay the ones that are known."""
    found = target.targets

    def through(*words: Any) -> Any:
        led = []
        for each, port in zip(found(*words), ports, strict=True):
            known = each.known_hosts[0].with_name(f"known_hosts.{port}")
            key = next(
                line.split(" ", 1)[1]
                for line in each.known_hosts[0].read_text().splitlines()
                if line.startswith(f"[127.0.0.1]:{each.address.port} ")
            )
            known.write_text(f"[127.0.0.1]:{port} {key}\n")
            address = dataclasses.replace(each.address, port=port)
            led.append(dataclasses.replace(each, address=address, known_hosts=(known,)))
        return tuple(led)

    target.targets = through  # type: ignore[assignment]


def main() -> None:
    # Ignored in what a shell started with `&`, and in whatever that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    own, words = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    fault = Fault(own[0], own[1], Path(own[2]))
    if "--through" in own:
        lead([int(port) for port in own[own.index("--through") + 1].split(",")])
    rollout.observe = lambda: fault
    session.Session.call = fault.split(session.Session.call)  # type: ignore[method-assign]
    from invoke.main import program

    program.run(["inv", *words])


if __name__ == "__main__":
    main()
