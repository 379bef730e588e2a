"""The files of one release as git objects: its tree, and a pack of what a host lacks of them."""

import contextlib
import os
import posixpath
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from .errors import Refused
from .git import Git, quoted, shown

if TYPE_CHECKING:
    from .source import Source

SUBMODULE, SYMLINK, DIRECTORY = b"160000", b"120000", b"040000"

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: a pointer is a text of less than 1024
# bytes that begins so; with the object's name and size it has at least 126.
LFS = b"version https://git-lfs.github.com/spec/"
LFS_SIZES = range(100, 1024)
NAMED = 5


@dataclass(frozen=True)
class Entry:
    """One line of a tree, as `git ls-tree` says it: `mode` in octal, the object's name, the path
    from the top."""

    mode: bytes
    id: bytes
    path: bytes


class Parcel:
    """The release's tree: the source's, with the `include` paths as they are in the work tree.

    `include` are paths below `root` (files, or directories with all that is in them) which replace
    what the commit has there; `directory` is the service's own, which must be in the tree. Used as
    a context manager: what had to be written, or fetched by a partial clone, is in a temporary
    directory until the end, never in the repository. Raises `Refused` where a submodule or a Git
    LFS pointer would be shipped as a stub.

    `tree` is the tree's object name; `ids` are the names of all its objects, itself included.
    """

    tree: str
    ids: list[str]

    def __init__(
        self, root: Path, source: "Source", include: Iterable[str] = (), directory: str = ""
    ) -> None:
        self._root = root
        self._source = source
        self._include = tuple(include)
        self._directory = posixpath.normpath(directory) if directory else ""

    def __enter__(self) -> "Parcel":
        with contextlib.ExitStack() as made:
            self._open(made)
            self._made = made.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._made.close()

    def pack(self, missing: Sequence[str]) -> Iterator[bytes]:
        """Yield a packfile with those of the parcel's objects that are named in `missing`; nothing
        if none is.

        Names that are not the parcel's are left out: a host gets what belongs to the release, not
        what it asks for. Raises `Refused` when git can't make the pack.
        """
        wanted = frozenset(missing)
        lines = b"".join(
            b"%s %s\n" % (entry.id, entry.path.replace(b"\n", b"_"))
            for entry in self._objects.values()
            if entry.id.decode() in wanted
        )
        if lines:
            yield from self._git.stream(
                "pack-objects", "--stdout", "-q", "--delta-base-offset", stdin=lines
            )

    def requirements(self, path: str) -> bytes | None:
        """Return what the file at `path` (from the top of the tree, symbolic links followed) holds,
        None without it."""
        place = posixpath.normpath(path)
        if "\n" in path or "\0" in path or place.startswith(("/", "..")) or place == ".":
            return None
        asked = f"{self.tree}:{place}\n".encode("utf-8", "surrogateescape")
        head, _, rest = self._git(
            "cat-file", "--batch", "--follow-symlinks", stdin=asked
        ).partition(b"\n")
        words = head.split(b" ")
        return rest[: int(words[2])] if len(words) == 3 and words[1] == b"blob" else None

    def _open(self, made: contextlib.ExitStack) -> None:
        lines = Git(self._root)("rev-parse", "--git-path", "objects", "--show-prefix").split(b"\n")
        objects = self._root / os.fsdecode(lines[0])
        partial = any((objects / "pack").glob("*.promisor"))
        self._git = Git(self._root)
        if partial or self._include:
            directory = tempfile.TemporaryDirectory(prefix="parcel-")
            scratch = Path(made.enter_context(directory))
            self._git = Git(self._root, _aside(scratch, objects))
        self.tree = self._source.tree
        entries = self._list()
        if self._include:
            entries = self._included(entries, lines[1], scratch)
        self._objects = {entry.id: entry for entry in entries if entry.mode != SUBMODULE}
        self._objects[self.tree.encode()] = Entry(DIRECTORY, self.tree.encode(), b"")
        self.ids = [name.decode() for name in self._objects]
        if partial:
            self._fetch()
        self._check(entries)

    def _list(self) -> list[Entry]:
        listed = self._git("ls-tree", "-r", "-t", "-z", "--full-tree", self.tree)
        entries = []
        for line in listed.split(b"\0")[:-1]:
            head, _, path = line.partition(b"\t")
            mode, _, name = head.split(b" ")
            entries.append(Entry(mode, name, path))
        return entries

    def _included(self, entries: list[Entry], prefix: bytes, scratch: Path) -> list[Entry]:
        """Write the included files and the new trees aside; return the new tree's entries."""
        tops, files = [], []
        for path in self._include:
            place = _place(self._root, path)
            tops.append(prefix + os.fsencode(place))
            files += [
                (prefix + os.fsencode(name), self._root / name)
                for name in _files(self._root, place)
            ]
        kept = [
            entry for entry in entries if entry.mode != DIRECTORY and not _below(entry.path, tops)
        ]
        added = self._hashed(dict(files), scratch)
        lines = b"".join(
            b"%s %s\t%s\0" % (entry.mode, entry.id, entry.path) for entry in kept + added
        )
        self._git("update-index", "-z", "--add", "--replace", "--index-info", stdin=lines)
        # A partial clone need not have the objects of the files that stay as they are.
        self.tree = self._git("write-tree", "--missing-ok").decode().strip()
        return self._list()

    def _hashed(self, files: dict[bytes, Path], scratch: Path) -> list[Entry]:
        """Write each file as a blob, as it is, without the filters of a checkin."""
        modes, sources = [], []
        for number, place in enumerate(files.values()):
            mode = place.lstat().st_mode
            if stat.S_ISLNK(mode):
                target = scratch / f"link-{number}"
                target.write_bytes(os.fsencode(os.readlink(place)))
                modes.append(SYMLINK)
                sources.append(target)
            else:
                modes.append(b"100755" if mode & stat.S_IXUSR else b"100644")
                sources.append(place)
        asked = b"".join(quoted(os.fsencode(place.absolute())) + b"\n" for place in sources)
        names = self._git("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=asked).split()
        return [Entry(*line) for line in zip(modes, names, files, strict=True)]

    def _fetch(self) -> None:
        """Bring what a partial clone lacks, all at once: making a pack asks for it so, reading asks
        one by one."""
        lines = b"".join(name + b"\n" for name in self._objects)
        for _ in self._git.stream("pack-objects", "--stdout", "-q", "--window=0", stdin=lines):
            pass

    def _check(self, entries: list[Entry]) -> None:
        modules = [entry.path for entry in entries if entry.mode == SUBMODULE]
        if modules:
            raise Refused(
                f"The release would lack its submodules ({_named(modules)}): `git submodule"
                " update --init --recursive`,"
                " then name their paths in `include`.",
                kind="version",
            )
        found = self._pointers()
        pointers = [entry.path for entry in entries if entry.id in found]
        if pointers:
            raise Refused(
                f"The release would have Git LFS pointers instead of files ({_named(pointers)}):"
                " `git lfs pull`,"
                " then name the paths in `include`.",
                kind="version",
            )
        if self._directory and not any(
            entry.mode == DIRECTORY and os.fsdecode(entry.path) == self._directory
            for entry in entries
        ):
            raise Refused(
                f"The service's directory {self._directory} is not in {self._source.version}: see"
                " `directory` in"
                " invoke.yaml.",
                kind="config",
            )

    def _pointers(self) -> frozenset[bytes]:
        """Return the blobs that are Git LFS pointers: only those of a pointer's size are read."""
        asked = b"".join(
            entry.id + b"\n" for entry in self._objects.values() if entry.mode[:3] == b"100"
        )
        sizes = [
            line.split()
            for line in self._git("cat-file", "--batch-check", "--buffer", stdin=asked).splitlines()
        ]
        lacking = [line[0].decode() for line in sizes if line[1] == b"missing"]
        if lacking:
            raise Refused(
                f"This clone lacks {len(lacking)} objects of the release: `git fsck`, then clone"
                " again.",
                kind="version",
                evidence=lacking[0],
            )
        small = [line for line in sizes if int(line[2]) in LFS_SIZES]
        rest = self._git(
            "cat-file", "--batch", "--buffer", stdin=b"".join(line[0] + b"\n" for line in small)
        )
        found, at = set(), 0
        for name, _, size in small:
            at = rest.index(b"\n", at) + 1
            if rest.startswith(LFS, at):
                found.add(name)
            at += int(size) + 1
        return frozenset(found)


def _aside(scratch: Path, objects: Path) -> dict[str, str]:
    """Return what makes git write objects into `scratch`, and read the repository's too."""
    (scratch / "objects").mkdir()
    return {
        "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": os.fsdecode(quoted(os.fsencode(objects.resolve()))),
        "GIT_INDEX_FILE": str(scratch / "index"),
    }


def _below(path: bytes, tops: list[bytes]) -> bool:
    return any(path == top or path.startswith(top + b"/") for top in tops)


def _named(paths: list[bytes]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(shown(path) for path in paths[:NAMED]) + more


def _place(root: Path, path: str) -> str:
    """Return an `include` path in its simplest form; refuse one that leaves the project or leads
    into .git."""
    place = posixpath.normpath(path)
    parts = place.split("/")
    outside = (
        place.startswith("/")
        or parts[0] in ("..", ".")
        or any(part.lower() == ".git" for part in parts)
    )
    parents = [root.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
    if outside or any(parent.is_symlink() for parent in parents):
        raise Refused(
            f"`include` names {ascii(path)}, which is not a path below the project.", kind="config"
        )
    if not os.path.lexists(root / place):
        raise Refused(f"`include` names {path}, which is not there: build it first.", kind="config")
    return place


def _files(root: Path, place: str) -> Iterator[str]:
    """Yield the files and symbolic links at and below a path, from `root`."""
    mode = (root / place).lstat().st_mode
    if stat.S_ISDIR(mode):
        for name in sorted(os.listdir(root / place)):
            if name.lower() != ".git":  # a submodule's own link to its repository
                yield from _files(root, f"{place}/{name}")
    elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        yield place
    else:
        raise Refused(
            f"`include` would ship {place}, which is neither a file nor a link.", kind="config"
        )
