"""Which host keys are trusted, and how a new one is written down."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import paramiko
import pytest

from tasks.lib import hostkeys


def make(kind: str = "ssh-ed25519") -> tuple[str, paramiko.PKey]:
    """Return a new key as a known_hosts line has it, and as paramiko has it."""
    line = asyncssh.generate_private_key(kind).export_public_key().decode().strip()
    made = paramiko.hostkeys.HostKeyEntry.from_line(f"any {line}")
    assert made is not None and made.key is not None
    return " ".join(line.split()[:2]), made.key


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "users", tmp_path / "projects"


def test_nothing_is_known_where_there_is_no_file(files: tuple[Path, Path]) -> None:
    assert hostkeys.judge(files, "a.example.com", make()[1]) == hostkeys.UNKNOWN
    assert hostkeys.kinds(files, "a.example.com") == []


@pytest.mark.parametrize("place", [0, 1], ids=["in the user's file", "in the project's"])
def test_a_key_of_either_file_is_known(files: tuple[Path, Path], place: int) -> None:
    line, key = make()
    files[place].write_text(f"# hosts\n\na.example.com,10.0.0.1 {line} a comment\n")
    for name in ("a.example.com", "10.0.0.1"):
        assert hostkeys.judge(files, name, key) == hostkeys.KNOWN
    assert hostkeys.judge(files, "b.example.com", key) == hostkeys.UNKNOWN


def test_another_key_of_the_same_or_of_another_type_has_changed(files: tuple[Path, Path]) -> None:
    files[0].write_text(f"h {make()[0]}\n")
    assert hostkeys.judge(files, "h", make()[1]) == hostkeys.CHANGED
    assert hostkeys.judge(files, "h", make("ecdsa-sha2-nistp256")[1]) == hostkeys.CHANGED


def test_several_keys_of_one_host_are_all_known(files: tuple[Path, Path]) -> None:
    (one, first), (two, second) = make(), make()
    files[0].write_text(f"h {one}\n")
    files[1].write_text(f"h {two}\n")
    assert hostkeys.judge(files, "h", first) == hostkeys.KNOWN
    assert hostkeys.judge(files, "h", second) == hostkeys.KNOWN


def test_hashed_names_are_found(files: tuple[Path, Path]) -> None:
    line, key = make()
    hashed = paramiko.HostKeys.hash_host("[h.example.com]:2222")
    files[0].write_text(f"{hashed} {line}\n|1|garbled {line}\n")
    assert hostkeys.judge(files, "[h.example.com]:2222", key) == hostkeys.KNOWN
    assert hostkeys.judge(files, "h.example.com", key) == hostkeys.UNKNOWN


def test_a_revoked_key_is_never_known(files: tuple[Path, Path]) -> None:
    line, key = make()
    files[0].write_text(f"h {line}\n")
    files[1].write_text(f"@revoked h {line}\n")
    assert hostkeys.judge(files, "h", key) == hostkeys.CHANGED


def test_what_is_garbled_or_not_understood_trusts_nobody(files: tuple[Path, Path]) -> None:
    line, key = make()
    files[0].write_text(
        f"@cert-authority h {line}\nh ssh-ed25519\nh ssh-ed25519 A\nh sk-unknown AAAA\n"
        f"h ssh-ed25519 AAAA\n*.example.com {line}\n"
    )
    assert hostkeys.judge(files, "h", key) == hostkeys.UNKNOWN
    assert hostkeys.judge(files, "a.example.com", key) == hostkeys.UNKNOWN


def test_the_algorithms_to_ask_for_are_those_of_the_known_keys(files: tuple[Path, Path]) -> None:
    files[0].write_text(f"h {make('ssh-rsa')[0]}\nh {make('ecdsa-sha2-nistp256')[0]}\n")
    assert hostkeys.kinds(files, "h") == ["rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256"]


def test_trusting_adds_a_line_and_replaces_the_hosts_old_one(files: tuple[Path, Path]) -> None:
    file = files[1]
    (old_line, old), (_, new), (other_line, other) = make(), make(), make()
    revoked = f"@revoked h {make()[0]}"
    hostkeys.trust(file, "h", old)
    assert file.read_text() == f"h {old_line}\n"
    file.write_text(f"# mine\nother {other_line}\n{revoked}\n{file.read_text()}")
    hostkeys.trust(file, "h", new)
    assert hostkeys.judge([file], "h", new) == hostkeys.KNOWN
    assert hostkeys.judge([file], "h", old) == hostkeys.CHANGED
    assert hostkeys.judge([file], "other", other) == hostkeys.KNOWN
    assert file.read_text().startswith("# mine\n") and revoked in file.read_text()
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_fingerprint_is_what_ssh_keygen_shows(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    made = paramiko.hostkeys.HostKeyEntry.from_line(f"any {key.export_public_key().decode()}")
    assert made is not None and made.key is not None
    assert hostkeys.fingerprint(made.key) == f"ssh-ed25519 {key.get_fingerprint()}"
