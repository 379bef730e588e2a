"""What is known of a project before its configuration is read. Cheap to import."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import TracebackType

from invoke.context import Context

PROJECT = Path(__file__).resolve().parents[2]  # where these recipes are

# Where Invoke reads configuration: what fails there is the reader's text, not a bug of ours.
_READERS = tuple(os.path.join("invoke", name) for name in ("config.py", "env.py"))


def root(c: Context) -> Path:
    """Return the directory of the project's `tasks.py`; without one, of these recipes."""
    location = getattr(c.config, "_project_prefix", None)
    return Path(location).resolve() if location else PROJECT


def commit(directory: Path) -> str:
    """Return the full hash that HEAD has in `directory`, "" where there is none or no git."""
    argv = ["git", "-C", str(directory), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        told = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip() if told.returncode == 0 else ""


def begin(directory: Path) -> None:
    """Make ready what every command needs: called once, when all phases have been imported.

    It reads the secrets of `directory`/.env, and tells mistakes in the configuration in a sentence.

    The real environment always wins over the file, and one that can't be read is a warning: what
    needs no secrets goes on without them. Invoke reads its own configuration before any
    task runs, so what goes wrong there can be told only where an exception ends the program.
    """
    # What was imported stays to the end, and of a short command that is most of all there is: to
    # look through it for garbage, at the latest when Python ends, cost a sixth of `inv --list`.
    gc.freeze()
    sys.excepthook = _tell
    file = directory / ".env"
    if not file.is_file():
        return
    from dotenv import load_dotenv

    try:
        load_dotenv(file, override=False)
    except (OSError, ValueError) as error:  # not UTF-8, or a value that no environment can hold
        from . import console

        told = getattr(error, "strerror", None) or str(error)
        console.warn(f"{file} is not read to its end ({told}); run `inv host --check`.")


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    frames = [frame.filename for frame in traceback.extract_tb(trace)]
    if not isinstance(error, Exception) or not any(name.endswith(_READERS) for name in frames):
        sys.__excepthook__(kind, error, trace)
        return
    said = " ".join(str(error).split())
    said = said if len(said) <= 160 else f"{said[:50]} … {said[-80:]}"
    print(
        f"The configuration can't be read ({said}): correct {_suspect(said)}, "
        "then run `inv --list`.",
        file=sys.stderr,
    )
    raise SystemExit(2)


def _suspect(said: str) -> str:
    """Return where the mistake is: the variables that `said` quotes, else whatever may be it."""
    given = {name: value for name, value in os.environ.items() if name.startswith("INVOKE_")}
    quoted = [name for name, value in given.items() if repr(value) in said]
    names = ", ".join(sorted(quoted or given))
    return names if quoted else f"invoke.yaml{' or ' if names else ''}{names}"
