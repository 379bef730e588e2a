"""From a path as it is written to the steps that are run: nothing is read, so tables will do."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tasks
from tasks.lib.circle import laying, run
from tasks.lib.circle.looked import Asked, World, unset
from tasks.lib.circle.settings import Circle, faults
from tasks.lib.circle.steps import KINDS, Step, parse
from tasks.lib.config import Settings
from tasks.lib.errors import Refused
from tests.test_tasks import TASKS, options_of

AFTER = {"production": ("staging", "production")}
PATHS: dict[str, list[str]] = tasks.DEFAULTS["circle"]["paths"]


def steps(*texts: str) -> tuple[Step, ...]:
    return tuple(parse(text) for text in texts)


def labels(found: tuple[Step, ...]) -> list[str]:
    return [step.label + "?" * step.informs for step in found]


def laid(name: str, env: str = "") -> list[str]:
    chain = laying.laid(steps(*PATHS[name]), env, "sandbox", lambda one: AFTER.get(one, (one,)))
    return labels(chain)


@pytest.mark.parametrize("name", KINDS)
def test_a_step_is_a_task_that_there_is_and_takes_what_it_is_given(name: str) -> None:
    names = {task.rpartition(".")[0] if TASKS[task].is_default else task for task in TASKS}
    assert name in names
    kind = KINDS[name]
    found = next(
        t for t in TASKS if t == name or (TASKS[t].is_default and t.startswith(f"{name}."))
    )
    words = {word.strip("-") for word in (*kind.always, *kind.needs) if word.startswith("-")}
    words |= {word for word in ("env", "yes") if getattr(kind, word)}
    assert words <= set(options_of(found))


@pytest.mark.parametrize(
    ("text", "task", "words", "informs"),
    [
        ("lint", "lint", (), False),
        ("monitor?", "monitor", (), True),
        ("alert.ack? --env=a HighErrorRate", "alert.ack", ("--env=a", "HighErrorRate"), True),
        ("rollback '--reason=it is slow'", "rollback", ("--reason=it is slow",), False),
    ],
)
def test_a_step_is_read(text: str, task: str, words: tuple[str, ...], informs: bool) -> None:
    assert parse(text) == Step(task, words, informs)


@pytest.mark.parametrize(
    ("paths", "key", "expected"),
    [
        ({"own": ("lnit",)}, "paths.own", "steps of: lint, host,"),
        ({"own": ("",)}, "paths.own", "steps of:"),
        ({"own": ("rollback '",)}, "paths.own", "steps of:"),
        ({"own": ("deploy --env staging",)}, "paths.own", "--env=NAME"),
        ({"own": ()}, "paths.own", "a list of steps"),
        ({"a b": ("lint",)}, "paths", "names of"),
    ],
)
def test_what_is_no_path_is_told(paths: Any, key: str, expected: str) -> None:
    [(place, said, _)] = faults(Circle(paths=paths))
    assert place == key and expected in said


def test_the_paths_that_come_with_it_are_sound() -> None:
    assert not list(faults(Circle(paths={key: tuple(said) for key, said in PATHS.items()})))


@pytest.mark.parametrize(
    ("name", "env", "expected"),
    [
        (
            "circle",
            "",
            "lint/host/host sandbox/test/preaggregate/release/deploy sandbox"
            "/monitor/visualize/alert",
        ),
        (
            "circle",
            "production",
            "lint/host/test/preaggregate/release/deploy staging/deploy production"
            "/monitor production/visualize production/alert production",
        ),
        ("feature", "", "lint/host/test/preaggregate/release"),
        (
            "bug",
            "",
            "monitor production?/visualize production?/lint/test/release/deploy staging"
            "/deploy production/monitor production",
        ),
        (
            "bug",
            "sandbox",
            "monitor sandbox?/visualize sandbox?/lint/test/release/deploy sandbox/monitor sandbox",
        ),
        (
            "production-down",
            "",
            "alert.ack production?/monitor production?/rollback production"
            "/visualize production?/lint/test",
        ),
        ("monitoring", "", "preaggregate local/monitor local/visualize local/alert"),
        (
            "monitoring",
            "staging",
            "preaggregate staging/monitor staging/visualize staging/alert staging",
        ),
        (
            "regular",
            "",
            "lint/test/preaggregate/release/deploy staging/deploy production/monitor production",
        ),
        ("regular", "staging", "lint/test/preaggregate/release/deploy staging/monitor staging"),
    ],
)
def test_a_path_is_laid_for_an_environment(name: str, env: str, expected: str) -> None:
    assert "/".join(laid(name, env)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (("lint", "host", "host --env=sandbox", "test"), "host/lint/host sandbox/test"),
        (("monitor?", "lint", "host"), "monitor?/host/lint"),
        (("host", "lint"), "host/lint"),
        (("lint", "host --env=sandbox"), "lint/host sandbox"),
    ],
)
def test_what_lint_needs_is_made_first_in_a_fresh_clone(
    texts: tuple[str, ...], expected: str
) -> None:
    assert "/".join(labels(laying.made_first(steps(*texts)))) == expected


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("", "", "monitor a?/lint/deploy a/deploy b/monitor b"),
        ("lint", "deploy", "lint/deploy a/deploy b"),
        ("deploy:b", "", "deploy b/monitor b"),
        ("monitor", "monitor", "monitor a?/lint/deploy a/deploy b/monitor b"),
        ("", "deploy:a", "monitor a?/lint/deploy a"),
    ],
)
def test_a_path_is_cut(first: str, last: str, expected: str) -> None:
    texts = ("monitor? --env=a", "lint", "deploy --env=a", "deploy --env=b", "monitor --env=b")
    assert "/".join(labels(laying.cut(steps(*texts), first, last, "own"))) == expected


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("tets", "", "--from=tets is no step of the path own; there are: lint, test, deploy:a."),
        ("", "alert", "--to=alert is no step of the path own"),
        ("deploy", "lint", "--from=deploy comes after --to=lint in the path own: swap them."),
    ],
)
def test_what_cannot_be_cut_is_one_sentence(first: str, last: str, words: str) -> None:
    with pytest.raises(Refused) as told:
        laying.cut(steps("lint", "test", "deploy --env=a"), first, last, "own")
    assert words in str(told.value)


def test_what_follows_the_dashes_is_given_to_its_step() -> None:
    path = steps("alert.ack? --env=a", "rollback --env=a", "test")
    words = ["alert.ack", "HighErrorRate", "--reason=lost 5 %", "rollback", "--reason=test it"]
    found = laying.filled(path, laying.given(words, path))
    assert found[0].words == ("--env=a", "HighErrorRate", "--reason=lost 5 %")
    assert found[1].words == ("--env=a", "--reason=test it") and not found[1].lacks()
    for wrong, said in ((["-x"], "begins with a step's name"), (["release"], "is no step that")):
        with pytest.raises(Refused, match=said):
            laying.given(wrong, path)


@pytest.mark.parametrize(
    ("texts", "at", "begin"),
    [
        (("lint", "test", "deploy --env=a"), 2, 0),
        (("alert.ack?", "monitor?", "rollback", "visualize?", "lint"), 4, 3),
        (("alert.ack?", "monitor?", "rollback", "visualize?", "lint"), 2, 1),
        (("rollback", "lint"), 0, 0),
    ],
)
def test_what_must_not_be_done_twice_is_behind_a_run_that_goes_on(
    texts: tuple[str, ...], at: int, begin: int
) -> None:
    assert laying.resumed(steps(*texts), at) == begin


def world(*texts: str, **asked: Any) -> World:
    path = steps(*texts)
    return World(Settings(), Path(), Asked(**asked), path, path)


def test_what_a_step_needs_is_asked_for_or_named_before_anything_is_run() -> None:
    down = world("alert.ack? --env=sandbox", "rollback --env=sandbox", "lint", path="down")
    with pytest.raises(Refused) as told:
        run.completed(down, None)
    assert str(told.value) == (
        "alert.ack needs NAME and --reason; rollback needs --reason: `inv circle.run --path=down"
        " -- alert.ack NAME --reason=WHY rollback --reason=WHY`."
    )
    answers = iter(["HighErrorRate\n", "it is lost\n", "it is slow\n"])
    found = run.completed(down, lambda _: next(answers))
    assert found[0].words == ("HighErrorRate", "--reason=it is lost", "--env=sandbox")
    assert found[1].words == ("--reason=it is slow", "--env=sandbox")
    # Who knows no alert goes on without; who rolls back has a reason.
    answers = iter(["\n", "it is slow\n"])
    assert labels(run.completed(down, lambda _: next(answers))) == ["rollback sandbox", "lint"]
    with pytest.raises(Refused, match="rollback is not run without --reason"):
        run.completed(world("rollback"), lambda _: "\n")


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        (["deploy@a.your-domain.com:2222"], "b is not set up: its hosts are the example's"),
        (["deploy@a.example.net"], ""),
    ],
)
def test_nothing_is_changed_where_nobody_has_set_up_hosts(hosts: list[str], why: str) -> None:
    environments = {"b": {"hosts": hosts}, "sandbox": {}}
    settings = msgspec.convert({"environments": environments}, Settings)
    for texts in (("lint", "deploy --env=b"), ("rollback --env=b",)):
        assert unset(settings, steps("deploy --env=sandbox", *texts)) == why
    assert unset(settings, steps("monitor --env=b", "rollback --env=sandbox")) == ""


def test_who_has_reviewed_a_release_is_asked_for_where_no_github_can_say(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path = steps("release")
    asked = World(Settings(), tmp_path, Asked(path="feature"), path, path)
    with pytest.raises(Refused) as told:
        run.completed(asked, None)
    assert str(told.value) == (
        "release needs --reviewed-by: "
        "`inv circle.run --path=feature -- release --reviewed-by=NAME`."
    )
    assert run.completed(asked, lambda _: "jo\n")[0].words == ("--reviewed-by=jo",)
    for word in ("--reviewed-by=jo", "--force=hurry"):
        assert asked.lacks(path[0]._replace(words=(word,))) == ()


def test_a_run_goes_on_with_the_words_that_are_left() -> None:
    more = ("alert.ack", "Down", "--reason=a b", "rollback", "--reason=c", "test", "--parallel")
    down = world(
        "alert.ack?", "rollback", "lint", "test", path="down", env="a", more=more, yes=True
    )
    assert run.again(down, 2) == (
        "inv circle.run --path=down --env=a --from=lint --yes -- test --parallel"
    )
    assert run.again(down, 0).endswith(
        "--yes -- alert.ack Down '--reason=a b' rollback --reason=c test --parallel"
    )
