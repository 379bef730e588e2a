"""The developer's .env: made once, read as python-dotenv reads it, extended and never rewritten."""

from __future__ import annotations

import os
import pty
import subprocess
import tempfile
from pathlib import Path

import pytest
from dotenv import dotenv_values

from tasks.lib.developer import values, variables
from tasks.lib.errors import Refused
from tests.support.developer import Machine

EXAMPLE = """# What the service needs.
SUPABASE_URL=
export JWT_SECRET=<made up>  # a secret

TEXT="two
lines"
LEVEL='a # b $c'
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_it_is_made_of_the_example_with_secrets_of_its_own(root: Path) -> None:
    assert variables.create(root) == ("JWT_SECRET",)
    made = dotenv_values(root / ".env", interpolate=False)
    assert made.pop("JWT_SECRET") not in ("", "<made up>", None)
    expected = dotenv_values(root / ".env.example", interpolate=False)
    expected.pop("JWT_SECRET")
    assert made == expected
    assert (root / ".env").stat().st_mode & 0o777 == 0o600
    assert (root / ".env").read_text().startswith("# What the service needs.\nSUPABASE_URL=\n")


def test_no_two_are_the_same_and_an_umask_makes_it_no_wider(root: Path) -> None:
    before = os.umask(0)
    try:
        variables.create(root)
    finally:
        os.umask(before)
    first = (root / ".env").read_text()
    assert (root / ".env").stat().st_mode & 0o777 == 0o600
    (root / ".env").unlink()
    variables.create(root)
    assert (root / ".env").read_text() != first


def test_one_that_is_there_is_never_overwritten(root: Path) -> None:
    (root / ".env").write_text("MINE=1\n")
    with pytest.raises(Refused):
        variables.create(root)
    assert (root / ".env").read_text() == "MINE=1\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"A=1\n", id="plain"),
        pytest.param(b"A=1", id="no line break at its end"),
        pytest.param(b"", id="empty"),
        pytest.param(b"A=1\r\nB='x\r\ny'\r\n", id="CRLF"),
        pytest.param(b"A=1\nA=2\nexport A = 3\n", id="a key three times"),
        pytest.param(b'A=a#b\nB=\'$HOME ${X}\'\nC="q\\"\\n"\nD=  # none\n', id="signs"),
        pytest.param(b"\xef\xbb\xbfA=1\n", id="a byte order mark"),
        pytest.param(b"A='one\ntwo'\n# end", id="lines in a value"),
        pytest.param("A=Grüße\n".encode(), id="not ASCII"),
    ],
)
def test_what_is_new_is_added_at_the_end_and_the_rest_stays(root: Path, content: bytes) -> None:
    file = root / ".env"
    file.write_bytes(content)
    before = dotenv_values(file, interpolate=False)
    found = variables.read(root)
    assert found.values == {key: value or "" for key, value in before.items()}
    assert found.new == ("SUPABASE_URL", "JWT_SECRET", "TEXT", "LEVEL")
    assert variables.append(root, found.new) == ("JWT_SECRET",)
    assert file.read_bytes().startswith(content)
    after = dotenv_values(file, interpolate=False)
    assert {key: after[key] for key in before} == before
    assert (after["TEXT"], after["LEVEL"]) == ("two\nlines", "a # b $c")
    assert variables.read(root).new == ()
    if b"\r\n" in content:
        assert file.read_bytes().count(b"\n") == file.read_bytes().count(b"\r\n")


def test_behind_an_open_quote_nothing_is_added(root: Path) -> None:
    (root / ".env").write_text('A=1\nB="open\n')
    with pytest.raises(Refused, match="correct line 2 first"):
        variables.append(root, ("TEXT",))
    assert (root / ".env").read_text() == 'A=1\nB="open\n'


def test_a_link_stays_one_and_what_it_leads_to_is_extended(root: Path) -> None:
    shared = root / "shared.env"
    shared.write_text("A=1\n")
    (root / ".env").symlink_to(shared)
    assert variables.read(root).values == {"A": "1"}
    variables.append(root, ("LEVEL",))
    assert (root / ".env").is_symlink() and "LEVEL='a # b $c'\n" in shared.read_text()


def test_what_cannot_be_read_is_told_with_what_mends_it(root: Path) -> None:
    file = root / ".env"
    file.mkdir()
    assert "is a directory" in variables.read(root).wrong
    file.rmdir()
    file.symlink_to("nowhere")
    assert "is a link to nowhere, which isn't there" in variables.read(root).wrong
    file.unlink()
    os.mkfifo(file)
    assert "is no file" in variables.read(root).wrong
    file.unlink()
    file.write_bytes(b"A=\xff\n")
    assert "is not UTF-8 (at byte 2)" in variables.read(root).wrong


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_one_that_is_not_ours_to_read_is_told() -> None:
    with tempfile.TemporaryDirectory() as directory:  # pytest's own are for root alone
        Path(directory).chmod(0o755)
        assert_unreadable(Path(directory))


def assert_unreadable(root: Path) -> None:
    (root / ".env").write_text("A=1\n")
    (root / ".env").chmod(0)
    if not (pid := os.fork()):
        os.setegid(65534)
        os.seteuid(65534)
        os._exit("can't be read (Permission denied)" not in variables.read(root).wrong)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_keys_twice_and_lines_that_say_nothing_are_named(root: Path) -> None:
    (root / ".env").write_text("A=1\n\nB C\nA=2\n'\n")
    found = variables.read(root)
    assert (found.twice, found.unread, found.values["A"]) == (("A",), (3, 5), "2")


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        *[(each, True) for each in ("<your key>", "your-anon-key", "changeme", "change_me")],
        *[(each, True) for each in ("xxx", "...", "https://your-project.supabase.co", "TODO")],
        *[(each, True) for each in ("https://example.com", "replace-this", "placeholder")],
        *[(each, False) for each in ("s3cr3t", "https://abc.supabase.co", "yours", "info")],
        *[(each, False) for each in ("eyJhbGciOiJIUzI1NiJ9.e30.c2ln", "exchange", "xx9xxx")],
    ],
)
def test_placeholders(value: str, is_one: bool) -> None:
    assert values.placeholder(value) is is_one


def test_what_lacks_a_value_is_named_by_kind() -> None:
    given = {"A": " ", "B_KEY": "<key>", "C_SECRET": "same", "D": "same", "E_KEY": "own"}
    example = {"C_SECRET": "same", "D": "same", "E_KEY": "other"}
    assert values.lacking((*given, "F"), given, example) == (
        "none for A, F",
        "only a placeholder for B_KEY",
        "what .env.example tells everybody for C_SECRET",
    )


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("SUPABASE_URL", "https://abc.supabase.co", ""),
        ("SUPABASE_URL", "http://127.0.0.1:54321", ""),
        ("SUPABASE_URL", "http://abc.supabase.co", "doesn't begin with https://"),
        ("SUPABASE_URL", "abc.supabase.co", "is no URL"),
        ("SUPABASE_URL", "https://abc:99999", "is no URL"),
        ("SUPABASE_URL", "https://u:sentinel@abc.co", "holds a user or a password"),
        ("SUPABASE_KEY", JWT, ""),
        ("SUPABASE_KEY", "sb_publishable_abcDEF123_45", ""),
        ("SUPABASE_KEY", "sb_secret_abcDEF123-45", ""),
        ("SUPABASE_KEY", "sb_sentinel", "doesn't go on as one"),
        ("SUPABASE_KEY", "sentinel", "3 parts, not 1"),
        ("SUPABASE_KEY", JWT.rpartition(".")[0], "3 parts, not 2"),
        ("SUPABASE_KEY", f"{JWT.rpartition('.')[0]}.", "is no JWT"),
        ("SUPABASE_KEY", "sentinel.b.c", "is no JWT"),
    ],
)
def test_the_form_of_what_supabase_gives(key: str, value: str, said: str) -> None:
    found = values.malformed({key: value})
    assert (said in found[0]) if said else found == ()
    assert "sentinel" not in "".join(found)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made = Machine(tmp_path_factory.mktemp("developer") / "a project")
    made.ready()
    assert made.inv("host").returncode == 0
    return made


def answered(machine: Machine, answer: str) -> tuple[int, str]:
    """Run `inv host` at a terminal, answer its question, return the exit code and what it said."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        machine.argv("host"),
        cwd=machine.root,
        env=machine.environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        os.close(theirs)
        os.write(ours, answer.encode())
        said, _ = process.communicate(timeout=60)
    os.close(ours)
    return process.returncode, said


def test_new_keys_are_offered_and_only_a_yes_adds_them(machine: Machine) -> None:
    file = machine.root / ".env"
    before = file.read_text()
    (machine.root / ".env.example").write_text("JWT_SECRET=\nLEVEL=info\nNEW='a b'\n")
    said = machine.inv("host")
    assert said.returncode == 0 and "it lacks NEW" in said.stderr, "named where nobody can be asked"
    code, told = answered(machine, "no\n")
    assert code == 0 and ".env.example has what .env lacks: NEW. Add it?" in told
    assert file.read_text() == before
    code, told = answered(machine, "\x04")
    assert code == 0 and "Traceback" not in told and file.read_text() == before
    code, told = answered(machine, "yes\n")
    assert code == 0 and "Added at the end of .env: NEW." in told
    assert file.read_text() == f"{before}NEW='a b'\n"


def test_what_is_required_holds_the_phase_up_and_no_value_is_told(machine: Machine) -> None:
    (machine.root / "invoke.yaml").write_text("service: {required: [DATABASE_URL, LEVEL]}\n")
    checked = machine.inv("host", "--check")
    assert (
        checked.returncode == 1
        and "what is required has a value: none for DATABASE_URL" in checked.stderr
    )
    (machine.root / ".env.example").write_text("SUPABASE_KEY=\n")
    checked = machine.inv("host", "--check", DATABASE_URL="x://here", SUPABASE_KEY="sentinel.4711")
    assert checked.returncode == 1 and "SUPABASE_KEY is neither" in checked.stderr
    assert "sentinel" not in checked.stdout + checked.stderr
    (machine.root / "invoke.yaml").unlink()


def test_what_is_not_clear_is_named(machine: Machine) -> None:
    file = machine.root / ".env"
    before = file.read_bytes()
    file.write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\nB=sentinel\r\nno key\r\n")
    said = machine.inv("host", "--check")
    file.write_bytes(before)
    for each in ("the last one counts of B", "not KEY=VALUE: line 4"):
        assert each in said.stderr
    assert "sentinel" not in said.stdout + said.stderr


def test_a_wide_mode_is_named_and_left(machine: Machine) -> None:
    (machine.root / ".env").chmod(0o644)
    said = machine.inv("host")
    assert said.returncode == 0 and "chmod 600 .env" in said.stderr
    assert (machine.root / ".env").stat().st_mode & 0o777 == 0o644


def test_one_that_cannot_be_read_keeps_no_other_command_from_working(machine: Machine) -> None:
    (machine.root / ".env").write_bytes(b"A=\xff\n")
    listed = machine.inv("--list")
    assert listed.returncode == 0 and "inv host --check" in listed.stderr
    assert "Traceback" not in listed.stderr
    refused = machine.inv("host")
    assert refused.returncode == 2 and "is not UTF-8" in refused.stderr
