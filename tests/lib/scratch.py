"""A git repository made for one test, and what the tests ask of it."""

import hashlib
import io
import os
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path

from tasks.lib.parcel import Parcel

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")


class Scratch:
    """A repository in `path`, without anybody's own git configuration."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def new(cls, path: Path) -> "Scratch":
        """Return a new, unborn repository on branch main."""
        path.mkdir(parents=True, exist_ok=True)
        scratch = cls(path)
        scratch.git("init", "--quiet", "--initial-branch=main")
        return scratch

    @classmethod
    def clone(cls, origin: "Scratch", path: Path, *options: str) -> "Scratch":
        """Return a clone of `origin` over a transport, as from another machine."""
        subprocess.run(
            ["git", "clone", "--quiet", *options, origin.path.as_uri(), str(path)],
            check=True,
            capture_output=True,
        )
        return cls(path)

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """Return what git prints, without the last line break."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *IDENTITY, *args],
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return os.fsdecode(done.stdout).removesuffix("\n")

    def write(self, files: dict[str, str | bytes]) -> None:
        """Write files, by path."""
        for name, content in files.items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "Change") -> str:
        """Write files, commit all there is, return the commit."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        """Return HEAD's commit."""
        return self.git("rev-parse", "HEAD")

    def fingerprint(self) -> dict[str, str]:
        """Return a hash of every file below .git."""
        return {
            str(place.relative_to(self.path)): hashlib.sha256(place.read_bytes()).hexdigest()
            for place in sorted((self.path / ".git").rglob("*"))
            if place.is_file()
        }


class Host:
    """What a host does with a parcel: a bare repository that takes packs and unpacks trees."""

    def __init__(self, path: Path) -> None:
        self.git = Scratch(path)
        path.mkdir()
        self.git.git("init", "--quiet", "--bare")

    def lacks(self, ids: Iterable[str]) -> list[str]:
        """Return those of the objects that are not here."""
        asked = "".join(f"{name}\n" for name in ids).encode()
        lines = self.git.git("cat-file", "--batch-check", stdin=asked).splitlines()
        return [line.split()[0] for line in lines if line.endswith(" missing")]

    def take(self, parcel: Parcel) -> int:
        """Take what is missing; return how many objects came."""
        missing = self.lacks(parcel.ids)
        pack = b"".join(parcel.pack(missing))
        if missing:
            self.git.git("index-pack", "--stdin", "--strict", stdin=pack)
            assert int.from_bytes(pack[8:12]) == len(missing)
        assert not self.lacks(parcel.ids)
        return len(missing)

    def files(self, tree: str) -> dict[str, tuple[str, bytes]]:
        """Return (kind, content) by path, as `git archive` unpacks them."""
        made = subprocess.run(
            ["git", "-C", str(self.git.path), "archive", "--format=tar", tree],
            check=True,
            capture_output=True,
        ).stdout
        found = {}
        with tarfile.open(fileobj=io.BytesIO(made)) as archive:
            for member in archive:
                if member.issym():
                    found[member.name] = ("link", os.fsencode(member.linkname))
                elif member.isfile():
                    taken = archive.extractfile(member)
                    assert taken is not None
                    kind = "program" if member.mode & 0o100 else "file"
                    found[member.name] = (kind, taken.read())
        return found
