"""Applications that nobody here wrote, from their source distribution to a served page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support import adopted
from tests.support.adopted import adopt, clean, git, inv
from tests.support.foreign import unpacked
from tests.support.project import free_port


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adopted.recipes(tmp_path_factory.mktemp("recipes") / "circle")


# FastAPI with pinned requirements of long ago; Flask with a pyproject.toml; the example of a Django
# project, which its own pyproject.toml doesn't name everything for.
@pytest.mark.parametrize(
    ("name", "said", "path", "text"),
    [
        ("meeting_roles", {}, "/", "Meeting Roles Manager"),
        ("httpbin", {}, "/get?shop=open", '"shop": "open"'),
        ("django_debug_toolbar", {"packages": "whitenoise, jinja2"}, "/", "Index of Tests"),
    ],
)
def test_a_page_is_served(
    name: str,
    said: dict[str, Any],
    path: str,
    text: str,
    recipes: Path,
    tmp_path: Path,
) -> None:
    root = adopted.repository(unpacked(name, tmp_path), {})
    adopt(recipes, root, **said)
    assert clean(root)
    port = free_port()
    place = {"INVOKE_SANDBOX_PORT": str(port), "INVOKE_ENVIRONMENTS_SANDBOX_WATCH": "0s"}
    try:
        assert inv(root, "host", "--env=sandbox", env=place).returncode == 0
        ran = inv(root, "circle.run", "--env=sandbox", "--from=deploy", "--to=deploy", env=place)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        answer = requests.get(f"http://127.0.0.1:{port}{path}", timeout=10)
        assert answer.status_code == 200 and text in answer.text
        assert clean(root) and git(root, "rev-list", "--count", "HEAD") == "2"
    finally:
        inv(root, "host.down", "--env=sandbox", env=place)
