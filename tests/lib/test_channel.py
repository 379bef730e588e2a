"""A local process as a channel: the shape that an SSH session has, too (see test_ssh.py)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.lib.channel import COMPLAINT, LocalChannel

Start = Callable[..., LocalChannel]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes that are ended with the test."""
    channels: list[LocalChannel] = []

    def starter(*argv: str, **options: object) -> LocalChannel:
        channels.append(LocalChannel(argv, **options))  # type: ignore[arg-type]
        return channels[-1]

    yield starter
    for channel in channels:
        channel.close()
        channel.process.kill()
        channel.process.wait()


def test_bytes_go_both_ways_and_end(start: Start) -> None:
    channel = start("cat")
    channel.write(b"one")
    assert channel.read(2, 10) == b"on"
    assert channel.read(10, 10) == b"e"
    channel.process.terminate()
    assert channel.read(10, 10) == b""


def test_it_runs_where_and_with_what_it_is_told(start: Start, tmp_path: Path) -> None:
    channel = start("/bin/sh", "-c", "pwd; env", cwd=tmp_path, env={"ONLY": "this"})
    channel.process.wait()
    said = channel.read(1000, 10).decode()
    assert said.startswith(f"{tmp_path}\n")
    assert "ONLY=this" in said and "HOME=" not in said


def test_silence_is_a_timeout_and_the_channel_goes_on(start: Start) -> None:
    channel = start("cat")
    with pytest.raises(TimeoutError, match="0.05 s"):
        channel.read(1, 0.05)
    channel.write(b"x")
    assert channel.read(1, 10) == b"x"


def test_complaints_are_kept_apart_and_only_their_end(start: Start) -> None:
    noise = f"import sys; sys.stderr.write('x' * {COMPLAINT * 20} + 'the end'); print('out')"
    channel = start(sys.executable, "-c", noise)
    assert b"".join(iter(lambda: channel.read(100, 20), b"")) == b"out\n"
    assert channel.complaint().endswith("the end")
    assert len(channel.complaint()) <= COMPLAINT


def test_complaints_alone_are_no_answer(start: Start) -> None:
    channel = start("/bin/sh", "-c", "echo no >&2; exec 2>&-; read wait")
    with pytest.raises(TimeoutError):
        channel.read(1, 0.3)
    assert channel.complaint() == "no\n"


def test_closing_ends_the_input_of_the_process(start: Start) -> None:
    channel = start("cat")
    channel.close()
    channel.close()
    assert channel.process.wait(10) == 0
    assert channel.read(1, 10) == b""
    with pytest.raises(OSError):
        channel.write(b"x")


def test_writing_to_a_process_that_is_gone_is_an_error(start: Start) -> None:
    channel = start("true")
    channel.process.wait(10)
    with pytest.raises(OSError):
        channel.write(b"x")


def test_much_is_written_whole(start: Start) -> None:
    channel = start("/bin/sh", "-c", "sleep 0.2; wc -c")
    started = time.monotonic()
    channel.write(b"x" * 1_000_000)
    assert time.monotonic() - started > 0.1  # the pipe holds less: it had to wait for the reader
    channel._in.close()
    assert channel.read(100, 10).split() == [b"1000000"]
