"""Where Prometheus is told to look for the service on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.preaggregate import networks, validate


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("- targets: [host.docker.internal:8123]\n", 8123),
        ("- targets: [web.example:80]\n", 8000),
        ("", 8000),
    ],
)
def test_the_port_is_that_of_the_targets(tmp_path: Path, text: str, port: int) -> None:
    assert networks.port(tmp_path, 8000) == 8000, "there are none yet"
    folder = tmp_path / networks.TARGETS
    folder.mkdir(parents=True)
    (folder / "local.yml").write_text(text)
    assert networks.port(tmp_path, 8000) == port


def test_what_the_collector_says_is_told_without_the_rest() -> None:
    output = (
        "2026-01-01 info starting\nError: failed to get config: cannot unmarshal:\n\n"
        "  'processors' unknown type: \"bunch\"\n2026 collector server run finished with error\n"
    )
    assert validate.said(output) == (
        "failed to get config: cannot unmarshal:\n'processors' unknown type: \"bunch\""
    )
    assert validate.said("no such thing\n") == "no such thing"
