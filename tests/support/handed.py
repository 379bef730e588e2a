"""A service that is handed a socket: `python handed.py DESCRIPTOR`. It says what it was told."""

import http.server
import json
import os
import socket
import socketserver
import sys

said = {key: text for key, text in os.environ.items() if key.startswith("LISTEN_")}
said |= {"release": os.environ["RELEASE_ID"], "stdin": os.readlink("/proc/self/fd/0")}
body = json.dumps({**said, "pid": os.getpid(), "argv": sys.argv[1:]}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def address_string(self) -> str:
        return "-"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = socketserver.UnixStreamServer("", Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(sys.argv[1]))
server.serve_forever()
