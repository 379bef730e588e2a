"""What has to be known of an application: said, found in its source, or asked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Mapping, NamedTuple

from .. import address
from ..errors import Refused
from . import found, needs, parts, style

HEALTH = ("/api/health", "/health", "/healthz", "/api/healthz", "/livez", "/status", "/ping")
VERSION = ("/api/version", "/version")
METRICS = ("/api/metrics",)
NOBODY = ("staging", "production")

Ask = Callable[[str, str], str]  # a question and what Enter says; returns the answer


class Given(NamedTuple):
    """What was said on the command line, "" for nothing.

    requirements: files, with commas. packages: beside them. hosts: by environment, with commas.
    """

    name: str = ""
    module: str = ""
    run: str = ""
    health: str = ""
    requirements: str = ""
    packages: str = ""
    hosts: Mapping[str, str] = {}


class Answers(NamedTuple):
    """What is written of an application.

    server: the package that it runs under, "" where `run` was said. serve: the command for a
    developer, "" where none is known. where: of its object, for
    people. health, version, metrics: paths that it answers to, "" for none; home: whether it does
    to /. requirements: files that name what it needs; packages: more of that. hosts: by
    environment. tests: their directory, "" for none; options: what pytest is given to find what
    they import. source: what coverage is measured of. framework: what it is made with.
    """

    app: str
    server: str
    run: str
    serve: str
    where: str
    health: str
    version: str
    metrics: str
    home: bool
    requirements: tuple[str, ...]
    packages: tuple[str, ...]
    hosts: Mapping[str, tuple[str, ...]]
    tests: str
    source: tuple[str, ...]
    options: tuple[str, ...]
    framework: str


def decide(
    root: Path, names: tuple[str, ...], title: str, given: Given, ask: Ask | None
) -> Answers:
    """Return what is written of the application at `root`.

    names: its files. title: what it may be called. ask: asks whoever is there; None is nobody, and
    what was found counts. Raises Refused (kind "answers") for what was neither said nor found.
    """
    source = found.read(root, names)
    app = _app(given.name or _asked(ask, "Its name", _named(title)))
    server, run, serve, where, object = _run(source, given, ask)
    health = given.health or _asked(
        ask, "A path that answers 200 when it can serve", _health(source, object)
    )
    if not health.startswith("/"):
        raise Refused(f"{health} is no path: it begins with /.", kind="answers")
    hosts = {}
    for name in NOBODY:
        said = given.hosts.get(name, "")
        said = said or _asked(ask, f"Hosts of {name}, as user@host, with commas (none)", "")
        hosts[name] = _listed(said)
        for each in hosts[name]:
            address.parse(each)
    wanted = _listed(given.requirements)
    for each in wanted:
        if each not in names:
            raise Refused(f"{each} is no file of the repository.", kind="answers")
    return Answers(
        app=app,
        server=server,
        run=run,
        serve=serve,
        where=where,
        health=health,
        version=next(
            (p for p in VERSION if p in source.routes and "RELEASE_ID" in source.words), ""
        ),
        metrics=next((path for path in METRICS if path in source.routes), ""),
        home="/" in source.routes,
        requirements=wanted or needs.find(root).sources,
        packages=_listed(given.packages),
        hosts=hosts,
        tests=next((name for name in ("tests", "test") if (root / name).is_dir()), ""),
        source=_source(root, object),
        options=_options(root, source, object),
        framework=object.framework if object else "",
    )


def _asked(ask: Ask | None, question: str, usual: str) -> str:
    return ask(question, usual).strip() if ask else usual


def _listed(said: str) -> tuple[str, ...]:
    return tuple(filter(None, re.split(r"[\s,]+", said)))


def _named(title: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-0123456789")
    return name[:30].strip("-") or "app"


def _app(name: str) -> str:
    if not parts.NAME.fullmatch(name):
        raise Refused(f"{name!r} can't be its name: --name wants {parts.NAMED}.", kind="answers")
    return name


def _run(
    source: found.Source, given: Given, ask: Ask | None
) -> tuple[str, str, str, str, found.Object | None]:
    """Return the server's package, the commands to run and to serve it, and what is served."""
    if given.run:
        if "{socket}" not in given.run and "{fd}" not in given.run:
            raise Refused("--run needs {socket} or {fd}, where its socket goes.", kind="answers")
        return "", given.run, _with_port(given.run), "as said", next(iter(source.objects), None)
    object = _chosen(source, given, ask)
    return *commands(object), object


def _with_port(run: str) -> str:
    """Return a command that listens at a port in place of a socket, "" where that isn't known."""
    for ours, theirs in (
        ("unix:{socket}", "127.0.0.1:{port}"),
        ("--uds {socket}", "--port {port}"),
    ):
        if ours in run:
            return run.replace(ours, theirs)
    return ""


def _chosen(source: found.Source, given: Given, ask: Ask | None) -> found.Object:
    wanted = given.module
    if ask and not wanted:
        usual = source.objects[0].where if source.objects else ""
        others = ", ".join(each.where for each in source.objects[1:4])
        wanted = ask(f"Its application{f' (there are also {others})' if others else ''}", usual)
    for each in source.objects:
        if wanted in ("", each.where, each.where.removesuffix("()")):
            return each
    if not wanted:
        raise Refused(
            "No FastAPI, Starlette, Flask, Quart, Litestar or Django application is in its source:"
            " name it with --module=package.module:object, or its command with --run.",
            kind="answers",
        )
    known = ", ".join(each.where for each in source.objects[:5]) or "none"
    raise Refused(
        f"{wanted} is no application in its source; found there: {known}. Where it is made in "
        "another way, say how it is served: --run='gunicorn MODULE:NAME --bind unix:{socket}'.",
        kind="answers",
    )


def commands(object: found.Object) -> tuple[str, str, str, str]:
    """Return the server's package, its command behind a socket and for a developer, and what it
    serves."""
    where = object.where
    if object.gateway == "asgi":
        options = f" --app-dir {object.directory}" if object.directory else ""
        options += " --factory" if object.factory else ""
        base = f"python -m uvicorn {where.removesuffix('()')}{options}"
        usual = " --uds {socket} --no-access-log"
        return "uvicorn", base + usual, f"{base} --reload --port {{port}}", where
    options = f" --pythonpath {object.directory}" if object.directory else ""
    base = f"gunicorn {where}{options}"
    usual = " --bind unix:{socket} --workers 2"
    return "gunicorn", base + usual, f"{base} --reload --bind 127.0.0.1:{{port}}", where


def _health(source: found.Source, object: found.Object | None) -> str:
    for path in HEALTH:
        for written in (path, f"{path}/"):
            if written in source.routes:
                return written
    if "/" not in source.routes and object and object.framework == "fastapi":
        return "/openapi.json"
    return "/"


def _options(root: Path, source: found.Source, object: found.Object | None) -> tuple[str, ...]:
    """Return what pytest needs, beside what the project has set for it, to find what is tested:
    the project itself isn't installed in .venv."""
    own = style.pytest(root)
    place = object.directory if object else ""
    options = () if "pythonpath" in own else ("-o", f"pythonpath={place or '.'}")
    if not object or object.framework != "django" or "DJANGO_SETTINGS_MODULE" in own:
        return options
    settings = "tests.settings" if (root / "tests/settings.py").is_file() else source.settings
    return (*options, f"--ds={settings}") if settings else options


def _source(root: Path, object: found.Object | None) -> tuple[str, ...]:
    if not object:
        return (".",)
    top = object.module.split(".")[0]
    place = f"{object.directory}/{top}" if object.directory else top
    return (place if (root / place).is_dir() else top,)
