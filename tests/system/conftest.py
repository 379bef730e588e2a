"""Fixtures of the tests on real hosts.

Where what they need is missing, they are skipped and say what it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system import engine, image


@pytest.fixture(scope="session")
def docker() -> Iterator[engine.Engine]:
    """The container engine."""
    if wrong := engine.missing():
        pytest.skip(wrong)
    made = engine.Engine()
    yield made
    made.close()


@pytest.fixture(scope="session")
def debian(docker: engine.Engine) -> str:
    """The image of a Debian server."""
    return image.image(docker)
