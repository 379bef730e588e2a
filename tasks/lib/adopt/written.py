"""What is written for a repository once, and is its own from then on."""

from __future__ import annotations

import json
import re
from typing import Iterable, Mapping

from .answers import Answers

_HEAD = """\
# What is deployed, how, and where to, for the recipes in tasks/. `inv circle.adopt` wrote it; it is
# yours from here on.
# Every key and its default is in tasks.py. Secrets don't belong here: see .env.example.
"""

_PLACES = """\
  # Servers of your own: `inv host --env=staging --plan` shows what a host would get.
  # staging:
  #   hosts: [deploy@staging.example.com]
  #   url: https://staging.example.com
  # production:
  #   hosts: [deploy@a.example.com, deploy@b.example.com]
  #   url: https://example.com
  #   after: staging
  #   confirm: true
"""

_IGNORED = (
    ".venv/",
    ".env",
    ".env.*",
    "!.env.example",
    ".sandbox/",
    ".circle/",
    "__pycache__/",
    ".coverage",
    ".coverage.*",
    "htmlcov/",
)

# A paragraph of our own .env.example that is about the reference service.
_OWN = "Your service's own"
_LINT = (
    "tasks.py",
    "tasks/",
    "scripts/assembly.py",
    "scripts/agent/",
    "scripts/prepare/",
    "scripts/stack/",
)

# What YAML takes for text without quotes, and what of that it takes for something else.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")


def said(value: object) -> str:
    """Return a value as YAML that any reader takes for just that (JSON is YAML)."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(said(each) for each in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def configuration(
    answers: Answers,
    requirements: str,
    tools: Iterable[str],
    branch: str,
    release: Mapping[str, object],
    black: bool,
) -> str:
    """Return invoke.yaml.

    requirements: the lock that the service is installed by. tools: locks for .venv beside it.
    branch: what is released from. release: more about releases. black: whether Black formats.
    """
    sections = [
        ("service", _service(answers, requirements)),
        ("host", _host(answers, tools)),
        ("lint", _lint(black)),
        ("test", _test(answers)),
        ("release", [f"branch: {said(branch)}", *(f"{k}: {said(v)}" for k, v in release.items())]),
        ("monitor", [f"metrics: {said(answers.metrics)}"]),
    ]
    parts = [_HEAD + f"\napp: {said(answers.app)}"]
    parts += ["\n".join([f"{name}:", *(f"  {each}" for each in lines)]) for name, lines in sections]
    return "\n\n".join([*parts, "\n".join(["environments:", *_environments(answers)])]) + "\n"


def _service(answers: Answers, requirements: str) -> list[str]:
    lines = [f"requirements: {said(requirements)}", f"run: {said(answers.run)}"]
    lines += [f"health: {said(answers.health)}                     # 200 when it can serve"]
    if answers.version:
        lines += [f"version_path: {said(answers.version)}"]
    else:
        lines += [
            "# Let a path answer with the environment's RELEASE_ID, and name it here: then a",
            "# deploy proves which release answers, not only that one does.",
            'version_path: ""',
        ]
    return lines + (["smoke:", "  - path: /", "    status: 200"] if answers.home else [])


def _host(answers: Answers, tools: Iterable[str]) -> list[str]:
    serve = "# serve: the command of `inv host.serve`, with {port} in it"
    return [
        f"requirements: {said(list(tools))}",
        f"serve: {said(answers.serve)}" if answers.serve else serve,
    ]


def _lint(black: bool) -> list[str]:
    lines = ["# the recipes' own files", f"exclude: {said(_LINT)}"]
    return lines + (
        [] if black else ["black: false                 # true lets Black format yours"]
    )


def _test(answers: Answers) -> list[str]:
    lines = [f"directory: {said(answers.tests or 'tests')}"]
    lines += [f"options: {said(answers.options)}"] if answers.options else []
    return [*lines, f"source: {said(answers.source)}", "coverage: 0                  # raise it"]


def _environments(answers: Answers) -> list[str]:
    sandbox = "  sandbox: {}                  # built in: a host on this machine, for trying things"
    lines = []
    for name, hosts in answers.hosts.items():
        if hosts:
            lines += [
                "",
                f"  {name}:",
                f"    hosts: {said(hosts)}",
                '    url: ""  # what users call',
            ]
            if name == "production":
                lines += ["    after: staging"] if answers.hosts.get("staging") else []
                lines += ["    confirm: true"]
    return [sandbox, *(lines or [_PLACES.rstrip("\n")])]


def ignored(theirs: str) -> str:
    """Return their .gitignore with what the recipes leave behind at its end."""
    lines = {line.strip() for line in theirs.splitlines()}
    missing = [each for each in _IGNORED if each not in lines and each.rstrip("/") not in lines]
    if not missing:
        return theirs
    start = theirs if not theirs or theirs.endswith("\n") else f"{theirs}\n"
    return "\n".join([f"{start}# what the recipes in tasks/ leave behind", *missing, ""])


def variables(theirs: str, ours: str) -> str:
    """Return their .env.example with the variables of ours at its end.

    What is about the reference service is left out, and what theirs names already.
    """
    known = tuple(f"{line.split('=')[0].strip()}=" for line in theirs.splitlines() if "=" in line)

    def new(line: str) -> bool:
        return not (known and line.lstrip("# ").startswith(known))

    paragraphs = [each for each in ours.strip().split("\n\n")[1:] if _OWN not in each]
    kept = ["\n".join(filter(new, each.splitlines())) for each in paragraphs]
    head = "# For the recipes in tasks/, each of them optional. `inv host` makes .env of this file."
    start = [theirs.strip()] if theirs.strip() else []
    return "\n\n".join([*start, head, *kept]) + "\n"
