"""Work that can be done while something else is waited for."""

from __future__ import annotations

import importlib
import threading

_coming: dict[str, threading.Thread] = {}


def load(module: str) -> None:
    """Import a module in the background; who needs it then calls `need` first."""
    thread = _coming[module] = threading.Thread(target=_load, args=(module,))
    thread.start()


def need(module: str) -> None:
    """Return when a module has been imported, here or by `load`.

    Two threads that import parts of one package in a different order would each wait for the other,
    and Python gives one of them a module that is half there. Raises ImportError.
    """
    thread = _coming.pop(module, None)
    if thread is not None:
        thread.join()
    importlib.import_module(module)


def _load(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        pass  # who needs it says so
