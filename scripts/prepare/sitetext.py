"""The text of the nginx site, from what is wanted of it. No file, no command: text only."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Dict, List, Mapping

Site = Mapping[str, Any]

ACME = "/.well-known/acme-challenge/"
WEBROOT = "/var/www/acme"

# {v} begins the name of every variable and log format: another site may say the same of itself.
MINE = "# Written by `inv host`, "
HEAD = MINE + """\
which writes it again when it differs.

# Upstream times and status; no query, in which a secret may be.
log_format {v} escape=json '{{"at":"$time_iso8601","from":"$remote_addr",'
    '"method":"$request_method","path":"$uri","status":$status,"bytes":$body_bytes_sent,'
    '"seconds":$request_time,'
    '"upstream_status":"$upstream_status","upstream_connect":"$upstream_connect_time",'
    '"upstream_header":"$upstream_header_time","upstream_seconds":"$upstream_response_time",'
    '"id":"${v}_id","host":"$host","agent":"$http_user_agent"}}';
# A new connection for each request, so that each goes to the release that is live by then.
# Of what a client may change to, only WebSocket: in h2c it would speak past all that is said here.
map $http_upgrade ${v}_upgrade {{ default ""; "~*^websocket$" websocket; }}
map $http_upgrade ${v}_connection {{ default close; "~*^websocket$" upgrade; }}
map $http_x_request_id ${v}_id {{
    default $request_id;
    "~^[A-Za-z0-9._-]{{1,64}}$" $http_x_request_id;
}}
"""
REDIRECT = """\
# To https, but for this host itself: a release is verified through its own front.
map $remote_addr ${v}_local {{ default ""; "~^127\\." 1; "::1" 1; }}
map "$https${v}_local" ${v}_plain {{ default ""; "" 1; }}
"""
SERVER = """\
    server_tokens off;
    client_max_body_size {body};
    access_log /var/log/nginx/{name}.access.log {v};
    error_log /var/log/nginx/{name}.error.log;

    proxy_http_version 1.1;
    proxy_set_header Connection ${v}_connection;
    proxy_set_header Upgrade ${v}_upgrade;
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-ID ${v}_id;
    proxy_connect_timeout 5s;
    proxy_send_timeout {timeout};
    proxy_read_timeout {timeout};
    proxy_next_upstream off;  # no request is sent twice

    # Before the first release, and after a first one that failed. A service that is down is a 502.
    error_page 503 @none;
    location @none {{
        default_type text/plain;
        add_header Retry-After 30 always;
        return 503 "No release is live here.\\n";
    }}
"""
PASS = """\
        if (!-e {path}/current) {{ return 503; }}
        proxy_pass http://unix:{path}/current/run/app.sock;
"""


def variable(name: str) -> str:
    """What a site's variables begin with; no two names have the same."""
    plain = re.sub(r"[^A-Za-z0-9]", "_", name)
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return "site_" + (plain if plain == name else "%s_%s" % (plain, digest))


def text(site: Site, secure: bool, ipv6: bool, http2: str, digest: str = "") -> str:
    """The whole file.

    site: name, path, port, names, reached, body, timeout, metrics, metrics_from, certificate, key,
    acme.
    secure: whether it has its certificate. http2: "listen", "directive", or "" for without.
    digest: of the certificate, so that a new one is a new text.
    """
    fills: Dict[str, Any] = {**site, "v": variable(site["name"])}
    fills["timeout"] = "%dms" % (site["timeout"] * 1000)
    moved = "        if (${v}_plain) {{ return 308 https://$host$request_uri; }}\n"
    way = (moved + PASS if secure else PASS).format(**fills)
    parts = [HEAD.format(**fills), REDIRECT.format(**fills) if secure else "", "\nserver {\n"]
    parts += ["    %s;\n" % line for line in _listen(site, secure, ipv6, http2)]
    parts += ["    %s;\n" % line for line in _certificate(site)] if secure else []
    parts += ["    # certificate %s\n" % digest] if digest else []
    parts.append(SERVER.format(**fills))
    if site["acme"]:
        parts.append(_location("^~ " + ACME, "        root %s;\n" % WEBROOT))
    for path in site["metrics"]:
        allowed = "".join("        allow %s;\n" % each for each in site["metrics_from"])
        # Not moved to https: Prometheus asks each host by its own name, which no certificate has.
        guarded = allowed + "        deny all;\n" + PASS.format(**fills)
        parts.append(_location("= " + path, guarded))
        parts.append(_location("^~ %s/" % path.rstrip("/"), guarded))
    parts.append(_location("/", way))
    return "".join(parts) + "}\n"


def _location(match: str, body: str) -> str:
    return "    location %s {\n%s    }\n" % (match, body)


def _listen(site: Site, secure: bool, ipv6: bool, http2: str) -> List[str]:
    suffix = "" if site["names"] else " default_server"
    secured = " ssl http2" if http2 == "listen" else " ssl"
    lines = []
    for address in ("", "[::]:") if ipv6 else ("",):
        lines.append("listen %s%d%s" % (address, site["port"], suffix))
        if secure:
            lines.append("listen %s443%s%s" % (address, secured, suffix))
    if secure and http2 == "directive":
        lines.append("http2 on")
    names = " ".join(site["names"] and [*site["names"], *site["reached"]]) or "_"
    return [*lines, "server_name %s" % names]


def _certificate(site: Site) -> List[str]:
    return [
        "ssl_certificate %s" % site["certificate"],
        "ssl_certificate_key %s" % site["key"],
        "ssl_protocols TLSv1.2 TLSv1.3",
        "ssl_session_cache shared:%s:1m" % variable(site["name"]),
    ]
