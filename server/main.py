"""What a server of ASGI applications is pointed at: `python -m uvicorn server.main:app`."""

import os

from .app import create_app
from .release import Release

app = create_app(Release.of(os.environ))
