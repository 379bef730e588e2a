"""What `inv preaggregate` has started here and not ended yet: .circle/preaggregate.json."""

from __future__ import annotations

import contextlib
import fcntl
import json
from pathlib import Path
from typing import Iterator, Mapping, NamedTuple, Sequence

from .. import journal
from ..errors import Refused


class Started(NamedTuple):
    """A process of ours in the background. mark: in the environment of all that it starts. says:
    what it is, for the reader. argv: its command."""

    mark: str
    says: str
    log: str
    argv: Sequence[str] = ()


class Record(NamedTuple):
    """What was started. stack: whether the stack was. processes: by what they are for. files: the
    digests of what the stack's programs have read, by service."""

    stack: bool = False
    processes: Mapping[str, Started] = {}
    files: Mapping[str, str] = {}


def directory(root: Path) -> Path:
    """Return the directory that the record and the logs are in; git ignores it."""
    return journal.where(root).parent


def read(root: Path) -> Record:
    """Return the record, an empty one where there is none or it can't be understood."""
    try:
        said = json.loads(_file(root).read_text(encoding="utf-8"))
        processes = {name: Started(**each) for name, each in said["processes"].items()}
        return Record(bool(said["stack"]), processes, dict(said["files"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record()


def write(root: Path, record: Record) -> None:
    """Keep `record`; an empty one is no file."""
    file = _file(root)
    if record == Record():
        file.unlink(missing_ok=True)
        return
    processes = {name: each._asdict() for name, each in record.processes.items()}
    new = file.with_suffix(".new")
    new.write_text(json.dumps({**record._asdict(), "processes": processes}), encoding="utf-8")
    new.replace(file)


@contextlib.contextmanager
def alone(root: Path) -> Iterator[None]:
    """Be the only one at work on it. Raises Refused (kind "locked")."""
    journal.prepare(directory(root))
    with open(directory(root) / "preaggregate.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "Another inv preaggregate is at work here: wait for it, then run "
                "`inv preaggregate --check`.",
                kind="locked",
            ) from None
        yield


def _file(root: Path) -> Path:
    return directory(root) / "preaggregate.json"
