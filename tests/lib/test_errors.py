from __future__ import annotations

import pytest
from invoke.exceptions import Exit

from tasks.lib.errors import Interrupted, NotClosed, Refused, Trouble


@pytest.mark.parametrize(
    ("kind", "code", "outcome"),
    [(NotClosed, 1, "troubled"), (Refused, 2, "refused"), (Interrupted, 130, "troubled")],
)
def test_each_failure_has_its_exit_code(kind: type[Trouble], code: int, outcome: str) -> None:
    error = kind("No.", kind="auth", evidence="log", detail={"a": 1}, next="inv lint")
    assert isinstance(error, Exit)
    assert (error.code, error.outcome, str(error), error.message) == (code, outcome, "No.", "No.")
    assert (error.kind, error.evidence, error.detail, error.next) == (
        "auth",
        "log",
        {"a": 1},
        "inv lint",
    )


def test_detail_is_a_copy_of_its_own() -> None:
    detail = {"a": 1}
    error = NotClosed("No.", detail=detail)
    error.detail["b"] = 2
    assert detail == {"a": 1} and Refused("No.").detail == {}
