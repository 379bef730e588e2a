"""The command that a plan of a deploy or a rollback ends with."""

from __future__ import annotations

from pathlib import Path

from tasks.lib.backward import Rollback
from tasks.lib.deploying import again
from tasks.lib.gates.about import About
from tasks.lib.gates.every import Gates, Past
from tasks.lib.settings import SANDBOX, Settings
from tasks.lib.source import Source
from tasks.lib.world import World

VERSION = Source("v1.0.0", "a" * 40, "b" * 40, False, (), "")
SHOP = {"hosts": ["me@a.example.org", "me@b.example.org"], "gates": ["release"], "watch": "15m"}


def world(past: Past, tmp_path: Path) -> World:
    settings = Settings(environments={"sandbox": dict(SANDBOX), "shop": SHOP})
    environment = settings.environment("shop")
    gates = Gates(About(settings, environment, VERSION, tmp_path, past.fixes), past)
    return World(settings, environment, (), tmp_path, VERSION, gates=gates)


def test_it_is_short_where_nothing_was_said(tmp_path: Path) -> None:
    assert again(world(Past(), tmp_path)) == "inv deploy --env=shop --version=v1.0.0"


def test_it_does_what_was_planned(tmp_path: Path) -> None:
    said = world(Past(True, "it can't wait", ("one", "two")), tmp_path)
    own = said.environment.but(watch=90.0, strategy="canary: 1")
    assert again(said._replace(environment=own, without=("me@b.example.org",))) == (
        "inv deploy --env=shop --version=v1.0.0 --watch=1m30s --strategy=canary:1"
        " --without=me@b.example.org --fixes=one,two '--reason=it can'\"'\"'t wait' --force"
    )


def test_of_a_rollback_too(tmp_path: Path) -> None:
    about = world(Past(), tmp_path)
    where = (about.settings, about.environment, about.targets, tmp_path)
    assert Rollback(*where).again("r1") == "inv rollback --env=shop --to=r1"
    said = {"reason": "it is slow", "approved_by": "ada", "begun": "2026-01-01T00:00:00Z"}
    assert Rollback(*where, "v1", True, said).again("r1") == (
        "inv rollback --env=shop --to=r1 '--reason=it is slow' --approved-by=ada --keep-schema"
    )
