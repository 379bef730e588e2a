"""The host's half of `inv host`, for the tests of its parts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tasks.lib.server import talk


@pytest.fixture(scope="session")
def half() -> Iterator[SimpleNamespace]:
    """The host's half, assembled as it is sent, each part by its name."""
    names = [part.rpartition("/")[2] for part in talk.PARTS]
    before = {name: sys.modules.pop(name, None) for name in names}
    without_start = talk.source().rpartition(b"sys.modules[name].main")[0]
    exec(compile(without_start, "prepare.py", "exec"), {"__name__": "prepare"})
    found = SimpleNamespace(**{name: sys.modules.pop(name) for name in names})
    sys.modules.update({name: module for name, module in before.items() if module})
    yield found
