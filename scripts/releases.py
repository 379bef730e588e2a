"""A scratch project with four releases to tell a story with, made from what is in this clone."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from tasks.lib.errors import Refused
from tasks.lib.git import Git

HERE = Path(__file__).resolve().parents[1]
# The recipes, as a project that has adopted them holds them, and the service to deploy.
PARTS = ("tasks.py", "tasks", "scripts", "server", ".gitignore")
# Somebody's own, wherever it lies: a fresh clone does not have it.
PRIVATE = (".env", ".env.*", ".sandbox", ".circle", ".venv")
MAIN = "server/main.py"
IDENTITY = (
    *("-c", "user.name=The story", "-c", "user.email=story@example.invalid"),
    *("-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"),
)

# Answers to `/` that v4 gives before it wears out: enough for every check at its start to pass.
GOOD = 150

V2 = '''

@app.get("/api/hello")
async def hello() -> dict[str, str]:
    """Greet: what is new in v2."""
    return {"hello": "from v2"}
'''

V3 = """raise RuntimeError("v3 was built without its settings")
"""

V4 = f'''

import itertools

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.middleware.base import RequestResponseEndpoint

_served = itertools.count(1)


@app.middleware("http")
async def wear_out(request: Request, answer: RequestResponseEndpoint) -> Response:
    """Run out of something after {GOOD} answers, as a pool that leaks does."""
    if request.url.path == "/" and (number := next(_served)) > {GOOD} and number % 3:
        return JSONResponse({{"detail": "no connection is left in the pool"}}, 500)
    return await answer(request)
'''

# A short watch with many looks: the load is steady, and nobody wants to wait for a story.
CONFIGURATION = """\
app: pi-forge
service:
  requirements: server/requirements.txt
  run: python -m uvicorn server.main:app --uds {socket} --no-access-log
  smoke:
    - path: /
      status: 200
  thresholds:
    interval: 100ms
    requests: 2
environments:
  sandbox:
    watch: 4s
"""


@dataclass(frozen=True)
class Project:
    """The scratch project: its directory, and the commit of each of its tags v1 to v4."""

    root: Path
    commits: dict[str, str]


def make(root: Path) -> Project:
    """Make the project in `root`, an empty directory; HEAD ends on v4.

    v1 is the service as it is here, v2 adds a route, v3 raises when it is imported, v4 passes every
    check and answers 500 to two thirds of the requests to `/` after the first ones. Raises
    `Refused` when this clone has no reference service, or git fails.
    """
    if not (HERE / MAIN).is_file():
        raise Refused(
            f"The story deploys the service in server/, but {MAIN} is gone: try a fresh clone."
        )
    for part in PARTS:
        if (HERE / part).is_dir():
            shutil.copytree(HERE / part, root / part, ignore=shutil.ignore_patterns(*PRIVATE))
        else:
            shutil.copy2(HERE / part, root / part)
    (root / "invoke.yaml").write_text(CONFIGURATION)
    first = (root / MAIN).read_text()
    git = Git(root)
    git("init", "--quiet", "--template=", "--initial-branch=main")
    texts = {"v1": first, "v2": first + V2, "v3": V3 + first, "v4": first + V2 + V4}
    commits = {}
    for tag, text in texts.items():
        (root / MAIN).write_text(text)
        git("add", "--all")
        git(*IDENTITY, "commit", "--quiet", "--no-verify", "--allow-empty", "--message", tag)
        git(*IDENTITY, "tag", "--annotate", tag, "--message", tag)
        commits[tag] = git("rev-parse", "HEAD").decode().strip()
    return Project(root, commits)
