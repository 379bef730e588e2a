"""The developer's .env: made once from .env.example, read as python-dotenv does, never changed."""

from __future__ import annotations

import io
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Mapping, NamedTuple, Sequence

from ..errors import Refused
from . import values

if TYPE_CHECKING:
    from dotenv.parser import Binding

FILE, EXAMPLE = ".env", ".env.example"
# What nobody but the service has to know: made up here, so that no two machines have the same.
GENERATED = ("JWT_SECRET", "GRAFANA_ADMIN_PASSWORD")


class Found(NamedTuple):
    """The two files as they are.

    wrong: why .env can be neither read nor made, "" where it can. exists: whether there is one.
    mode: its permissions. values: what it says, the last of a key that stands there twice. twice:
    such keys. unread: the lines that aren't KEY=VALUE. example: what .env.example says, None
    without one.
    """

    wrong: str = ""
    exists: bool = False
    mode: int = 0o600
    values: Mapping[str, str] = {}
    twice: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()
    example: Mapping[str, str] | None = None

    @property
    def new(self) -> tuple[str, ...]:
        """The keys that .env.example has and .env lacks."""
        return tuple(key for key in self.example or {} if key not in self.values)


def read(root: Path) -> Found:
    """Return what is known of `root`/.env and `root`/.env.example; nothing is refused here."""
    said = None
    if os.path.lexists(root / EXAMPLE):
        try:
            said = _values(bindings(_text(root / EXAMPLE)))
        except Refused as error:
            return Found(wrong=_short(error))
    file = root / FILE
    if not os.path.lexists(file):
        return Found(example=said)
    try:
        found = bindings(_text(file))
    except Refused as error:
        return Found(wrong=_short(error), exists=True, example=said)
    keys = [each.key for each in found if each.key is not None and not each.error]
    return Found(
        exists=True,
        mode=stat.S_IMODE(file.stat().st_mode),
        values=_values(found),
        twice=tuple(sorted({key for key in keys if keys.count(key) > 1})),
        unread=tuple(_line(each) for each in found if each.error),
        example=said,
    )


def create(root: Path) -> tuple[str, ...]:
    """Make .env of .env.example, readable for this user alone; return the keys whose values were
    made up. Raises Refused, and never touches a file that is there."""
    parts = [_part(each) for each in bindings(_text(root / EXAMPLE))]
    file = root / FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", newline="") as out:
            out.write("".join(text for text, _ in parts))
    except OSError as error:
        raise _unwritten(file, error) from None
    return tuple(key for _, key in parts if key)


def append(root: Path, keys: Sequence[str]) -> tuple[str, ...]:
    """Add to .env what .env.example says of `keys`; return those whose values were made up.

    What is there stays as it is, byte by byte; a link stays one. Raises Refused where the file
    would then be read as something else.
    """
    file = root / FILE
    parts = [_part(each) for each in bindings(_text(root / EXAMPLE)) if each.key in keys]
    before = file.read_bytes()
    lines = [text.strip() for text, _ in parts]
    if before and not before.endswith(b"\n"):
        lines.insert(0, "")
    added = "".join(f"{line}\n" for line in lines).encode()
    if b"\r\n" in before:
        added = added.replace(b"\n", b"\r\n")
    _same_with(file, before, added)
    try:
        with open(os.open(file, os.O_WRONLY | os.O_APPEND), "wb") as out:
            out.write(added)
    except OSError as error:
        raise _unwritten(file, error) from None
    return tuple(key for _, key in parts if key)


def _part(binding: Binding) -> tuple[str, str]:
    """Return the text that .env gets for a part of .env.example, and the key of a made up value."""
    text = binding.original.string
    if binding.key not in GENERATED or (binding.value and not values.placeholder(binding.value)):
        return text, ""
    lead = text[: len(text) - len(text.lstrip())]
    return f"{lead}{binding.key}={secrets.token_urlsafe(32)}\n", binding.key


def _unwritten(file: Path, error: OSError) -> Refused:
    return Refused(
        f"{file} can't be written ({error.strerror}): mend that, then run `inv host`.", kind="env"
    )


def _same_with(file: Path, before: bytes, added: bytes) -> None:
    """Refuse to add what would be read otherwise there, or change how the rest is read: behind a
    quote that isn't closed."""
    was, more = bindings(_decoded(file, before)), bindings(_decoded(file, added))
    now = bindings(_decoded(file, before + added))

    def told(found: Sequence[Binding]) -> list[tuple[str | None, str | None]]:
        return [(each.key, each.value) for each in found if each.key and not each.error]

    if told(now) != told(was) + told(more):
        lines = ", ".join(str(_line(each)) for each in was if each.error) or "its last"
        raise Refused(
            f"Nothing was added to {file}: correct line {lines} first, then run `inv host`.",
            kind="env",
        )


def _short(error: Refused) -> str:
    return str(error).removesuffix(".").removesuffix(", then run `inv host`")


def bindings(text: str) -> list[Binding]:
    """Return what python-dotenv finds in a text, comments and what it can't read included."""
    from dotenv.parser import parse_stream

    return list(parse_stream(io.StringIO(text)))


def _text(file: Path) -> str:
    if file.is_dir():
        what = "is a directory (Docker makes one where it mounts a file that isn't there)"
        raise Refused(f"{file} {what}: move it away, then run `inv host`.", kind="env")
    if file.is_symlink() and not file.exists():
        raise Refused(
            f"{file} is a link to {os.readlink(file)}, which isn't there: make that file or "
            "remove the link, then run `inv host`.",
            kind="env",
        )
    if not file.is_file():  # reading a pipe would wait, and take what it has from others
        raise Refused(f"{file} is no file: move it away, then run `inv host`.", kind="env")
    try:
        return _decoded(file, file.read_bytes())
    except OSError as error:
        raise Refused(
            f"{file} can't be read ({error.strerror}): run `chmod u+rw {file.name}` or "
            f"`ls -l {file.name}` to see whose it is.",
            kind="env",
        ) from None


def _decoded(file: Path, content: bytes) -> str:
    try:
        # Universal newlines, as python-dotenv opens it.
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except UnicodeDecodeError as error:
        raise Refused(
            f"{file} is not UTF-8 (at byte {error.start}): save it so, then run `inv host`.",
            kind="env",
        ) from None


def _values(found: Sequence[Binding]) -> dict[str, str]:
    return {each.key: each.value or "" for each in found if each.key and not each.error}


def _line(binding: Binding) -> int:
    """Return the line a binding begins on: dotenv counts empty lines before it as its own."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
