"""A service small enough to start in no time: standard library only, one thread a request.

`python app.py SOCKET`. What it does wrong is told by files beside it, so that each release of a
test brings its own: BEHAVIOUR holds words like `exit-at-start`, `unhealthy`, `slow=2`, `errors=0.5`
(of `/`, once it has given `good=20` answers).
"""

import http.server
import json
import os
import random
import signal
import socketserver
import sys
import threading
import time

BEHAVIOUR = (
    open("BEHAVIOUR", encoding="utf-8").read().split() if os.path.exists("BEHAVIOUR") else []
)
SAID = dict(word.partition("=")[::2] for word in BEHAVIOUR)
answered: list[int] = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "-"

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        status, body = 200, {"release": os.environ.get("RELEASE_ID", ""), "text": "hello"}
        if self.path == "/api/health":
            status = 503 if "unhealthy" in SAID else 429 if "throttled" in SAID else 200
        elif self.path == "/":
            time.sleep(float(SAID.get("slow", 0)))
            answered.append(1)
            worn = len(answered) > int(SAID.get("good", 0))
            if worn and random.random() < float(SAID.get("errors", 0)):
                status = 500
        body["greeting"] = os.environ.get("GREETING", "")
        if "wrong-release" in SAID:
            body["release"] = "another"
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("X-Release-Id", os.environ.get("RELEASE_ID", ""))
        self.end_headers()
        self.wfile.write(said)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 2048


def main() -> None:
    if "say-secret" in SAID:
        print("the password is", os.environ.get("SECRET", "unset"), flush=True)
    if "exit-at-start" in SAID:
        sys.exit("this release does not start")
    time.sleep(float(SAID.get("start", 0)))
    server = Server(sys.argv[1], Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()


main()
