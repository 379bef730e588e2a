"""What is found of an application in its source, and what its requirements are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.lib.adopt import answers, found, needs, style

FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FAST = "import fastapi\nservice: fastapi.FastAPI = fastapi.FastAPI()\n"
WSGI = """import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site.settings")
application = get_wsgi_application()
"""
FACTORY = "from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"
NEEDY = "from flask import Flask\ndef create_app(config):\n    return Flask(__name__)\n"
ROUTES = """@app.route("/healthz/")
def health(): ...
urlpatterns = [path("about/", about), re_path(r"^ping$", ping)]
"""


def written(root: Path, files: dict[str, str]) -> found.Source:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return found.read(root, sorted(files))


@pytest.mark.parametrize(
    ("files", "where", "directory"),
    [
        pytest.param({"app.py": FLASK}, "app:app", "", id="one file"),
        pytest.param({"shop/__init__.py": FLASK}, "shop:app", "", id="a package itself"),
        pytest.param(
            {"shop/__init__.py": "", "shop/web.py": FAST}, "shop.web:service", "", id="annotated"
        ),
        pytest.param(
            {"src/shop/__init__.py": "", "src/shop/main.py": FAST},
            "shop.main:service",
            "src",
            id="below src",
        ),
        pytest.param({"backend/main.py": FAST}, "main:service", "backend", id="no package"),
        pytest.param(
            {"app/main.py": FAST, "app/db.py": "from app.main import service"},
            "app.main:service",
            "",
            id="no __init__, and imported by the directory's name",
        ),
        pytest.param({"shop.py": FACTORY}, "shop:create_app()", "", id="a factory"),
        pytest.param({"shop.py": FACTORY, "wsgi.py": FLASK}, "wsgi:app", "", id="rather an object"),
        pytest.param(
            {"site/__init__.py": "", "site/wsgi.py": WSGI, "tests/app.py": FLASK},
            "site.wsgi:application",
            "",
            id="rather none of its tests",
        ),
        pytest.param(
            {"example/app.py": FLASK}, "app:app", "example", id="where it is the only one"
        ),
        pytest.param(
            {"bad.py": "def (:", "app.py": FLASK}, "app:app", "", id="beside a broken one"
        ),
    ],
)
def test_the_application_is_found(
    files: dict[str, str], where: str, directory: str, tmp_path: Path
) -> None:
    first = written(tmp_path, files).objects[0]
    assert (first.where, first.directory) == (where, directory)


def test_a_factory_that_wants_something_is_none(tmp_path: Path) -> None:
    assert written(tmp_path, {"shop.py": NEEDY}).objects == ()


def test_routes_and_settings_are_found(tmp_path: Path) -> None:
    source = written(tmp_path, {"site/wsgi.py": WSGI, "urls.py": ROUTES})
    assert source.routes == {"/healthz/", "/about/", "/ping"}
    assert source.settings == "site.settings"


@pytest.mark.parametrize(
    ("object", "run"),
    [
        (
            found.Object("fastapi", "asgi", "shop.main", "app", "src"),
            "python -m uvicorn shop.main:app --app-dir src --uds {socket} --no-access-log",
        ),
        (
            found.Object("fastapi", "asgi", "shop", "create_app", factory=True),
            "python -m uvicorn shop:create_app --factory --uds {socket} --no-access-log",
        ),
        (
            found.Object("flask", "wsgi", "shop", "create_app", "web", factory=True),
            "gunicorn shop:create_app() --pythonpath web --bind unix:{socket} --workers 2",
        ),
    ],
)
def test_how_it_is_run(object: found.Object, run: str) -> None:
    assert answers.commands(object)[1] == run


@pytest.mark.parametrize(
    ("files", "sources", "develop", "pinned"),
    [
        ({"requirements.txt": "flask"}, ("requirements.txt",), (), ()),
        ({"requirements/base.txt": "", "setup.py": ""}, ("requirements/base.txt",), (), ()),
        ({"setup.py": ""}, ("setup.py",), (), ()),
        ({"pyproject.toml": "[tool.black]"}, (), (), ()),
        (
            {"pyproject.toml": '[project]\nname = "a"\n[dependency-groups]\ndev = ["x"]'},
            ("pyproject.toml",),
            ("pyproject.toml",),
            (),
        ),
        (
            {
                "pyproject.toml": '[tool.poetry]\nname = "a"',
                "poetry.lock": '[[package]]\nname = "x"\nversion = "1.2"\n'
                '[[package]]\nname = "two"\nversion = "1"\n'
                '[[package]]\nname = "two"\nversion = "2"',
            },
            ("pyproject.toml",),
            (),
            ("x==1.2",),
        ),
        (
            {"requirements.txt": "", "requirements-dev.txt": "pytest"},
            ("requirements.txt",),
            ("requirements-dev.txt",),
            (),
        ),
    ],
)
def test_what_it_needs_is_found(
    files: dict[str, str],
    sources: tuple[str, ...],
    develop: tuple[str, ...],
    pinned: tuple[str, ...],
    tmp_path: Path,
) -> None:
    written(tmp_path, files)
    need = needs.find(tmp_path)
    assert (need.sources, need.develop, need.pinned) == (sources, develop, pinned)


def test_a_project_that_pins_itself_is_no_package_of_others() -> None:
    own = {"package": [{"name": "a", "version": "1", "source": {"editable": "."}}]}
    assert needs.pins(own) == []


@pytest.mark.parametrize(
    ("files", "black", "begins"),
    [
        ({}, False, True),
        (
            {"pyproject.toml": "[tool.black]", "tox.ini": "[flake8]\nmax-line-length = 90"},
            True,
            False,
        ),
        ({".pre-commit-config.yaml": "- repo: https://x/psf/black"}, True, True),
        ({"setup.cfg": "[metadata]\nname = x"}, False, True),
    ],
)
def test_its_style_is_kept(
    files: dict[str, str], black: bool, begins: bool, tmp_path: Path
) -> None:
    written(tmp_path, files)
    found = style.read(tmp_path)
    assert (found.black, ".flake8" in found.files) == (black, begins)


@pytest.mark.parametrize(
    ("run", "serve"),
    [
        ("hypercorn a:b --bind unix:{socket}", "hypercorn a:b --bind 127.0.0.1:{port}"),
        ("python -m uvicorn a:b --uds {socket}", "python -m uvicorn a:b --port {port}"),
        ("serve --fd {fd}", ""),
    ],
)
def test_what_was_said_runs_for_a_developer_too(run: str, serve: str, tmp_path: Path) -> None:
    found = answers.decide(tmp_path, (), "A b", answers.Given(run=run), None)
    assert (found.run, found.serve, found.app) == (run, serve, "a-b")


def test_what_cannot_be_parsed_says_nothing_and_nothing_is_said_of_others_code(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    deep = {"deep.py": "x = " + "-" * 200_000 + "1\n", "nul.py": "x\0", "odd.py": "x = '\\d'\n"}
    source = written(tmp_path, {**deep, "app.py": FLASK})
    assert [each.where for each in source.objects] == ["app:app"] and not recwarn.list


def test_a_file_of_settings_for_flake8_stays_whatever_is_in_it(tmp_path: Path) -> None:
    assert ".flake8" in style.read(tmp_path).files
    (tmp_path / ".flake8").write_text("[flake8:local-plugins]\nextension = X = a:b\n")
    assert not style.read(tmp_path).files


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ("r = APIRouter()\n@r.get('/')\ndef a(): ...", set()),
        ("r = APIRouter()\n@r.get('/health')\ndef a(): ...", {"/health"}),
        ("r: APIRouter = fastapi.APIRouter(prefix='/v1/')\n@r.get('/')\ndef a(): ...", {"/v1/"}),
        ("b = Blueprint('b', __name__, url_prefix='/b')\n@b.route('/')\ndef a(): ...", {"/b/"}),
        ("r = APIRouter(prefix=PREFIX)\n@r.get('/x')\ndef a(): ...", {"/x"}),
        ("r = APIRouter(prefix=settings.API)\n@r.get('/')\ndef a(): ...", set()),
        ("u = [path('', include('shop.urls')), path('ht/', include('h.urls'))]", {"/ht/"}),
        ("u = [path('', home)]", {"/"}),
        ("@app.get('/')\ndef a(): ...", {"/"}),
    ],
)
def test_the_top_of_a_part_is_not_the_application_s(
    text: str, routes: set[str], tmp_path: Path
) -> None:
    """Else `/` would be asked for health and at each deploy, of an application that has none."""
    assert written(tmp_path, {"app.py": text}).routes == routes
