from __future__ import annotations

import decimal

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
