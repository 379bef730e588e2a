"""A Flask service that says which release it is."""

import os

from flask import Flask, Response

app = Flask(__name__)
RELEASE = os.environ.get("RELEASE_ID", "")


@app.get("/")
def index() -> str:
    return "hello from Flask\n"


@app.get("/api/version")
def version() -> dict[str, str]:
    return {"release": RELEASE, "version": os.environ.get("VERSION", "")}


@app.after_request
def name_release(answer: Response) -> Response:
    answer.headers["X-Release-Id"] = RELEASE
    return answer
