"""How to mend, or with a reason ignore, what is found most often. By rule, one sentence."""

from __future__ import annotations

import re

_BLACK_MENDS = "Black mends it: `inv lint`."
_AGAINST_BLACK = "It contradicts Black: `extend-ignore = E203, E701, E704, W503` in .flake8."
_LAYOUT = re.compile(r"(E[123]|W[123])\d+$")  # pycodestyle: indentation, blanks, empty lines
_UNPARSED = "Mend the syntax at the line that is named; nothing else of that file is checked."

_MENDS = {
    "C901": "Split the function, or raise `max-complexity` in .flake8.",
    "E203": _AGAINST_BLACK,
    "E266": "One `#` is enough.",
    "E402": "Move the import to the top; `# noqa: E402` where something has to come before it.",
    "E501": "Black leaves long text alone: break it, or set `max-line-length` in .flake8 to Black's"
    " line-length.",
    "E701": _AGAINST_BLACK,
    "E704": _AGAINST_BLACK,
    "E711": "Write `is None` or `is not None`.",
    "E712": "Write `if x:` or `if not x:`.",
    "E722": "Name what is caught: `except Exception:` at the widest.",
    "E731": "Write a `def`.",
    "E741": "Give it a name that can't be read as a digit.",
    "E902": "See that the file can be read: its rights, its encoding, where its link leads.",
    "E999": _UNPARSED,
    "F401": "Remove the import; where it is there for others, name it in `__all__`, or"
    " `per-file-ignores = __init__.py:F401` in .flake8.",
    "F403": "Import what is used by name.",
    "F405": "Import what is used by name.",
    "F541": "Drop the f, or put the value in.",
    "F811": "Remove one of the two: the second takes the place of the first.",
    "F821": "Import or define it: where it is reached, it fails.",
    "F841": "Remove it, or name it `_`.",
    "W503": _AGAINST_BLACK,
    "W504": "Black breaks lines before operators, not after: `extend-ignore = W503`.",
    "W605": 'Write r"…" for a text with backslashes.',
    "unformatted": "Black formats it: `inv lint`; [tool.black] in pyproject.toml says how.",
    "unparsed": _UNPARSED,
    "duplicate key": "Keep one: the last silently wins.",
    "import-untyped": "Install its stubs, or `ignore_missing_imports` for that module alone.",
    "import-not-found": "Install it into .venv, or `ignore_missing_imports` for that module alone.",
}


def mend(rule: str, black: bool = True) -> str:
    """Return what to do about `rule`; "" where the tool's own words have to do.

    black: whether Black formats.
    """
    if rule.startswith("SC"):
        return (
            f"https://www.shellcheck.net/wiki/{rule}; `# shellcheck disable={rule}` with a reason."
        )
    return _MENDS.get(rule) or (_layout(black) if _LAYOUT.match(rule) else "")


def _layout(black: bool) -> str:
    return _BLACK_MENDS if black else "Mend it by hand, or by Black: `lint: black: true`."
