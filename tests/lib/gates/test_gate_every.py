"""Which gates an environment has, by what its configuration says, and what it may not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.lib.errors import Refused
from tasks.lib.gates import every, incident
from tasks.lib.gates.about import About, Answer
from tasks.lib.settings import Settings
from tasks.lib.source import Source

WEEKEND = {"from": "Friday 16:00", "to": "Monday 08:00"}
USUAL = ("lint", "test", "release", "budget", "incident")


def settings(**said: Any) -> Settings:
    own = {"hosts": ["a@b"], **said}
    return Settings(environments={"production": own, "staging": {"hosts": ["a@c"]}})


@pytest.mark.parametrize(
    ("said", "names"),
    [
        pytest.param({}, USUAL, id="nothing said"),
        pytest.param({"gates": []}, (), id="none"),
        pytest.param({"gates": ["incident", "lint"]}, ("lint", "incident"), id="some"),
        pytest.param({"gates": [], "after": "staging"}, ("after",), id="after by itself"),
        pytest.param({"gates": [], "freeze": [WEEKEND]}, ("freeze",), id="freeze by itself"),
        pytest.param(
            {"after": "staging", "freeze": [WEEKEND]},
            ("lint", "test", "release", "after", "freeze", "budget", "incident"),
            id="all",
        ),
    ],
)
def test_which_hold(said: dict[str, Any], names: tuple[str, ...]) -> None:
    assert every.held(settings(**said).environment("production")) == names


def test_the_sandbox_has_none() -> None:
    assert every.held(Settings().environment("sandbox")) == ()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        pytest.param(
            {"gates": ["lint", "tests"]},
            "environments.production.gates should be a list of some of lint, test, release, budget,"
            " incident, not 'tests'.",
            id="unknown",
        ),
        pytest.param(
            {"gates": ["after"]},
            "a list of some of lint, test, release, budget, incident, not 'after'.",
            id="what has a word of its own",
        ),
        pytest.param({"gates": "lint"}, "gates should be a list, not 'lint'.", id="no list"),
        pytest.param(
            {"require_tag": False},
            "environments.production.require_tag is gone: write `gates: [lint, test, release]`, or"
            " `gates: []` for none.",
            id="require_tag",
        ),
        pytest.param(
            {"untagged": True},
            "environments.production.untagged is gone: write `gates:` without release.",
            id="untagged",
        ),
        pytest.param(
            {"freeze": [{"from": "Friday 16:00"}]},
            "production.freeze[0] lacks the key to.",
            id="half a window",
        ),
    ],
)
def test_what_makes_no_sense_is_one_sentence(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refusal:
        settings(**said).environment("production")
    assert str(refusal.value).endswith(sentence) and refusal.value.kind == "config"


def test_a_gate_that_fails_to_ask_refuses(tmp_path: Path) -> None:
    """Whatever one can't do is told as its answer, and the others are heard."""
    found = settings(gates=["lint", "incident"], after="staging")
    nowhere = tmp_path / "no repository"
    nowhere.mkdir()
    version = Source("v1", "0" * 40, "0" * 40, True, (), "")
    told = every.ask(About(found, found.environment("production"), version, nowhere))
    assert told["lint"].refused and told["after"].refused
    assert told["incident"] == Answer(says="none is open")


def test_a_bug_of_a_gate_lets_nothing_pass_and_can_be_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: About) -> Answer:
        raise ValueError("no such thing")

    monkeypatch.setattr(incident, "incident", broken)
    found = settings(gates=["incident"])
    version = Source("v1", "0" * 40, "0" * 40, True, (), "")
    about = About(found, found.environment("production"), version, tmp_path)
    told = every.Gates(about).refused("incident")
    assert told == "it could not be asked: ValueError in the recipes (no such thing)"
    assert every.Gates(about, every.Past(True, "it burns")).refused("incident") == ""
