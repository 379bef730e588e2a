"""A developer's machine for one test: a project of its own, and an index with packages of ours."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Done = subprocess.CompletedProcess[str]


# A line of a .pth file that begins so is run by each Python that starts there (see module site).
RECORDS = (
    "import os, sys; open(os.path.join(sys.prefix, 'started'), 'a')"
    ".write(' '.join(sys.orig_argv[1:]) + '\\n')\n"
)


def wheel(index: Path, version: str, name: str = "hollow") -> str:
    """Put a package into an index, and return the line that locks it.

    All that it holds is a link to the packages that these tests run with: `inv` can then be started
    from a virtual environment that was made in a second, without a network. It also writes down how
    each Python was started there, into .venv/started.
    """
    index.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    file = index / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        archive.writestr(f"{info}/METADATA", about)
        kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", kind)
        archive.writestr(f"{name}.pth", f"{sysconfig.get_path('purelib')}\n{RECORDS}")
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


class Machine:
    """A project that uses these recipes, on a machine where `inv` is installed elsewhere."""

    def __init__(self, root: Path) -> None:
        self.root, self.index = root, root.parent / f"{root.name} index"
        root.mkdir()
        for name in ("tasks.py", "tasks"):
            (root / name).symlink_to(ROOT / name)
        self.lock("1.0")
        (root / ".env.example").write_text("JWT_SECRET=\nLEVEL=info\n")
        self.git("init", "--quiet")
        self.git("commit", "--quiet", "--allow-empty", "--message=Begin")

    def git(self, *words: str) -> None:
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")
        subprocess.run(["git", *who, *words], cwd=self.root, check=True)

    def lock(self, version: str, file: str = "requirements.txt") -> None:
        (self.root / file).write_text(wheel(self.index, version))

    def ready(self) -> None:
        """Have .venv there, made in less than the seconds that one with a pip of its own takes."""
        quick = ("--without-pip", "--system-site-packages")
        base = getattr(sys, "_base_executable")
        subprocess.run([base, "-m", "venv", *quick, str(self.root / ".venv")], check=True)

    @property
    def python(self) -> Path:
        return self.root / ".venv" / "bin" / "python"

    def environment(self, **variables: str) -> dict[str, str]:
        ours = ("PYTHON", "PIP_", "VIRTUAL_ENV", "INVOKE_", "JWT_", "SUPABASE_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        kept |= {"HOME": str(self.root.parent), "NO_COLOR": "1", "PIP_NO_INDEX": "1"}
        return kept | {"PIP_FIND_LINKS": self.index.as_uri(), "SHELL": "/bin/bash"} | variables

    def argv(self, *words: str, inside: bool = False) -> list[str]:
        return [str(self.python if inside else sys.executable), "-m", "invoke", *words]

    def inv(self, *words: str, inside: bool = False, **variables: str) -> Done:
        """Run `inv` with nobody at the terminal; inside: from the project's own .venv."""
        return subprocess.run(
            self.argv(*words, inside=inside),
            cwd=self.root,
            env=self.environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=110,
        )

    def packages(self) -> str:
        told = [str(self.python), "-m", "pip", "list", "--format=freeze"]
        return subprocess.run(told, capture_output=True, text=True, check=True).stdout

    def journal(self) -> list[dict[str, Any]]:
        file = self.root / ".circle" / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
