"""The host's half of `inv host`, for the tests of its parts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tasks.lib import agent
from tasks.lib.server import talk
from tests.support import rig as support


@pytest.fixture(scope="session")
def half() -> SimpleNamespace:
    """The host's half, assembled as it is sent, each part by its name."""
    return SimpleNamespace(**support.parts([agent.SCRIPTS / f"{part}.py" for part in talk.PARTS]))
