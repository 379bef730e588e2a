"""How a phase runs: closed, refused, troubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit

from tasks.lib import phase
from tasks.lib.errors import Interrupted, NotClosed, Refused
from tasks.lib.phase import Check, Next, Outcome, Phase
from tests.lib.declared import Named, World, entries, raising, run


def test_a_phase_that_closes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detail = {"release": "r1", "commit": "c" * 40}
    assert run(tmp_path, lambda: Outcome(detail), fills={"env": "staging"}) == 0
    assert capsys.readouterr() == ("Next: inv monitor --env=staging\n", "")
    (entry,) = entries(tmp_path)
    assert (entry["phase"], entry["outcome"], entry["commit"]) == ("deploy", "closed", "c" * 40)
    assert entry["detail"] == detail and entry["seconds"] >= 0
    assert entry["environment"] == "staging"  # which a refusal's detail doesn't say
    named = {"v", "at", "who", "phase", "outcome", "environment", "commit", "seconds", "detail"}
    assert set(entry) == named


@pytest.mark.parametrize(
    ("world", "fills", "command"),
    [
        (World(environment="staging"), None, "inv monitor --env=staging"),
        (World(environment=Named("production")), None, "inv monitor --env=production"),
        (World(environment="a"), {"env": "b"}, "inv monitor --env=b"),
        (World(), None, "inv monitor"),
    ],
    ids=str,
)
def test_the_next_step_can_be_pasted(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    world: World,
    fills: dict[str, str] | None,
    command: str,
) -> None:
    run(tmp_path, world=world, fills=fills)
    assert capsys.readouterr().out == f"Next: {command}\n"


def test_the_procedure_may_know_a_better_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, lambda: Outcome(next="inv deploy.status"))
    assert capsys.readouterr().out == "Next: inv deploy.status\n"


def test_what_is_missing_is_named_together_and_nothing_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(key="there is none", lint="never")
    assert run(tmp_path, raising(AssertionError("must not run")), world) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "warning: tested: never; Look into the tests." in err
    assert "inv deploy refused to start and changed nothing; missing: an SSH key.\n" in err
    assert "- an SSH key: there is none; run `ssh-add`" in err
    assert "inv rollback" not in err, "nothing was changed: there is nothing to roll back"
    (entry,) = entries(tmp_path)
    assert (entry["outcome"], entry["detail"]["kind"]) == ("refused", "prerequisite")


def test_a_warning_holds_nothing_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, world=World(lint="never", quick="slow")) == 0
    assert capsys.readouterr().err == (
        "warning: tested: never; Look into the tests.\n"
        "warning: quick: slow; run `inv deploy.status`\n"
    )


@pytest.mark.parametrize(
    "error",
    [Refused("No host answers."), OSError("No host answers."), NotClosed("No host answers.")],
    ids=repr,
)
def test_a_probe_that_cannot_look_has_not_seen_that_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    probing = Check("reachable", lambda world: raising(error)(), "inv host.trust")  # type: ignore
    declared = Phase(2, "host", "", "", (probing,), (), (), (), Next("inv test"))
    with pytest.raises(Exit) as caught:
        phase.run(declared, Context(Config(project_location=tmp_path)), Outcome)
    assert caught.value.code == 2
    assert "- reachable: No host answers.; run `inv host.trust`" in capsys.readouterr().err


def test_a_procedure_is_believed_only_when_it_validates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(healthy="503")
    assert run(tmp_path, lambda: Outcome({"release": "r1"}), world) == 1
    err = capsys.readouterr().err
    assert "inv deploy ran, but this does not hold: healthy." in err
    assert "- healthy: 503; run `inv deploy.logs`" in err
    assert err.endswith("Next: inv rollback\n")
    (entry,) = entries(tmp_path)
    assert (entry["outcome"], entry["detail"]["release"]) == ("troubled", "r1")


def test_the_validation_sees_the_world_as_it_is_now(tmp_path: Path) -> None:
    before, after = World(healthy="503"), World()
    assert run(tmp_path, lambda: Outcome(world=after), before) == 0
    assert run(tmp_path, lambda: Outcome(world=before), after) == 1
    assert run(tmp_path, Outcome, before, validate=False) == 0


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (NotClosed("No.", kind="health"), "The health check fails → Look at the variables."),
        (NotClosed("No.", evidence="No space left on device"), "Disk is full → Make room."),
        (NotClosed("No."), ""),
    ],
    ids=["kind", "output", "none"],
)
def test_the_rows_that_fit_are_printed_below(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: NotClosed, row: str
) -> None:
    assert run(tmp_path, raising(error), fills={"env": "staging"}) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("Runbook")] == (
        [f"Runbook: {row}"] if row else []
    )
    assert lines[0] == "No." and lines[-1] == "Next: inv rollback --env=staging"


def test_a_failed_command_is_told_with_its_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = Context(Config(project_location=tmp_path))

    def procedure() -> Outcome:
        context.run("echo before; echo no such tool >&2; exit 127", hide=True, in_stream=False)
        raise AssertionError

    assert run(tmp_path, procedure) == 1
    err = capsys.readouterr().err
    assert "exit 127` failed with exit code 127." in err
    assert "before\n\nno such tool" in err and "Runbook: Command not found → Install it." in err


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [
        (NotClosed("No.", next="inv deploy.status"), 1, "troubled"),
        (Refused("Locked.", kind="locked", next="inv deploy.status"), 2, "refused"),
        (Interrupted("Stopped: inv deploy.status tells."), 130, "troubled"),
        (Exit("No.", 2), 2, "refused"),
        (Exit("No.", 3), 3, "troubled"),
        (KeyboardInterrupt(), 130, "troubled"),
    ],
    ids=repr,
)
def test_every_failure_has_its_code_and_its_journal_line(
    tmp_path: Path, error: BaseException, code: int, outcome: str
) -> None:
    assert run(tmp_path, raising(error)) == code
    (entry,) = entries(tmp_path)
    assert (entry["outcome"], entry["phase"]) == (outcome, "deploy")


def test_ctrl_c_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, raising(KeyboardInterrupt()))
    assert "Interrupted before deploy closed: run `inv deploy --check`." in capsys.readouterr().err
    plain = Phase(1, "lint", "", "", (), (), (), (), Next("inv host"))
    with pytest.raises(Exit):
        phase.run(
            plain,
            Context(Config(project_location=tmp_path)),
            raising(KeyboardInterrupt()),
        )
    assert "run `inv lint`.\n" in capsys.readouterr().err


def test_a_bug_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, raising(ZeroDivisionError()))
    (entry,) = entries(tmp_path)
    assert (entry["outcome"], entry["detail"]) == ("troubled", {"bug": "ZeroDivisionError"})


def test_leaving_without_trouble_is_no_failure(tmp_path: Path) -> None:
    assert run(tmp_path, raising(Exit())) == 0
    assert entries(tmp_path) == []
