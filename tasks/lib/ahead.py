"""Work that can be done while something else is waited for."""

from __future__ import annotations

import importlib
import threading


def load(module: str) -> None:
    """Import a module in the background: whoever needs it then finds it there, or waits for it."""
    threading.Thread(target=_load, args=(module,)).start()


def _load(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        pass  # who needs it says so
