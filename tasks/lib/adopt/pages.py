"""The pages that are generated: written by the recipes as they will be there, before they are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Sequence

from ..circle.generated import HEAD, SAID
from ..errors import Refused
from ..git import Git
from .parts import File

LIMIT = 120.0  # seconds


def generated(data: bytes) -> bool:
    """Tell whether a page is a generated one."""
    return SAID.encode() in data[:HEAD]


def made(target: Git, tree: str) -> dict[str, File]:
    """Return the generated pages of a tree, by path.

    It is also the trial of that tree: its configuration is read there by its own recipes, while
    nothing of the repository has changed. Raises Refused (kind "adopt").
    """
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "tree"
        _export(target, tree, place, Path(directory) / "index")
        done = _written(place)
        while by_hand := re.search(r"(docs/\S+) was written by hand", done.stderr):
            (place / by_hand[1]).unlink()  # it stays there; here we only ask
            done = _written(place)
        if done.returncode:
            raise Refused(
                "The recipes would not run there as they were written; nothing was changed: "
                "run `inv circle.runbook` here, which should, and tell whoever keeps them.",
                kind="adopt",
                evidence=done.stderr.strip()[-2000:],
            )
        names: Sequence[str] = json.loads(done.stdout)["detail"]["pages"]
        # As text: what is as it was has been checked out, where lines may end in another way.
        texts = {name: (place / name).read_text(encoding="utf-8") for name in names}
        return {name: File("100644", text.encode()) for name, text in texts.items()}


def _written(place: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [sys.executable, "-m", "invoke", "circle.runbook", "--json"],
            cwd=place,
            env={name: text for name, text in os.environ.items() if not name.startswith("INVOKE_")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise Refused(
            f"The recipes had not run there after {LIMIT:g} seconds, and nothing was changed: run "
            "it again when this machine has less to do.",
            kind="adopt",
        ) from None


def _export(target: Git, tree: str, place: Path, index: Path) -> None:
    git = Git(target.root, {"GIT_INDEX_FILE": str(index), "GIT_LFS_SKIP_SMUDGE": "1"})
    git("read-tree", tree)
    git("checkout-index", "--all", f"--prefix={place}/")  # pages link to what is there
