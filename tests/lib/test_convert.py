from __future__ import annotations

import decimal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tasks.lib.convert import convert
from tasks.lib.errors import Refused
from tasks.lib.settings import Smoke


def named(key: str) -> str:
    return f"file: {key}"


def test_what_fits_is_converted() -> None:
    assert convert({"a": {"path": "/", "status": "201"}}, dict[str, Smoke], named) == {
        "a": Smoke(path="/", status=201)
    }


def test_below_a_name_of_the_readers_own_the_whole_is_shown() -> None:
    with pytest.raises(Refused, match="file: status should be a whole number, not {'a': "):
        convert({"a": {"path": "/", "status": "x"}}, dict[str, Smoke], named)


def test_a_type_without_a_conversion_is_a_bug() -> None:
    class Odd(msgspec.Struct):
        value: type[decimal.Context] = decimal.Context

    with pytest.raises((NotImplementedError, TypeError)):
        convert({"value": 5}, Odd, named)


AT_ONCE = """
import sys, threading
from msgspec import Struct
from tasks.lib.convert import convert

sys.setswitchinterval(1e-6)
for _ in range(100):
    class Inner(Struct, frozen=True):
        a: int = 0

    class Outer(Struct, frozen=True):
        b: Inner = Inner()
        c: tuple[Inner, ...] = ()

    gate = threading.Barrier(4)

    def one():
        gate.wait()
        convert({"b": {"a": 1}, "c": [{"a": 2}]}, Outer, str)

    threads = [threading.Thread(target=one) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_several_may_be_the_first_to_ask_for_a_type() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", AT_ONCE], cwd=root, timeout=60, check=False)
    assert done.returncode == 0, "-11 is a segmentation fault in msgspec"
