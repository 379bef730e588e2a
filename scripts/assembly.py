"""The head of an assembled source, whose parts become modules when they are first imported.

Where the source lies in a file, what was compiled is kept beside it: every process of every release
is started through it, and compiling takes most of that time.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import MAGIC_NUMBER, source_hash
from types import CodeType, ModuleType

PARTS: dict[str, str] = {}


class Parts:
    """Finds the parts, before anything of the same name that the host may have."""

    def __init__(self) -> None:
        self.compiled: dict[str, CodeType] = {}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in PARTS else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        code = self.compiled.get(name) or compile(PARTS[name], name + ".py", "exec")
        exec(code, module.__dict__)

    def keep(self, path: str) -> None:
        """Take what was compiled from a file, and write that file where it isn't of this source."""
        about = MAGIC_NUMBER + source_hash(repr(sorted(PARTS.items())).encode())
        try:
            with open(path, "rb") as file:
                said = file.read()
            body = said[len(about) + 8 :]
            if said[: len(about) + 8] == about + source_hash(body):  # a power cut may tear it
                self.compiled = marshal.loads(body)
                return
        except OSError:
            pass
        code = {name: compile(text, name + ".py", "exec") for name, text in PARTS.items()}
        body, spare = marshal.dumps(code), "%s.%d.new" % (path, os.getpid())
        self.compiled.update(code)
        try:
            with open(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                out.write(about + source_hash(body) + body)
            os.rename(spare, path)
        except OSError:  # the next one may be able to
            pass


def start(names: dict[str, object], last: str) -> None:
    """Start the part `last`. `names`: the assembled source's own."""
    parts = Parts()
    sys.meta_path.insert(0, parts)
    if "MARK" not in names and last:
        parts.keep(os.path.splitext(os.path.abspath(str(names["__file__"])))[0] + ".cache")
    if last:
        __import__(last).main(names)
