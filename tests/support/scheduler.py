"""A process beside the web one that must never run twice: it says when it begins and ends.

`python scheduler.py STAMPS [SECONDS]`. STAMPS gets a line for each beginning and end, and OVERLAP
where another runs at that moment. SECONDS: how long it takes to end when it is told to.
"""

import fcntl
import os
import signal
import sys
import time

RELEASE = os.environ["RELEASE_ID"]


def say(what: str) -> None:
    with open(sys.argv[1], "a", encoding="utf-8") as out:
        out.write(f"{what} {RELEASE} {os.getpid()}\n")


def end(*_: object) -> None:
    time.sleep(float((sys.argv[2:] or ["0"])[0]))
    say("end")
    os._exit(0)


alone = open(sys.argv[1] + ".alone", "a", encoding="utf-8")
try:
    fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    say("OVERLAP")
signal.signal(signal.SIGTERM, end)
say("begin")
while True:
    time.sleep(60)
