"""What an application is, as its source says: read, never run."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path, PurePosixPath
from typing import Iterator, NamedTuple, Sequence

# What makes an application, by the name that is called; the order is that of preference.
MAKERS = {
    "FastAPI": ("fastapi", "asgi"),
    "Flask": ("flask", "wsgi"),
    "get_wsgi_application": ("django", "wsgi"),
    "get_asgi_application": ("django", "asgi"),
    "Quart": ("quart", "asgi"),
    "Litestar": ("litestar", "asgi"),
    "Starlette": ("starlette", "asgi"),
}
FACTORY = re.compile(r"(create|make|build|get)_(app|application|wsgi_app|asgi_app)|app_factory")
ASIDE = {"tests", "test", "testing", "docs", "doc", "examples", "example", "benchmarks", "scripts"}
USUAL = ("app", "application", "main", "api", "wsgi", "asgi", "server", "core", "__init__")
_TOLD = {
    "get",
    "route",
    "api_route",
    "path",
    "re_path",
    "url",
    "add_url_rule",
    "add_route",
    "Route",
}
_ROUTED = {*_TOLD, "add_api_route"}
# What makes a part of an application, and the word for what its routes begin with.
_PREFIXES = {"APIRouter": "prefix", "Blueprint": "url_prefix"}


class Object(NamedTuple):
    """An application in a module.

    framework: "fastapi", "flask", … gateway: "asgi" or "wsgi". module: its dotted name, as it is
    imported from `directory` ("" is the repository itself). name: what it is called there. factory:
    whether that is a function that makes it.
    """

    framework: str
    gateway: str
    module: str
    name: str
    directory: str = ""
    factory: bool = False

    @property
    def where(self) -> str:
        """Return it as servers are told: module:name, with () after a factory."""
        return f"{self.module}:{self.name}{'()' if self.factory else ''}"


class Source(NamedTuple):
    """What the source of a repository says.

    objects: its applications, the likeliest first. routes: what it answers to, as far as that is
    written out. words: every text in it that names a variable of the environment. settings: the
    module of Django's settings, "" without one.
    """

    objects: tuple[Object, ...]
    routes: frozenset[str]
    words: frozenset[str]
    settings: str = ""


def read(root: Path, names: Sequence[str]) -> Source:
    """Return what the Python files `names` below `root` say; what can't be parsed says nothing."""
    trees = {}
    for name in names:
        if name.endswith(".py") and (root / name).is_file():
            try:
                trees[name] = _parsed((root / name).read_bytes())
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # the last is how CPython says that it is nested too deeply
    imported = {top for tree in trees.values() for top in _imported(tree)}
    found = [
        each
        for name, tree in trees.items()
        for each in _objects(tree, *_place(name, names, imported))
    ]
    served = [tree for name, tree in trees.items() if not _aside(name)]
    return Source(
        tuple(sorted(found, key=_rank)),
        frozenset(route for tree in served for route in _routes(tree)),
        frozenset(word for tree in served for word in _variables(tree)),
        next((said for tree in trees.values() for said in _settings(tree)), ""),
    )


def _parsed(text: bytes) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it isn't ours to mend
        return ast.parse(text)


def _rank(each: Object) -> tuple[object, ...]:
    last = each.module.rsplit(".", 1)[-1]
    place = f"{each.directory}/{each.module.replace('.', '/')}.py"
    usual = min(
        (USUAL.index(word) for word in (last, each.name) if word in USUAL), default=len(USUAL)
    )
    order = [framework for framework, _ in MAKERS.values()].index(each.framework)
    asgi = each.framework == "django" and each.gateway == "asgi"
    return _aside(place), each.factory, order, asgi, usual, place.count("/"), place, each.name


def _aside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    file = parts[-1] if parts else ""
    return not ASIDE.isdisjoint(parts[:-1]) or file.startswith(("test_", "conftest", "setup."))


def _place(name: str, names: Sequence[str], imported: set[str]) -> tuple[str, str]:
    """Return the directory that a module is imported from, and its dotted name there.

    A directory is part of the name where it is a package, or where something imports by it.
    """
    path = PurePosixPath(name)
    parts = list(path.with_suffix("").parts)
    top = len(parts) - 1
    while top and ("/".join([*parts[:top], "__init__.py"]) in names or parts[top - 1] in imported):
        top -= 1
    dotted = parts[top:]
    if dotted[-1] == "__init__":
        dotted = dotted[:-1] or [path.parent.name]
    return "/".join(parts[:top]), ".".join(dotted)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0]


def _objects(tree: ast.Module, directory: str, module: str) -> Iterator[Object]:
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            made = _maker(node.value)
            for target in targets:
                if made and isinstance(target, ast.Name):
                    yield Object(*made, module, target.id, directory)
        elif isinstance(node, ast.FunctionDef) and FACTORY.fullmatch(node.name):
            needs = len(node.args.args) + len(node.args.posonlyargs) - len(node.args.defaults)
            makes = next(filter(None, map(_maker, ast.walk(node))), None)
            if makes and not needs:
                yield Object(*makes, module, node.name, directory, factory=True)


def _maker(node: ast.AST | None) -> tuple[str, str] | None:
    """Return framework and gateway where a node calls what makes an application."""
    return MAKERS.get(_called(node.func)) if isinstance(node, ast.Call) else None


def _called(node: ast.expr) -> str:
    return getattr(node, "attr", "") or getattr(node, "id", "")


def _routes(tree: ast.Module) -> Iterator[str]:
    parts = dict(_parts(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) in _ROUTED and node.args:
            first = node.args[0]
            if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
                continue
            part = parts.get(getattr(getattr(node.func, "value", None), "id", ""))
            # Django's have no slash at their beginning, and none of a regular expression's.
            route = f"{part or ''}/" + first.value.lstrip("^/").rstrip("$")
            # Where the top of a part comes to be is said by who puts it there.
            if route != "/" or (part is None and not _includes(node)):
                yield route


def _parts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names of a module's routers and blueprints, with what their routes begin with, ""
    where that isn't said there."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call):
            prefix = _PREFIXES.get(_called(node.value.func))
            given = [each.value for each in node.value.keywords if each.arg == prefix]
            texts = [str(each.value) for each in given if isinstance(each, ast.Constant)]
            said = "".join(texts).strip("/")
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if prefix and isinstance(target, ast.Name):
                    yield target.id, f"/{said}" if said else ""


def _includes(node: ast.Call) -> bool:
    """Tell whether a route of Django's is the beginning of others, as `path("", include(…))`."""
    return any(isinstance(each, ast.Call) and _called(each.func) == "include" for each in node.args)


def _variables(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[A-Z][A-Z0-9_]{2,}", node.value):
                yield node.value


def _settings(tree: ast.Module) -> Iterator[str]:
    """Yield what DJANGO_SETTINGS_MODULE is set to: `os.environ.setdefault(it, module)`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and _called(node.func) == "setdefault"
            and len(node.args) == 2
        ):
            name, module = (getattr(each, "value", "") for each in node.args)
            if name == "DJANGO_SETTINGS_MODULE" and isinstance(module, str):
                yield module
